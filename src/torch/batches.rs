//! Data as tensors, and a client's samples as batches. Rows are gathered into fresh memory, a part of an epoch
//! at a time, so that alignment does not depend on rank or history.

use super::device::{free_bytes, upload};
use crate::data::Samples;
use tch::{Device, TchError, Tensor};

/// Bytes of features that are gathered at once, if a batch is not larger.
const PART: usize = 64 << 20;

/// Samples on a device.
pub struct Rows {
    features: Tensor,
    labels: Tensor,
}

impl Rows {
    fn new(features: &[f32], labels: &[u32], shape: &[usize], device: Device) -> Result<Rows, TchError> {
        let mut sizes = vec![labels.len() as i64];
        sizes.extend(shape.iter().map(|&n| n as i64));
        let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
        Ok(Rows {
            features: upload(features, &sizes, device)?,
            labels: upload(&labels, &[labels.len() as i64], device)?,
        })
    }

    /// The named samples, in this order.
    fn pick(&self, samples: &[u32]) -> Result<Rows, TchError> {
        let order: Vec<i64> = samples.iter().map(|&sample| i64::from(sample)).collect();
        let order = upload(&order, &[order.len() as i64], self.labels.device())?;
        Ok(Rows { features: self.features.f_index_select(0, &order)?, labels: self.labels.f_index_select(0, &order)? })
    }

    /// All of them.
    pub fn all(&self) -> (&Tensor, &Tensor) {
        (&self.features, &self.labels)
    }

    /// Batches of `size` samples, the last one shorter when it does not come out even.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = (Tensor, Tensor)> + '_ {
        let count = self.labels.numel();
        (0..count).step_by(size).map(move |start| {
            let (start, length) = (start as i64, size.min(count - start) as i64);
            (self.features.narrow(0, start, length), self.labels.narrow(0, start, length))
        })
    }
}

/// Where samples are when a device needs them: there, if it has room for all of them, else on the host, from
/// where they are sent when their turn comes. The tensors are the same either way.
pub struct Stock {
    kept: Option<Rows>,
    shape: Vec<usize>,
    device: Device,
}

impl Stock {
    /// Samples that stay on the host.
    pub fn on_host(shape: &[usize], device: Device) -> Stock {
        Stock { kept: None, shape: shape.to_vec(), device }
    }

    /// Keeps the first `count` samples on a device that `sharers` ranks use, if it would be at most half full of
    /// them should all ranks do so, by what is free at the moment.
    pub fn on_device(samples: &Samples, count: usize, shape: &[usize], device: Device, sharers: usize) -> Stock {
        let width: usize = shape.iter().product();
        let bytes = count * (width * size_of::<f32>() + size_of::<i64>());
        let fits = free_bytes(device).is_none_or(|free| bytes.saturating_mul(sharers) <= free / 2);
        let load = || Rows::new(&samples.features[..count * width], &samples.labels[..count], shape, device);
        let kept = match fits.then(load) {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(format!("more than half of what is free, with {sharers} ranks")),
        };
        if let Err(reason) = &kept {
            log::warn!(
                "{} MiB of samples are sent to the device as needed, since it cannot keep them: {reason}",
                bytes >> 20
            );
        }
        Stock { kept: kept.ok(), ..Stock::on_host(shape, device) }
    }

    /// Samples per part of an epoch in batches of `batch`: whole batches.
    pub fn part(&self, batch: usize) -> usize {
        let bytes = batch * self.shape.iter().product::<usize>() * size_of::<f32>();
        batch * (PART / bytes.max(1)).max(1)
    }

    /// The named samples, in this order, in fresh memory of the device.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn rows(&self, samples: &Samples, order: &[u32]) -> Result<Rows, TchError> {
        if let Some(kept) = &self.kept {
            return kept.pick(order);
        }
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        samples.gather(order, &mut features, &mut labels);
        Rows::new(&features, &labels, &self.shape, self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_and_sent_samples_are_the_same() {
        let samples = Samples {
            features: (0..24).map(|i| i as f32).collect::<Vec<_>>().into(),
            labels: (0..12u32).collect::<Vec<_>>().into(),
        };
        let kept = Stock::on_device(&samples, 12, &[2], Device::Cpu, 1);
        let sent = Stock::on_host(&[2], Device::Cpu);
        assert!(kept.kept.is_some() && sent.kept.is_none());
        let batches = |stock: &Stock| -> Vec<(Vec<f32>, Vec<i64>)> {
            let rows = stock.rows(&samples, &[7, 0, 11, 3, 3]).expect("room");
            let numbers = |(x, y): (Tensor, Tensor)| {
                (Vec::try_from(x.flatten(0, -1)).expect("floats"), Vec::try_from(y).expect("integers"))
            };
            rows.batches(2).map(numbers).collect()
        };
        assert_eq!(batches(&kept), batches(&sent));
        assert_eq!(batches(&sent)[0], (vec![14.0, 15.0, 0.0, 1.0], vec![7, 0]));
        assert_eq!(batches(&sent)[2], (vec![6.0, 7.0], vec![3]));
    }

    #[test]
    fn parts_are_whole_batches() {
        let stock = Stock::on_host(&[1 << 20], Device::Cpu);
        // A sample takes 4 MiB.
        assert_eq!([1, 5, 16, 17, 100].map(|batch| stock.part(batch)), [16, 15, 16, 17, 100]);
    }
}
