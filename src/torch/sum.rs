//! A round on a device: its weights come once, the partial sum leaves once, however many clients
//! are trained between. The arithmetic is that of [`ExactSum`](crate::weights::ExactSum), bit for
//! bit.

use super::device::overwrite;
use super::params::Params;
use crate::ids::ClientId;
use crate::shelf::Shelf;
use crate::train::TrainError;
use crate::weights::{Accumulator, Held, LIMIT, Piece, Weights};
use std::sync::Arc;
use tch::{Device, Kind, Tensor, no_grad};

/// The round's weights, and the sum of fixed-point changes since they came.
pub struct DeviceSum {
    length: i64,
    device: Device,
    // Which weights `start` holds.
    round: Weights,
    start: Option<Tensor>,
    units: Option<Tensor>,
    // Whether the units are to be handed over; else they count as zeros.
    holds: bool,
    copies: Shelf<i64>,
}

impl DeviceSum {
    /// An empty sum for models of `length` values. It takes memory once it is needed.
    pub fn new(length: usize, device: Device) -> DeviceSum {
        let (start, units, copies) = (None, None, Shelf::default());
        DeviceSum {
            length: length as i64,
            device,
            round: Arc::default(),
            start,
            units,
            holds: false,
            copies,
        }
    }

    /// The round's weights on the device; they travel only when they are new.
    pub fn start(&mut self, weights: &Weights) -> &Tensor {
        let (length, device) = (self.length, self.device);
        let start = self
            .start
            .get_or_insert_with(|| Tensor::zeros([length], (Kind::Float, device)));
        if !Arc::ptr_eq(weights, &self.round) {
            overwrite(start, weights);
            self.round = Arc::clone(weights);
        }
        start
    }

    /// Adds a client that was trained from [`DeviceSum::start`]: `share` is its weight in
    /// fixed-point units.
    ///
    /// # Errors
    /// Weights that are not finite or out of range.
    pub fn add(&mut self, client: ClientId, params: &Params, share: f64) -> Result<(), TrainError> {
        let round = Arc::clone(&self.round);
        no_grad(|| {
            let change =
                params.flat().to_kind(Kind::Double) - self.start(&round).to_kind(Kind::Double);
            let largest = change.abs().max().double_value(&[]);
            if largest.is_nan() || largest > LIMIT {
                let mut weights = vec![0.0; round.len()];
                params.save(&mut weights);
                Piece {
                    share,
                    start: 0,
                    new: &weights,
                    old: Some(&round),
                }
                .check(client)?;
            }
            let more = (change * share).round().to_kind(Kind::Int64);
            match &mut self.units {
                Some(units) if self.holds => *units += more,
                Some(units) => units.copy_(&more),
                None => self.units = Some(more),
            }
            self.holds = true;
            Ok(())
        })
    }

    /// Moves everything that was added to `sum`.
    pub fn hand_over(&mut self, sum: &mut dyn Accumulator) {
        if let Some(units) = self.units.as_ref().filter(|_| self.holds) {
            sum.merge(
                &self
                    .copies
                    .filled(units.numel(), |copy| units.copy_data(copy, copy.len())),
            );
        }
        self.holds = false;
    }

    /// Where everything is that was added; it counts as handed over.
    pub fn take(&mut self) -> Held {
        let (length, device) = (self.length, self.device);
        let units = self
            .units
            .get_or_insert_with(|| Tensor::zeros([length], (Kind::Int64, device)));
        if !self.holds {
            let _ = units.zero_();
        }
        self.holds = false;
        Held {
            address: units.data_ptr() as u64,
            length: units.numel(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{ExactSum, Layout};

    #[test]
    fn the_sum_on_a_device_is_the_sum_on_the_host() {
        let mut layout = Layout::default();
        layout.push("w", &[64]);
        let numbers =
            |seed: f32| -> Vec<f32> { (0..64).map(|i| (i as f32 * seed).sin() * 3.0).collect() };
        let start: Weights = Arc::new(numbers(0.7));
        let (mut on_host, mut on_device) = (ExactSum::new(64, 10), ExactSum::new(64, 10));
        let mut device = DeviceSum::new(64, Device::Cpu);
        let mut params = Params::new(&layout, 1, Device::Cpu).expect("room");
        device.start(&start);
        for (client, samples) in [(0, 3), (1, 7)] {
            let update = numbers(0.3 + client as f32);
            on_host
                .add(ClientId(client), samples, &start, &update)
                .expect("finite");
            params.load(&update);
            device
                .add(ClientId(client), &params, on_device.share(samples))
                .expect("finite");
        }
        device.hand_over(&mut on_device);
        assert_eq!(on_device.units(), on_host.units());
        params.load(&[f32::NAN; 64]);
        assert!(
            device
                .add(ClientId(4), &params, 1.0)
                .expect_err("NaN")
                .to_string()
                .contains("client 4")
        );
        // Nothing is handed over twice.
        let mut empty = ExactSum::new(64, 10);
        device.hand_over(&mut empty);
        assert!(empty.units().iter().all(|&unit| unit == 0));
        // What is taken where it lies is the same, and zeros when it was taken before.
        params.load(&numbers(0.3));
        device
            .add(ClientId(0), &params, on_device.share(3))
            .expect("finite");
        let mut alone = ExactSum::new(64, 10);
        alone
            .add(ClientId(0), 3, &start, &numbers(0.3))
            .expect("finite");
        // SAFETY: the memory is that of a tensor on the CPU.
        let seen = |held: Held| {
            unsafe { std::slice::from_raw_parts(held.address as *const i64, held.length) }.to_vec()
        };
        assert_eq!(&seen(device.take()), &**alone.units());
        assert!(seen(device.take()).iter().all(|&unit| unit == 0));
    }
}
