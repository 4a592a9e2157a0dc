//! How long a worker takes for a client: `seconds = a samples + b`, fitted for each worker by least
//! squares over all it has done, older rounds counting less. This is Parrot's workload model (Tang
//! et al. 2023, arXiv 2303.01778); where one point, equal points or a falling line leave it
//! undefined or absurd, time is taken to be proportional or constant.

use crate::ids::Rank;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a measurement still counts after one more round.
const MEMORY: f64 = 0.7;

/// What the line of all workers together counts for each of them, in measurements. It decides once
/// a worker has trained nothing for long: one bad moment must not keep it idle for ever.
const COMMON: f64 = 0.01;

/// A line for each worker that has trained.
///
/// ```
/// use fedmpi::{ids::Rank, schedule::CostModel};
/// let mut cost = CostModel::default();
/// cost.learn(Rank(1), 100, 0.3);
/// cost.learn(Rank(1), 200, 0.5);
/// assert!((cost.line(Rank(1)).seconds(400) - 0.9).abs() < 1e-9); // 0.002 a sample, and 0.1
/// assert!((cost.line(Rank(2)).seconds(150) - 0.4).abs() < 1e-9); // Not seen yet: as the others.
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CostModel {
    workers: BTreeMap<Rank, Moments>,
    // The sum over all workers.
    together: Moments,
}

/// A worker's time: `per_sample * samples + constant`, both at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line {
    /// Seconds for each sample.
    pub per_sample: f64,
    /// Seconds for each client.
    pub constant: f64,
}

impl Line {
    /// Predicted seconds for a client.
    pub fn seconds(&self, samples: u64) -> f64 {
        self.per_sample * samples as f64 + self.constant
    }
}

impl CostModel {
    /// Whether anything was learned yet; without it a sample counts as a second.
    pub fn is_known(&self) -> bool {
        !self.workers.is_empty()
    }

    /// A worker took `seconds` for a client with `samples`.
    pub fn learn(&mut self, rank: Rank, samples: u64, seconds: f64) {
        let measured = Moments::of(samples as f64, seconds);
        let own = self.workers.entry(rank).or_default();
        *own = own.plus(&measured);
        self.together = self.together.plus(&measured);
    }

    /// A round has passed: what was learned before counts less.
    pub fn forget(&mut self) {
        self.workers
            .values_mut()
            .chain([&mut self.together])
            .for_each(|moments| *moments = moments.times(MEMORY));
    }

    /// The line of one worker; that of all workers together for one that has not trained, or not
    /// for long.
    pub fn line(&self, rank: Rank) -> Line {
        let own = self.workers.get(&rank).copied().unwrap_or_default();
        let share = COMMON / (own.weight + COMMON);
        let (own, common) = (own.fit(), self.together.fit());
        let between = |own: f64, common: f64| own + share * (common - own);
        Line {
            per_sample: between(own.per_sample, common.per_sample),
            constant: between(own.constant, common.constant),
        }
    }
}

/// Weighted sums from which a line follows.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Moments {
    weight: f64,
    n: f64,
    t: f64,
    nn: f64,
    nt: f64,
}

impl Moments {
    fn of(n: f64, t: f64) -> Moments {
        Moments {
            weight: 1.0,
            n,
            t,
            nn: n * n,
            nt: n * t,
        }
    }

    fn plus(&self, other: &Moments) -> Moments {
        Moments {
            weight: self.weight + other.weight,
            n: self.n + other.n,
            t: self.t + other.t,
            nn: self.nn + other.nn,
            nt: self.nt + other.nt,
        }
    }

    fn times(&self, by: f64) -> Moments {
        let Moments {
            weight,
            n,
            t,
            nn,
            nt,
        } = *self;
        Moments {
            weight: weight * by,
            n: n * by,
            t: t * by,
            nn: nn * by,
            nt: nt * by,
        }
    }

    fn fit(&self) -> Line {
        if self.weight <= 0.0 || self.n <= 0.0 {
            return Line {
                per_sample: 1.0,
                constant: 0.0,
            };
        }
        let proportional = Line {
            per_sample: self.nt / self.nn,
            constant: 0.0,
        };
        let spread = self.nn - self.n * self.n / self.weight;
        // Sizes that hardly differ say nothing about the slope.
        if spread <= 1e-9 * self.nn {
            return proportional;
        }
        let per_sample = (self.nt - self.n * self.t / self.weight) / spread;
        let constant = (self.t - per_sample * self.n) / self.weight;
        if per_sample < 0.0 {
            Line {
                per_sample: 0.0,
                constant: self.t / self.weight,
            }
        } else if constant < 0.0 {
            proportional
        } else {
            Line {
                per_sample,
                constant,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_and_equal_points_are_proportional() {
        let mut cost = CostModel::default();
        assert_eq!((cost.is_known(), cost.line(Rank(1)).seconds(30)), (false, 30.0));
        cost.learn(Rank(1), 100, 0.5);
        assert_eq!(cost.line(Rank(1)).seconds(200), 1.0);
        cost.learn(Rank(1), 100, 0.7);
        assert!((cost.line(Rank(1)).seconds(200) - 1.2).abs() < 1e-12);
    }

    #[test]
    fn falling_lines_and_negative_constants_are_not_believed() {
        let line = |points: [(u64, f64); 2]| {
            let mut cost = CostModel::default();
            points
                .into_iter()
                .for_each(|(samples, seconds)| cost.learn(Rank(1), samples, seconds));
            cost.line(Rank(1))
        };
        let falling = line([(100, 0.4), (200, 0.2)]);
        assert!(falling.per_sample == 0.0 && (falling.constant - 0.3).abs() < 1e-12);
        assert_eq!(line([(100, 0.1), (200, 0.5)]).constant, 0.0);
    }

    /// Rank 2 once took ten times as long, and gets nothing to train since; rank 1 trains as ever.
    #[test]
    fn what_was_measured_long_ago_is_forgotten() {
        let mut cost = CostModel::default();
        cost.learn(Rank(2), 100, 1.0);
        let mut predicted = Vec::new();
        for _ in 0..40 {
            cost.forget();
            cost.learn(Rank(1), 100, 0.1);
            predicted.push(cost.line(Rank(2)).seconds(100));
        }
        assert!(predicted[0] > 0.9 && predicted[39] < 0.11, "{predicted:?}");
        assert!((cost.line(Rank(1)).seconds(100) - 0.1).abs() < 1e-3);
    }

    #[test]
    fn a_worker_that_slows_down_is_followed() {
        let mut cost = CostModel::default();
        for round in 0..20 {
            let slower = if round < 10 { 1.0 } else { 3.0 };
            cost.forget();
            for samples in [50, 100, 300] {
                cost.learn(Rank(1), samples, slower * samples as f64 / 1000.0);
            }
        }
        assert!((cost.line(Rank(1)).seconds(100) / 0.3 - 1.0).abs() < 0.05);
    }
}
