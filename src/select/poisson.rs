//! `poisson`: who takes part says nothing of the others, as accounts of privacy want it.

use super::{Draw, Pool, Selector};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::Rng;

/// Each client by itself, with the chance that makes `wanted` of them in the mean.
pub struct Poisson;

impl Selector for Poisson {
    fn select(
        &mut self,
        _: Round,
        pool: &Pool<'_>,
        wanted: usize,
        stream: &mut Stream,
    ) -> Vec<ClientId> {
        let chance = wanted as f64 / pool.len().max(1) as f64;
        pool.clients()
            .filter(|_| stream.random::<f64>() < chance)
            .collect()
    }

    fn draw(&self) -> Draw {
        Draw::Independent
    }

    fn needs_rounds(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};
    use crate::select::Members;

    #[test]
    fn cohorts_are_as_large_as_wanted_in_the_mean_and_vary_as_they_should() {
        let pool = Pool {
            members: Members::All(200),
            samples: &|_| 1,
        };
        let sizes: Vec<f64> = (0..500)
            .map(|round| {
                let mut stream = Seed(3).for_round(Purpose::Select, Round(round));
                Poisson.select(Round(round), &pool, 20, &mut stream).len() as f64
            })
            .collect();
        let mean = sizes.iter().sum::<f64>() / 500.0;
        let variance = sizes.iter().map(|size| (size - mean).powi(2)).sum::<f64>() / 500.0;
        // Of a binomial distribution: n q, and n q (1 - q).
        assert!((mean - 20.0).abs() < 0.6 && (variance - 18.0).abs() < 3.5, "{mean} {variance}");
    }
}
