//! Dropout from our own streams. Libtorch's generator is one per process: with several workers on
//! threads, what a client draws would depend on the others. Our masks are also the same on any device.

use crate::seed::Stream;
use rand::RngCore;
use tch::{Kind, Tensor};

/// The randomness inside a model while one client trains.
pub struct Noise {
    stream: Stream,
}

impl Noise {
    /// Draws from a client's own stream.
    pub fn new(stream: Stream) -> Self {
        Noise { stream }
    }

    /// A seed for another generator.
    pub fn seed(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// Drops each value with probability `rate` (to a 256th) and scales the others by `1 / (1 - rate)`.
    pub fn dropout(&mut self, values: &Tensor, rate: f64) -> Tensor {
        let mut bytes = vec![0u8; values.numel()];
        self.stream.fill_bytes(&mut bytes);
        let drawn = Tensor::from_slice(&bytes).view(&values.size()[..]).to_device(values.device());
        let kept = drawn.ge((rate * 256.0) as i64).to_kind(Kind::Float);
        values * (kept * (1.0 / (1.0 - rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};
    use tch::Device;

    #[test]
    fn a_quarter_is_dropped_and_the_mean_stays() {
        let values = Tensor::ones([100, 1000], (Kind::Float, Device::Cpu));
        let dropped = Noise::new(Seed(1).stream(Purpose::Model)).dropout(&values, 0.25);
        let zeros = dropped.eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((24_000..26_000).contains(&zeros), "{zeros}");
        assert!((dropped.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.02);
    }
}
