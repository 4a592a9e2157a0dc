//! Data as tensors, and a client's samples as batches. Rows are gathered into fresh memory, a part
//! of an epoch at a time, so that alignment does not depend on rank or history.

use super::device::{free_bytes, upload};
use crate::data::{Column, FeatureNoise, Look, Samples};
use crate::task::Facts;
use crate::train::Hider;
use tch::{Device, TchError, Tensor};

/// Bytes of features that are gathered at once, if a batch is not larger.
const PART: usize = 64 << 20;

/// Samples on a device.
pub struct Rows {
    inputs: Tensor,
    targets: Tensor,
}

impl Rows {
    /// The named samples, changed if they are looked at so. Numbers are floats there, and classes
    /// and tokens 64-bit integers.
    fn gather(
        samples: &Samples,
        order: &[u32],
        facts: &Facts,
        device: Device,
        look: Option<&Look>,
    ) -> Result<Rows, TchError> {
        // One class or token a sample has no axis of its own.
        let each: &[usize] = match facts.targets {
            1 if samples.targets.is_integers() => &[],
            _ => &[facts.targets],
        };
        let inputs = axes(order.len(), &facts.shape);
        let targets = axes(order.len(), each);
        Ok(Rows {
            inputs: column(&samples.inputs, order, &inputs, device, look)?,
            targets: column(&samples.targets, order, &targets, device, None)?,
        })
    }

    /// The named samples, in this order.
    fn pick(&self, samples: &[u32]) -> Result<Rows, TchError> {
        let order: Vec<i64> = samples.iter().map(|&sample| i64::from(sample)).collect();
        let order = upload(&order, &[order.len() as i64], self.targets.device())?;
        Ok(Rows {
            inputs: self.inputs.f_index_select(0, &order)?,
            targets: self.targets.f_index_select(0, &order)?,
        })
    }

    /// The same with noise; `samples` are their numbers.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn disturbed(self, noise: &FeatureNoise, samples: &[u32]) -> Result<Rows, TchError> {
        let mut added = vec![0.0; self.inputs.numel()];
        noise.add(samples, &mut added);
        let added = upload(&added, &self.inputs.size(), self.inputs.device())?;
        Ok(Rows {
            inputs: self.inputs + added,
            ..self
        })
    }

    /// The same with tokens hidden, of samples with these numbers.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn hidden(self, hider: &Hider, samples: &Samples, order: &[u32]) -> Result<Rows, TchError> {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        samples.inputs.gather_integers(order, &mut inputs);
        samples.targets.gather_integers(order, &mut targets);
        let each = |tokens: &Vec<u32>| (tokens.len() / order.len().max(1)).max(1);
        let (width, count) = (each(&inputs), each(&targets));
        let rows = inputs
            .chunks_exact_mut(width)
            .zip(targets.chunks_exact_mut(count));
        order
            .iter()
            .zip(rows)
            .for_each(|(&sample, (row, targets))| hider.hide(sample, row, targets));
        let device = self.targets.device();
        let inputs = integers(inputs, &self.inputs.size(), device)?;
        Ok(Rows {
            inputs,
            targets: integers(targets, &self.targets.size(), device)?,
        })
    }

    /// All of them.
    pub fn all(&self) -> (&Tensor, &Tensor) {
        (&self.inputs, &self.targets)
    }

    /// Batches of `size` samples, the last one shorter when it does not come out even.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = (Tensor, Tensor)> + '_ {
        let count = self.targets.size()[0] as usize;
        (0..count).step_by(size).map(move |start| {
            let (start, length) = (start as i64, size.min(count - start) as i64);
            (self.inputs.narrow(0, start, length), self.targets.narrow(0, start, length))
        })
    }
}

fn integers(values: Vec<u32>, sizes: &[i64], device: Device) -> Result<Tensor, TchError> {
    let values: Vec<i64> = values.into_iter().map(i64::from).collect();
    upload(&values, sizes, device)
}

/// The named rows of a column on a device, changed on the host.
fn column(
    column: &Column,
    order: &[u32],
    sizes: &[i64],
    device: Device,
    look: Option<&Look>,
) -> Result<Tensor, TchError> {
    if column.is_integers() {
        let mut values = Vec::new();
        column.gather_integers(order, &mut values);
        return integers(values, sizes, device);
    }
    let mut floats = Vec::new();
    column.gather_floats(order, &mut floats);
    look.iter().for_each(|look| look.apply(order, &mut floats));
    upload(&floats, sizes, device)
}

/// Where samples are when a device needs them: there, if it has room for all of them, else on the
/// host, from where they are sent when their turn comes. The tensors are the same either way.
pub struct Stock {
    kept: Option<Rows>,
    facts: Facts,
    device: Device,
}

impl Stock {
    /// Samples that stay on the host.
    pub fn on_host(facts: &Facts, device: Device) -> Stock {
        Stock {
            kept: None,
            facts: facts.clone(),
            device,
        }
    }

    /// Keeps the first `count` samples on a device that `sharers` ranks use, if it would be at most
    /// half full of them should all ranks do so, by what is free at the moment.
    pub fn on_device(
        samples: &Samples,
        count: usize,
        facts: &Facts,
        device: Device,
        sharers: usize,
    ) -> Stock {
        let bytes = count * (facts.width() * size_of::<f32>() + facts.targets * size_of::<i64>());
        let fits = free_bytes(device).is_none_or(|free| bytes.saturating_mul(sharers) <= free / 2);
        let order: Vec<u32> = (0..count as u32).collect();
        let kept = match fits.then(|| Rows::gather(samples, &order, facts, device, None)) {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(format!("more than half of what is free, with {sharers} ranks")),
        };
        if let Err(reason) = &kept {
            log::warn!(
                "{} MiB of samples are sent to the device as needed, since it cannot keep them: \
                 {reason}",
                bytes >> 20
            );
        }
        Stock {
            kept: kept.ok(),
            ..Stock::on_host(facts, device)
        }
    }

    /// Samples per part of an epoch in batches of `batch`: whole batches.
    pub fn part(&self, batch: usize) -> usize {
        let bytes = batch * self.facts.width() * size_of::<f32>();
        batch * (PART / bytes.max(1)).max(1)
    }

    /// The named samples, in this order, in fresh memory of the device, as a visit looks at them.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn rows(
        &self,
        samples: &Samples,
        order: &[u32],
        look: Option<&Look>,
    ) -> Result<Rows, TchError> {
        match (&self.kept, look) {
            (Some(kept), None) => kept.pick(order),
            _ => Rows::gather(samples, order, &self.facts, self.device, look),
        }
    }
}

/// The axes of so many samples of a shape.
fn axes(samples: usize, own: &[usize]) -> Vec<i64> {
    let mut axes = vec![samples as i64];
    axes.extend(own.iter().map(|&count| count as i64));
    axes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Input, Task};

    fn numbers((inputs, targets): (Tensor, Tensor)) -> (Vec<f32>, Vec<i64>) {
        let inputs = Vec::try_from(inputs.flatten(0, -1)).expect("floats");
        (inputs, Vec::try_from(targets).expect("integers"))
    }

    #[test]
    fn kept_and_sent_samples_are_the_same() {
        let samples = Samples {
            inputs: Column::floats((0..24).map(|i| i as f32).collect(), 2),
            targets: Column::integers((0..12).collect(), 1),
        };
        let facts = Facts::classes(&[2], 12);
        let kept = Stock::on_device(&samples, 12, &facts, Device::Cpu, 1);
        let sent = Stock::on_host(&facts, Device::Cpu);
        assert!(kept.kept.is_some() && sent.kept.is_none());
        let batches = |stock: &Stock| {
            let rows = stock.rows(&samples, &[7, 0, 11, 3, 3], None).expect("room");
            rows.batches(2).map(numbers).collect::<Vec<_>>()
        };
        assert_eq!(batches(&kept), batches(&sent));
        assert_eq!(batches(&sent)[0], (vec![14.0, 15.0, 0.0, 1.0], vec![7, 0]));
        assert_eq!(batches(&sent)[2], (vec![6.0, 7.0], vec![3]));
    }

    #[test]
    fn tokens_stay_integers_and_rows_of_targets_have_an_axis() {
        let samples = Samples {
            inputs: Column::integers((0..6).collect(), 3),
            targets: Column::integers((1..7).collect(), 3),
        };
        let task = Task::Next {
            vocabulary: 7,
            ignore: None,
        };
        let facts = Facts {
            shape: vec![3],
            task,
            input: Input::Tokens,
            targets: 3,
        };
        let rows = Stock::on_host(&facts, Device::Cpu)
            .rows(&samples, &[1], None)
            .expect("room");
        let (inputs, targets) = rows.all();
        assert_eq!(
            (inputs.size(), inputs.kind(), targets.size()),
            (vec![1, 3], tch::Kind::Int64, vec![1, 3])
        );
        assert_eq!(targets.int64_value(&[0, 2]), 6);
    }

    #[test]
    fn parts_are_whole_batches() {
        let stock = Stock::on_host(&Facts::classes(&[1 << 20], 2), Device::Cpu);
        // A sample takes 4 MiB.
        assert_eq!([1, 5, 16, 17, 100].map(|batch| stock.part(batch)), [16, 15, 16, 17, 100]);
    }
}
