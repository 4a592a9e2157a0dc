//! Dropout from our own streams. Libtorch's generator is one per process: with several workers on
//! threads, what a client draws would depend on the others. Our masks are also the same on any device.

use crate::seed::Stream;
use rand::RngCore;
use tch::{Device, Kind, Tensor};

/// The randomness inside a model while one client trains.
pub struct Noise {
    // None drops nothing.
    stream: Option<Stream>,
}

impl Noise {
    /// Draws from a client's own stream.
    pub fn new(stream: Stream) -> Self {
        Noise { stream: Some(stream) }
    }

    /// Training in which nothing is dropped.
    #[cfg(test)]
    pub fn silent() -> Self {
        Noise { stream: None }
    }

    /// A seed for another generator.
    pub fn seed(&mut self) -> u64 {
        self.stream.as_mut().map_or(0, Stream::next_u64)
    }

    /// Drops each value with probability `rate` (to a 256th) and scales the others by `1 / (1 - rate)`.
    pub fn dropout(&mut self, values: &Tensor, rate: f64) -> Tensor {
        values * self.mask(&values.size(), rate).to_device(values.device())
    }

    /// The same for samples as a whole, the first dimension.
    pub fn drop_samples(&mut self, values: &Tensor, rate: f64) -> Tensor {
        let each: Vec<i64> = values.size().iter().enumerate().map(|(axis, &n)| if axis == 0 { n } else { 1 }).collect();
        values * self.mask(&each, rate).to_device(values.device())
    }

    fn mask(&mut self, size: &[i64], rate: f64) -> Tensor {
        let Some(stream) = &mut self.stream else { return Tensor::ones(size, (Kind::Float, Device::Cpu)) };
        let mut bytes = vec![0u8; size.iter().product::<i64>() as usize];
        stream.fill_bytes(&mut bytes);
        let kept = Tensor::from_slice(&bytes).view(size).ge((rate * 256.0) as i64).to_kind(Kind::Float);
        kept * (1.0 / (1.0 - rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn a_quarter_is_dropped_and_the_mean_stays() {
        let values = Tensor::ones([100, 1000], (Kind::Float, Device::Cpu));
        let dropped = Noise::new(Seed(1).stream(Purpose::Model)).dropout(&values, 0.25);
        let zeros = dropped.eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((24_000..26_000).contains(&zeros), "{zeros}");
        assert!((dropped.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.02);
    }

    #[test]
    fn samples_are_dropped_as_a_whole() {
        let values = Tensor::ones([1000, 2, 3], (Kind::Float, Device::Cpu));
        let sums = Noise::new(Seed(1).stream(Purpose::Model)).drop_samples(&values, 0.5).sum_dim_intlist(
            [1, 2].as_slice(),
            false,
            Kind::Float,
        );
        let zeros = sums.eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((400..600).contains(&zeros), "{zeros}");
        assert_eq!(sums.eq(12.0).sum(Kind::Int64).int64_value(&[]), 1000 - zeros);
    }
}
