//! Dropout from our own streams. Libtorch's generator is one per process: with several workers on
//! threads, what a client draws would depend on the others. Our masks are also the same on any
//! device.

use crate::seed::Stream;
use rand::RngCore;
use std::{mem, vec};
use tch::{Device, Kind, Tensor, no_grad};

/// The randomness inside a model while one client trains.
pub struct Noise {
    source: Source,
    // The bytes that were handed out, while they are to be remembered.
    handed: Option<Vec<Tensor>>,
    // Whether nobody has asked for anything.
    fresh: bool,
}

enum Source {
    Stream(Box<Stream>),
    // Bytes that were handed out before, which a recorded step reads whenever it is done.
    Given(vec::IntoIter<Tensor>),
    // Drops nothing.
    #[cfg(test)]
    Silence,
}

impl Noise {
    fn of(source: Source) -> Noise {
        Noise {
            source,
            handed: None,
            fresh: true,
        }
    }

    /// Draws from a client's own stream.
    pub fn new(stream: Stream) -> Self {
        Noise::of(Source::Stream(Box::new(stream)))
    }

    /// Hands out these bytes, in this order.
    pub fn given(bytes: &[Tensor]) -> Self {
        let bytes: Vec<Tensor> = bytes.iter().map(Tensor::shallow_clone).collect();
        Noise::of(Source::Given(bytes.into_iter()))
    }

    /// Training in which nothing is dropped.
    #[cfg(test)]
    pub fn silent() -> Self {
        Noise::of(Source::Silence)
    }

    /// Does work, and gives the bytes that it was handed out, in order.
    pub fn remember<T>(&mut self, work: impl FnOnce(&mut Noise) -> T) -> (T, Vec<Tensor>) {
        self.handed = Some(Vec::new());
        let done = work(self);
        (done, self.handed.take().unwrap_or_default())
    }

    /// Fills in bytes that were handed out before, as if they were asked for now.
    pub fn fill(&mut self, handed: &mut [Tensor]) {
        for bytes in handed {
            let drawn = self.drawn(&bytes.size());
            no_grad(|| bytes.copy_(&drawn));
        }
    }

    /// Whether a client begins, which is said once.
    pub fn begins(&mut self) -> bool {
        mem::take(&mut self.fresh)
    }

    /// A seed for another generator.
    pub fn seed(&mut self) -> u64 {
        match &mut self.source {
            Source::Stream(stream) => stream.next_u64(),
            _ => 0,
        }
    }

    /// Drops each value with probability `rate`, to the nearest 256th, and scales the others so
    /// that the mean stays.
    pub fn dropout(&mut self, values: &Tensor, rate: f64) -> Tensor {
        values * self.mask(&values.size(), rate, values.device())
    }

    /// The same for samples as a whole, the first dimension.
    pub fn drop_samples(&mut self, values: &Tensor, rate: f64) -> Tensor {
        let each: Vec<i64> = values
            .size()
            .iter()
            .enumerate()
            .map(|(axis, &n)| if axis == 0 { n } else { 1 })
            .collect();
        values * self.mask(&each, rate, values.device())
    }

    fn mask(&mut self, size: &[i64], rate: f64, device: Device) -> Tensor {
        #[cfg(test)]
        if let Source::Silence = self.source {
            return Tensor::ones(size, (Kind::Float, device));
        }
        let dropped = (rate * 256.0).round();
        let kept = self.bytes(size, device).ge(dropped as i64);
        kept.to_kind(Kind::Float) * (256.0 / (256.0 - dropped))
    }

    fn bytes(&mut self, size: &[i64], device: Device) -> Tensor {
        let bytes = match &mut self.source {
            Source::Given(bytes) => bytes.next().expect("as many bytes as in the rehearsal"),
            _ => self.drawn(size).to_device(device),
        };
        if let Some(handed) = &mut self.handed {
            handed.push(bytes.shallow_clone());
        }
        bytes
    }

    fn drawn(&mut self, size: &[i64]) -> Tensor {
        let mut bytes = vec![u8::MAX; size.iter().product::<i64>() as usize];
        if let Source::Stream(stream) = &mut self.source {
            stream.fill_bytes(&mut bytes);
        }
        Tensor::from_slice(&bytes).view(size)
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
    fn what_is_filled_in_later_is_what_would_have_been_drawn() {
        let values = Tensor::ones([30, 2, 5], (Kind::Float, Device::Cpu));
        let twice = |noise: &mut Noise| {
            let all = noise.dropout(&values, 0.25);
            all + noise.drop_samples(&values, 0.5)
        };
        let stream = || Noise::new(Seed(1).stream(Purpose::Model));
        let (_, mut handed) = Noise::new(Seed(2).stream(Purpose::Model)).remember(twice);
        stream().fill(&mut handed);
        assert_eq!(twice(&mut Noise::given(&handed)), twice(&mut stream()));
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
