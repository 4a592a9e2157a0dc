//! Dropout from our own streams. Libtorch's generator is one per process: with several workers on
//! threads, what a client draws would depend on the others. Our masks are also the same on any
//! device.

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
        Noise {
            stream: Some(stream),
        }
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

    /// Drops each value with probability `rate`, to the nearest 256th, and scales the others so
    /// that the mean stays.
    pub fn dropout(&mut self, values: &Tensor, rate: f64) -> Tensor {
        values * self.mask(&values.size(), rate).to_device(values.device())
    }

    /// The same for samples as a whole, the first dimension.
    pub fn drop_samples(&mut self, values: &Tensor, rate: f64) -> Tensor {
        let each: Vec<i64> = values
            .size()
            .iter()
            .enumerate()
            .map(|(axis, &n)| if axis == 0 { n } else { 1 })
            .collect();
        values * self.mask(&each, rate).to_device(values.device())
    }

    fn mask(&mut self, size: &[i64], rate: f64) -> Tensor {
        let Some(stream) = &mut self.stream else {
            return Tensor::ones(size, (Kind::Float, Device::Cpu));
        };
        let mut bytes = vec![0u8; size.iter().product::<i64>() as usize];
        stream.fill_bytes(&mut bytes);
        let dropped = (rate * 256.0).round();
        let kept = Tensor::from_slice(&bytes)
            .view(size)
            .ge(dropped as i64)
            .to_kind(Kind::Float);
        kept * (256.0 / (256.0 - dropped))
    }
}

/// Dropout where there is noise, which is in training; else values pass.
pub fn dropped(noise: &mut Option<&mut Noise>, values: Tensor, rate: f64) -> Tensor {
    match noise {
        Some(noise) if rate > 0.0 => noise.dropout(&values, rate),
        _ => values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn the_mean_stays_at_rates_that_are_no_256ths() {
        let values = Tensor::ones([1000, 1000], (Kind::Float, Device::Cpu));
        let dropped = Noise::new(Seed(1).stream(Purpose::Model)).dropout(&values, 0.1);
        // A tenth is 26 of 256; the deviation of the mean is 0.0003.
        assert!((dropped.mean(Kind::Double).double_value(&[]) - 1.0).abs() < 0.002);
        let mut none = None;
        assert_eq!(
            super::dropped(&mut none, values, 0.1)
                .mean(Kind::Double)
                .double_value(&[]),
            1.0
        );
    }

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
        let sums = Noise::new(Seed(1).stream(Purpose::Model))
            .drop_samples(&values, 0.5)
            .sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
        let zeros = sums.eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((400..600).contains(&zeros), "{zeros}");
        assert_eq!(sums.eq(12.0).sum(Kind::Int64).int64_value(&[]), 1000 - zeros);
    }
}
