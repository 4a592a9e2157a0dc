//! A worker's partial sum on its device: the round's weights come once, the sum leaves once, however
//! many clients are trained between. The arithmetic is that of [`ExactSum`], bit for bit.

use super::params::Params;
use crate::ids::ClientId;
use crate::train::TrainError;
use crate::weights::{ExactSum, Held, LIMIT, Weights};
use std::sync::Arc;
use tch::{Device, Kind, Tensor, no_grad};

/// The sum of fixed-point changes since the round's weights came.
pub struct DeviceSum {
    // Which weights `start` holds.
    round: Weights,
    start: Tensor,
    units: Tensor,
    holds: Holds,
}

/// What the units are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Zeros,
    Changes,
    /// Handed over already: they count as zeros.
    Rest,
}

impl DeviceSum {
    /// An empty sum for models of `length` values.
    pub fn new(length: usize, device: Device) -> DeviceSum {
        DeviceSum {
            round: Arc::default(),
            start: Tensor::zeros([length as i64], (Kind::Float, device)),
            units: Tensor::zeros([length as i64], (Kind::Int64, device)),
            holds: Holds::Zeros,
        }
    }

    /// The round's weights on the device; they travel only when they are new.
    pub fn start(&mut self, weights: &Weights) -> &Tensor {
        if !Arc::ptr_eq(weights, &self.round) {
            no_grad(|| self.start.copy_(&Tensor::from_slice(weights)));
            self.round = Arc::clone(weights);
        }
        &self.start
    }

    /// Adds a trained client: `share` is its weight in fixed-point units.
    ///
    /// # Errors
    /// Weights that are not finite or out of range.
    pub fn add(&mut self, client: ClientId, params: &Params, share: f64) -> Result<(), TrainError> {
        no_grad(|| {
            let change = params.flat().to_kind(Kind::Double) - self.start.to_kind(Kind::Double);
            let largest = change.abs().max().double_value(&[]);
            if largest.is_nan() || largest > LIMIT {
                let reason = "diverged: its weights are not finite or out of range (hint: lower --lr)";
                return Err(TrainError(format!("client {client} {reason}")));
            }
            let more = (change * share).round().to_kind(Kind::Int64);
            match self.holds {
                Holds::Changes => self.units += more,
                Holds::Zeros | Holds::Rest => self.units.copy_(&more),
            }
            self.holds = Holds::Changes;
            Ok(())
        })
    }

    /// Moves everything that was added to `sum`.
    pub fn hand_over(&mut self, sum: &mut ExactSum) {
        if self.holds == Holds::Changes {
            let mut units = vec![0i64; self.units.numel()];
            self.units.copy_data(&mut units, self.units.numel());
            sum.merge(&Arc::new(units));
            self.holds = Holds::Rest;
        }
    }

    /// Where everything is that was added; it counts as handed over.
    pub fn take(&mut self) -> Held {
        if self.holds == Holds::Rest {
            let _ = self.units.zero_();
        }
        self.holds = Holds::Rest;
        Held { address: self.units.data_ptr() as u64, length: self.units.numel() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Layout;

    #[test]
    fn the_sum_on_a_device_is_the_sum_on_the_host() {
        let mut layout = Layout::default();
        layout.push("w", &[64]);
        let numbers = |seed: f32| -> Vec<f32> { (0..64).map(|i| (i as f32 * seed).sin() * 3.0).collect() };
        let start: Weights = Arc::new(numbers(0.7));
        let (mut on_host, mut on_device) = (ExactSum::new(64, 10), ExactSum::new(64, 10));
        let mut device = DeviceSum::new(64, Device::Cpu);
        let mut params = Params::new(&layout, 1, Device::Cpu);
        device.start(&start);
        for (client, samples) in [(0, 3), (1, 7)] {
            let update = numbers(0.3 + client as f32);
            on_host.add(ClientId(client), samples, &start, &update).expect("finite");
            params.load(&update);
            device.add(ClientId(client), &params, on_device.share(samples)).expect("finite");
        }
        device.hand_over(&mut on_device);
        assert_eq!(on_device.units(), on_host.units());
        params.load(&[f32::NAN; 64]);
        assert!(device.add(ClientId(4), &params, 1.0).expect_err("NaN").to_string().contains("client 4"));
        // Nothing is handed over twice.
        let mut empty = ExactSum::new(64, 10);
        device.hand_over(&mut empty);
        assert!(empty.units().iter().all(|&unit| unit == 0));
        // What is taken where it lies is the same, and zeros when it was taken before.
        params.load(&numbers(0.3));
        device.add(ClientId(0), &params, on_device.share(3)).expect("finite");
        let mut alone = ExactSum::new(64, 10);
        alone.add(ClientId(0), 3, &start, &numbers(0.3)).expect("finite");
        // SAFETY: the memory is that of a tensor on the CPU.
        let seen = |held: Held| unsafe { std::slice::from_raw_parts(held.address as *const i64, held.length) }.to_vec();
        assert_eq!(&seen(device.take()), &**alone.units());
        assert!(seen(device.take()).iter().all(|&unit| unit == 0));
    }
}
