//! Data as tensors, and a client's samples as batches. A client's rows are gathered once per epoch
//! into fresh memory, so that alignment does not depend on rank or history.

use crate::data::{Dataset, Samples};
use tch::{Device, Tensor};

/// Samples on a device.
pub struct Rows {
    features: Tensor,
    labels: Tensor,
}

impl Rows {
    /// Copies the first `count` samples to a device, each in the data set's shape.
    pub fn new(dataset: &Dataset, samples: &Samples, count: usize, device: Device) -> Rows {
        let mut shape = vec![count as i64];
        shape.extend(dataset.shape.iter().map(|&n| n as i64));
        let labels: Vec<i64> = samples.labels[..count].iter().map(|&label| i64::from(label)).collect();
        Rows {
            features: Tensor::from_slice(&samples.features[..count * dataset.width()])
                .view(&shape[..])
                .to_device(device),
            labels: Tensor::from_slice(&labels).to_device(device),
        }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.labels.numel()
    }

    /// The named samples, in this order.
    pub fn in_order(&self, samples: &[u32]) -> Rows {
        let order: Vec<i64> = samples.iter().map(|&sample| i64::from(sample)).collect();
        let order = Tensor::from_slice(&order).to_device(self.labels.device());
        Rows { features: self.features.index_select(0, &order), labels: self.labels.index_select(0, &order) }
    }

    /// Batches of `size` samples, the last one shorter when it does not come out even.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = (Tensor, Tensor)> + '_ {
        (0..self.count()).step_by(size).map(move |start| {
            let (start, length) = (start as i64, size.min(self.count() - start) as i64);
            (self.features.narrow(0, start, length), self.labels.narrow(0, start, length))
        })
    }
}
