//! `myfed`: async-FL's own rule. Late clients (staleness above the hinge's `b`) are rewarded when
//! they have more data than the mean so far, or a larger change. The original's coefficients add up
//! to more than one; here they do not, as in its later correction.
//!
//! `w <- (1 - r) w + r w_i`, `r = min(1, alpha s c q)`; with the running sums `D` of samples and
//! `Q` of squared distances over `e` updates, `c = 2 - D / (e n_i)` if `D <= e n_i`, `q = 2 - Q /
//! (e q_i)` if `Q <= e q_i`, both else 1.

use super::{Arrival, Arrivals, mixed};
use crate::staleness::Staleness;
use crate::weights::SumError;
use serde::Deserialize;

/// The running sums.
pub struct MyFed {
    alpha: f64,
    late_after: f64,
    updates: f64,
    samples: f64,
    distances: f64,
}

impl MyFed {
    /// Mixes at rate `alpha`; who is late follows from the hinge, without one everybody stale is.
    pub fn new(alpha: f64, staleness: Staleness) -> MyFed {
        let late_after = if let Staleness::Hinge { b, .. } = staleness {
            b
        } else {
            0.0
        };
        MyFed {
            alpha,
            late_after,
            updates: 0.0,
            samples: 0.0,
            distances: 0.0,
        }
    }
}

/// `2 - sum / (count own)` for those above the mean, from 1 to 2.
fn reward(sum: f64, count: f64, own: f64) -> f64 {
    if own > 0.0 && sum <= count * own {
        2.0 - sum / (count * own)
    } else {
        1.0
    }
}

impl Arrivals for MyFed {
    fn arrive(&mut self, global: &[f32], arrival: &Arrival) -> Result<Option<Vec<f32>>, SumError> {
        let square = |(&old, &new): (&f32, &f32)| (f64::from(new) - f64::from(old)).powi(2);
        let distance: f64 = global.iter().zip(arrival.weights.iter()).map(square).sum();
        self.updates += 1.0;
        self.samples += arrival.samples as f64;
        self.distances += distance;
        let mut rate = self.alpha * arrival.weight;
        if f64::from(arrival.staleness) > self.late_after {
            rate *= reward(self.samples, self.updates, arrival.samples as f64);
            rate *= reward(self.distances, self.updates, distance);
        }
        Ok(Some(mixed(global, &arrival.weights, rate.min(1.0))))
    }

    fn state(&self) -> serde_json::Value {
        [self.updates, self.samples, self.distances]
            .as_slice()
            .into()
    }

    fn restore(&mut self, state: &serde_json::Value) -> serde_json::Result<()> {
        let [updates, samples, distances] = Deserialize::deserialize(state)?;
        *self = MyFed {
            updates,
            samples,
            distances,
            ..*self
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arrival;
    use super::*;

    #[test]
    fn late_clients_with_much_data_are_rewarded() {
        let mut rule = MyFed::new(0.5, Staleness::Hinge { a: 1.0, b: 2.0 });
        let fresh = rule
            .arrive(&[0.0], &arrival(0.0, 2.0, 10, 0))
            .expect("finite")
            .expect("moved");
        assert_eq!(fresh, [1.0]);
        // Staleness 3 weighs 4^-0.5 in these tests. D = 40 <= 2 * 30: c = 2 - 40 / 60 = 4 / 3; the
        // distance 4 is the mean of two: q = 2 - 8 / 8 = 1. So r = 0.5 * 0.5 * 4 / 3 = 1 / 3.
        let late = rule
            .arrive(&[0.0], &arrival(0.0, 2.0, 30, 3))
            .expect("finite")
            .expect("moved");
        assert!((late[0] - 2.0 / 3.0).abs() < 1e-6);
    }
}
