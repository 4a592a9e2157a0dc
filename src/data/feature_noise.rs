//! Feature skew by noise (Li et al. 2022, section IV; FedLab's feature noise): client `i` of `n`,
//! the first being 1, sees its inputs with normal noise of deviation `sigma i / n`. A sample's
//! noise is its own, the same whenever it is trained on.

use crate::ids::ClientId;
use crate::seed::{Purpose, Seed};
use rand::Rng;
use rand_distr::StandardNormal;

/// The noise on a client's inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureNoise {
    seed: Seed,
    client: ClientId,
    deviation: f32,
}

impl FeatureNoise {
    /// That of one of so many clients; none when nobody has any.
    pub fn of(seed: Seed, client: ClientId, clients: usize, sigma: f64) -> Option<FeatureNoise> {
        let deviation = sigma * (client.index() + 1) as f64 / clients.max(1) as f64;
        (sigma > 0.0).then_some(FeatureNoise {
            seed,
            client,
            deviation: deviation as f32,
        })
    }

    /// Adds it to the inputs of these samples, row after row.
    pub fn add(&self, samples: &[u32], inputs: &mut [f32]) {
        let width = (inputs.len() / samples.len().max(1)).max(1);
        for (&sample, row) in samples.iter().zip(inputs.chunks_mut(width)) {
            let mut stream = self
                .seed
                .for_sample(Purpose::FeatureNoise, sample, self.client);
            row.iter_mut().for_each(|value| {
                *value += self.deviation * stream.sample::<f32, _>(StandardNormal)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(client: u32, samples: &[u32]) -> Vec<f32> {
        let mut inputs = vec![1.0; samples.len() * 1000];
        FeatureNoise::of(Seed(1), ClientId(client), 10, 0.5)
            .expect("some")
            .add(samples, &mut inputs);
        inputs
    }

    #[test]
    fn later_clients_see_more_of_it() {
        for (client, wanted) in [(0, 0.05), (9, 0.5)] {
            let inputs = noise(client, &[7, 8]);
            let mean = inputs.iter().sum::<f32>() / 2000.0;
            let deviation = (inputs
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f32>()
                / 2000.0)
                .sqrt();
            assert!(
                (mean - 1.0).abs() < 0.1 * wanted && (deviation / wanted - 1.0).abs() < 0.1,
                "{mean} {deviation}"
            );
        }
        assert_eq!(FeatureNoise::of(Seed(1), ClientId(3), 10, 0.0), None);
    }

    #[test]
    fn a_samples_noise_is_its_own() {
        let (both, turned) = (noise(2, &[7, 8]), noise(2, &[8, 7]));
        assert_eq!((&both[..1000], &both[1000..]), (&turned[1000..], &turned[..1000]));
        assert_ne!(both[..1000], both[1000..]);
        assert_ne!(both, noise(3, &[7, 8]));
    }
}
