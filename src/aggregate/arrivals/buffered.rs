//! `fedavg_async` and `semi_async`: a weighted mean of the changes that have arrived.
//!
//! `w <- w + lr sum_i n_i s_i (w_i - w_start_i) / sum_i n_i s_i`, when enough are there or, in
//! semi-asynchronous rounds, when the deadline has come.
//!
//! ```
//! use fedmpi::aggregate::arrivals::{Arrival, Facts, make};
//! use fedmpi::{ids::ClientId, staleness::Staleness};
//! let facts = Facts {
//!     staleness: Staleness::Constant,
//!     concurrency: 4,
//!     deadline: Some(5.0),
//! };
//! let arrival = |weight: f32, samples| Arrival {
//!     client: ClientId(0),
//!     samples,
//!     staleness: 0,
//!     weight: 1.0,
//!     now: 0.0,
//!     start: std::sync::Arc::new(vec![1.0]),
//!     weights: std::sync::Arc::new(vec![weight]),
//! };
//! for name in ["fedavg_async:buffer_size=2", "semi_async:semi_fraction=0.5"] {
//!     let mut rule = make(&name.into(), &facts)?;
//!     assert_eq!(rule.arrive(&[1.0], &arrival(2.0, 3))?, None);
//!     // Two are enough, of two and of half of four: 1 + (3 * 1 + 1 * 5) / 4.
//!     assert_eq!(rule.arrive(&[1.0], &arrival(6.0, 1))?, Some(vec![3.0]));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{Arrival, Arrivals};
use crate::weights::SumError;

/// Changes that wait, already summed.
pub struct Buffered {
    enough: usize,
    rounds: Option<Option<f64>>,
    rate: f64,
    sum: Vec<f64>,
    weight: f64,
    held: usize,
}

impl Buffered {
    /// Moves the model when `enough` updates are there. `rounds` makes it semi-asynchronous, with
    /// the seconds that a round may last.
    pub fn new(enough: usize, rounds: Option<Option<f64>>, rate: f64) -> Buffered {
        Buffered {
            enough,
            rounds,
            rate,
            sum: Vec::new(),
            weight: 0.0,
            held: 0,
        }
    }
}

impl Arrivals for Buffered {
    fn arrive(&mut self, global: &[f32], arrival: &Arrival) -> Result<Option<Vec<f32>>, SumError> {
        self.sum.resize(global.len(), 0.0);
        let weight = arrival.samples as f64 * arrival.weight;
        for ((sum, &new), &old) in self
            .sum
            .iter_mut()
            .zip(arrival.weights.iter())
            .zip(arrival.start.iter())
        {
            *sum += weight * (f64::from(new) - f64::from(old));
        }
        self.weight += weight;
        self.held += 1;
        Ok(if self.held < self.enough {
            None
        } else {
            self.due(global)
        })
    }

    fn deadline(&self, last: f64) -> Option<f64> {
        self.rounds.flatten().map(|seconds| last + seconds)
    }

    fn due(&mut self, global: &[f32]) -> Option<Vec<f32>> {
        if self.held == 0 {
            return None;
        }
        let rate = if self.weight > 0.0 {
            self.rate / self.weight
        } else {
            0.0
        };
        let moved = global
            .iter()
            .zip(&self.sum)
            .map(|(&old, sum)| (f64::from(old) + rate * sum) as f32)
            .collect();
        (self.weight, self.held) = (0.0, 0);
        self.sum.fill(0.0);
        Some(moved)
    }

    fn refills_at_once(&self) -> bool {
        self.rounds.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arrival;
    use super::*;

    #[test]
    fn samples_and_staleness_weigh() {
        let mut rule = Buffered::new(2, None, 1.0);
        assert_eq!(rule.arrive(&[1.0], &arrival(1.0, 2.0, 3, 0)), Ok(None));
        // (3 * 1 + 2 * 0.5 * 5) / (3 + 1) = 2.
        assert_eq!(rule.arrive(&[1.0], &arrival(0.0, 5.0, 2, 3)), Ok(Some(vec![3.0])));
    }

    #[test]
    fn a_deadline_takes_what_is_there() {
        let mut rule = Buffered::new(9, Some(Some(5.0)), 1.0);
        assert_eq!(
            (rule.deadline(2.0), rule.refills_at_once(), rule.due(&[1.0])),
            (Some(7.0), false, None)
        );
        assert_eq!(rule.arrive(&[1.0], &arrival(1.0, 2.0, 3, 0)), Ok(None));
        assert_eq!(rule.due(&[1.0]), Some(vec![2.0]));
    }
}
