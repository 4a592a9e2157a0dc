//! Differential privacy of clients (McMahan et al. 2018): changes are clipped, weigh alike, and
//! their sum gets normal noise. What a run then gives away of a client is bounded by `(epsilon,
//! delta)`.
//!
//! With `S` the sum of the clipped changes, `m` the clients of a cohort in the mean, `C` the
//! longest that a change may be and `z` the multiplier, the model moves along `(S + N(0, z² C² I))
//! / m`. `m` is fixed: how many clients a cohort really has would give something away.
//!
//! Whoever knows `--seed` can draw the noise again and take it off, so the bound is one for those
//! who see models and do not know the seed.

mod renyi;

use crate::ids::counted;
use crate::seed::Stream;
use crate::select::Draw;
use rand_distr::{Distribution, StandardNormal};
use std::fmt;
use std::ops::Range;

pub use renyi::Accountant;

/// Noise on the mean of a cohort's changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// The longest that a client's change is, over all trained weights: `C`.
    pub norm: f64,
    /// Deviation of each value of the noise on the sum, in norms: `z`.
    pub multiplier: f64,
    /// Clients of a cohort in the mean: `m`.
    pub cohort: u32,
}

impl Noise {
    /// Deviation of each value of the noise on the mean.
    pub fn deviation(&self) -> f64 {
        self.norm * self.multiplier / f64::from(self.cohort)
    }

    /// Adds it to the values of these tensors in a mean; what lies between them stays zero.
    pub fn blur(&self, mean: &mut [f64], tensors: &[Range<usize>], stream: &mut Stream) {
        let deviation = self.deviation();
        if deviation == 0.0 {
            return;
        }
        for tensor in tensors {
            for value in &mut mean[tensor.clone()] {
                let drawn: f64 = StandardNormal.sample(stream);
                *value += deviation * drawn;
            }
        }
    }
}

/// How a cohort hides who is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Each client by itself, with this chance. Runs are compared that differ by one client more.
    Poisson(f64),
    /// A set of fixed size, which is this share of all. Runs are compared that differ in what one
    /// client has.
    Fixed(f64),
    /// Nobody is hidden: a client may be in every cohort. Runs are compared of which one is without
    /// what a client would have changed.
    None,
}

impl Sampling {
    /// That of a selector that takes so many of all clients; none where who is chosen tells
    /// something of what clients have.
    pub fn of(draw: Draw, cohort: usize, clients: usize) -> Option<Sampling> {
        let share = cohort as f64 / clients as f64;
        match draw {
            Draw::Informed => None,
            Draw::Independent | Draw::Uniform if share >= 1.0 => Some(Sampling::None),
            Draw::Independent => Some(Sampling::Poisson(share)),
            Draw::Uniform => Some(Sampling::Fixed(share)),
            Draw::Blind => Some(Sampling::None),
        }
    }
}

/// What a run gives away of each client, at most.
#[derive(Clone, Debug)]
pub struct Privacy {
    /// What its cohorts' means get.
    pub noise: Noise,
    /// How cohorts are drawn.
    pub sampling: Sampling,
    /// Chance that the bound does not hold.
    pub delta: f64,
    /// The largest epsilon that may be spent; none for any.
    pub budget: Option<f64>,
    /// Rounds that it has room for; none without one.
    pub affordable: Option<u32>,
    accountant: Accountant,
}

/// Multipliers beyond which nothing is looked for.
const LARGEST: f64 = 1e6;

impl Privacy {
    /// Keeps the books of these settings.
    pub fn new(noise: Noise, sampling: Sampling, delta: f64, budget: Option<f64>) -> Privacy {
        let accountant = Accountant::new(noise.multiplier, sampling);
        let affordable = budget.map(|budget| accountant.rounds_within(budget, delta));
        Privacy {
            noise,
            sampling,
            delta,
            budget,
            affordable,
            accountant,
        }
    }

    /// Epsilon after so many rounds; infinite without noise.
    pub fn epsilon(&self, rounds: u32) -> f64 {
        self.accountant.epsilon(rounds, self.delta)
    }

    /// What so many rounds take, in a few words.
    pub fn cost(&self, rounds: u32) -> String {
        let Privacy { delta, budget, .. } = self;
        match (budget, self.affordable) {
            (Some(budget), Some(some)) if some < rounds => {
                format!(
                    "epsilon {budget} at delta {delta:e} has room for {some} rounds of {rounds}"
                )
            }
            _ if self.noise.multiplier == 0.0 => "no noise, so nothing is bounded".to_owned(),
            _ => format!(
                "epsilon {:.3} at delta {delta:e} after {}",
                self.epsilon(rounds),
                counted(rounds as usize, "round")
            ),
        }
    }

    /// The least epsilon that any noise keeps.
    pub fn least_epsilon(sampling: Sampling, delta: f64, rounds: u32) -> f64 {
        Accountant::new(LARGEST, sampling).epsilon(rounds, delta)
    }

    /// The least multiplier, to four digits, that keeps a budget over so many rounds; none when
    /// none does.
    pub fn least_multiplier(
        sampling: Sampling,
        delta: f64,
        budget: f64,
        rounds: u32,
    ) -> Option<f64> {
        let keeps = |multiplier: f64| {
            Accountant::new(multiplier, sampling).epsilon(rounds, delta) <= budget
        };
        let (mut low, mut high) = (1e-3, 1.0);
        while !keeps(high) {
            (low, high) = (high, 2.0 * high);
            if high > LARGEST {
                return None;
            }
        }
        while high - low > 1e-5 * high {
            let middle = (low + high) / 2.0;
            if keeps(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(up_to_digits(high))
    }

    /// What epsilon and delta are of.
    pub fn terms(&self) -> String {
        let Noise {
            norm, multiplier, ..
        } = self.noise;
        let hidden = match self.sampling {
            Sampling::Poisson(share) => {
                format!("one client more or less; each takes part with chance {share}")
            }
            Sampling::Fixed(share) => {
                format!("another client in one's place; cohorts are a share of {share}")
            }
            Sampling::None => {
                "a client's changes there or not; it may take part in every round".into()
            }
        };
        format!(
            "{hidden}; changes up to {norm} long, noise of {multiplier} times that on their sum; by \
             Rényi divergence"
        )
    }
}

impl fmt::Display for Privacy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "delta {:e}; {}", self.delta, self.terms())
    }
}

/// The next number of four digits that is not below.
fn up_to_digits(number: f64) -> f64 {
    let scale = 10f64.powf(3.0 - number.log10().floor());
    (number * scale).ceil() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    const NOISE: Noise = Noise {
        norm: 2.0,
        multiplier: 3.0,
        cohort: 10,
    };

    #[test]
    fn noise_has_its_deviation_and_is_the_same_again() {
        let blurred = |seed| {
            let mut mean = vec![0.0; 20_003];
            let tensors = [0..9_000, 9_003..20_003];
            NOISE.blur(&mut mean, &tensors, &mut Seed(seed).stream(Purpose::Noise));
            mean
        };
        let mean = blurred(1);
        assert_eq!(mean[9_000..9_003], [0.0; 3]);
        let square = mean.iter().map(|value| value * value).sum::<f64>() / mean.len() as f64;
        assert!((square.sqrt() / NOISE.deviation() - 1.0).abs() < 0.02, "{}", square.sqrt());
        assert_eq!(NOISE.deviation(), 0.6);
        assert!(mean == blurred(1) && mean != blurred(2));
    }

    #[test]
    fn the_least_multiplier_keeps_the_budget_and_a_smaller_one_does_not() {
        for (sampling, budget, rounds) in [
            (Sampling::Poisson(0.01), 8.0, 1000),
            (Sampling::Fixed(0.1), 3.0, 50),
            (Sampling::None, 1.0, 10),
        ] {
            let least = Privacy::least_multiplier(sampling, 1e-5, budget, rounds).expect("one");
            let spent = |multiplier| Accountant::new(multiplier, sampling).epsilon(rounds, 1e-5);
            assert!(
                spent(least) <= budget && spent(0.999 * least) > budget,
                "{sampling:?} {least}"
            );
        }
        // The reference says .6159 with orders between whole ones too.
        let known = Privacy::least_multiplier(Sampling::Poisson(0.01), 1e-5, 8.0, 1000);
        assert!((known.expect("one") - 0.6159).abs() < 0.01, "{known:?}");
    }

    #[test]
    fn a_budget_has_room_for_the_rounds_that_keep_it() {
        let privacy = Privacy::new(NOISE, Sampling::Poisson(0.1), 1e-5, Some(1.5));
        let rounds = privacy.affordable.expect("a budget");
        assert!(rounds > 1 && privacy.epsilon(rounds) <= 1.5 && privacy.epsilon(rounds + 1) > 1.5);
        assert_eq!(privacy.epsilon(0), 0.0);
    }
}
