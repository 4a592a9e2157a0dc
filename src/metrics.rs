//! Sums that turn into means: metrics of parts can be added before they are divided. Sums of losses are multiples of
//! 2^-24, so that adding them is exact and nobody can tell in which order it was done.

use serde::{Deserialize, Serialize};

/// Loss and hits over some samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Sum of the samples' losses (cross-entropy in nats).
    pub loss_sum: f64,
    /// Samples predicted right.
    pub correct: u64,
    /// Samples seen.
    pub samples: u64,
}

/// What losses are multiples of; sums below 2^29 are exact.
const GRAIN: f64 = (1u64 << 24) as f64;

impl Metrics {
    /// Of a part: the sum of its losses, rounded once, and its hits.
    pub fn of(loss_sum: f64, correct: u64, samples: u64) -> Metrics {
        Metrics { loss_sum: (loss_sum * GRAIN).round_ties_even() / GRAIN, correct, samples }
    }

    /// Mean loss per sample; 0 of nothing.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.samples.max(1) as f64
    }

    /// Share of samples predicted right, from 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples.max(1) as f64
    }

    /// Adds another part's sums.
    pub fn add(&mut self, other: &Metrics) {
        self.loss_sum += other.loss_sum;
        self.correct += other.correct;
        self.samples += other.samples;
    }
}

/// Middle value of `values`, the mean of the middle two when their number is even; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut sum = Metrics { loss_sum: 1.0, correct: 1, samples: 2 };
        sum.add(&Metrics { loss_sum: 5.0, correct: 2, samples: 2 });
        assert_eq!((sum.loss(), sum.accuracy()), (1.5, 0.75));
        assert_eq!(Metrics::default().accuracy(), 0.0);
    }

    #[test]
    fn parts_add_up_in_any_order() {
        let parts: Vec<Metrics> = (1..200).map(|i| Metrics::of(f64::from(i).sqrt() * 31.7, 1, 2)).collect();
        let sum = |parts: &mut dyn Iterator<Item = &Metrics>| {
            let mut sum = Metrics::default();
            parts.for_each(|part| sum.add(part));
            sum
        };
        assert_eq!(sum(&mut parts.iter()), sum(&mut parts.iter().rev()));
        assert!(Metrics::of(f64::NAN, 0, 1).loss().is_nan());
    }

    #[test]
    fn median_of_odd_and_even() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), median(&[])), (2.0, 2.5, 0.0));
    }
}
