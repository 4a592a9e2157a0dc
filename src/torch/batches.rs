//! Data as tensors, and a client's samples as batches. A client's rows are gathered once per epoch
//! into fresh memory, so that alignment does not depend on rank or history.

use crate::data::Samples;
use tch::{Device, TchError, Tensor};

/// Samples on a device.
pub struct Rows {
    features: Tensor,
    labels: Tensor,
}

impl Rows {
    /// Copies the first `count` samples of this shape to a device.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn resident(samples: &Samples, count: usize, shape: &[usize], device: Device) -> Result<Rows, TchError> {
        let width: usize = shape.iter().product();
        Rows::new(&samples.features[..count * width], &samples.labels[..count], shape, device)
    }

    /// Copies the named samples to a device, in this order.
    pub fn gathered(samples: &Samples, order: &[u32], shape: &[usize], device: Device) -> Rows {
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        samples.gather(order, &mut features, &mut labels);
        Rows::new(&features, &labels, shape, device).expect("room for one client")
    }

    fn new(features: &[f32], labels: &[u32], shape: &[usize], device: Device) -> Result<Rows, TchError> {
        let mut sizes = vec![labels.len() as i64];
        sizes.extend(shape.iter().map(|&n| n as i64));
        let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
        Ok(Rows {
            features: Tensor::from_slice(features).view(&sizes[..]).f_to_device(device)?,
            labels: Tensor::from_slice(&labels).f_to_device(device)?,
        })
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
