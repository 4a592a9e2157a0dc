//! `fedbuff`: K changes at a time (Nguyen et al. 2022, algorithm 1), in the exact arithmetic of
//! synchronous rounds: without staleness the two agree to the bit.
//!
//! ```
//! use fedmpi::aggregate::arrivals::{Arrival, Facts, make};
//! use fedmpi::{ids::ClientId, staleness::Staleness};
//! let staleness = Staleness::Polynomial { a: 0.5 };
//! let facts = Facts { staleness, concurrency: 2, deadline: None };
//! let mut rule = make(&"fedbuff:buffer_size=2".into(), &facts)?;
//! let arrival = |start: f32, weight: f32, behind| Arrival {
//!     client: ClientId(0),
//!     samples: 1,
//!     staleness: behind,
//!     weight: staleness.weight(behind),
//!     now: 0.0,
//!     start: std::sync::Arc::new(vec![start]),
//!     weights: std::sync::Arc::new(vec![weight]),
//! };
//! assert_eq!(rule.arrive(&[1.0], &arrival(1.0, 3.0, 0))?, None); // +2, fresh
//! let model = rule.arrive(&[1.0], &arrival(-1.0, 7.0, 3))?; // +8 * 4^-0.5 = +4
//! assert_eq!(model, Some(vec![4.0])); // 1 + (2 + 4) / 2
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{Arrival, Arrivals, Buffer};
use crate::weights::{Accumulator, ExactSum, SumError};

/// `w <- w + lr / K sum_i s_i (w_i - w_start_i)`.
pub struct FedBuff {
    size: usize,
    rate: f64,
    sum: Option<ExactSum>,
    held: usize,
}

impl FedBuff {
    /// An empty buffer.
    pub fn new(buffer: &Buffer) -> FedBuff {
        FedBuff {
            size: buffer.buffer_size,
            rate: buffer.server_lr,
            sum: None,
            held: 0,
        }
    }
}

impl Arrivals for FedBuff {
    fn arrive(&mut self, global: &[f32], arrival: &Arrival) -> Result<Option<Vec<f32>>, SumError> {
        let sum = self
            .sum
            .get_or_insert_with(|| ExactSum::new(global.len(), self.size as u64));
        let share = sum.share(1) * arrival.weight;
        sum.add_share(arrival.client, share, &arrival.start, &arrival.weights)?;
        self.held += 1;
        if self.held < self.size {
            return Ok(None);
        }
        let moved = sum.moved(global, self.rate);
        sum.reset(self.size as u64);
        self.held = 0;
        Ok(Some(moved))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arrival;
    use super::*;

    #[test]
    fn two_changes_by_hand() {
        let mut rule = FedBuff::new(&Buffer {
            buffer_size: 2,
            server_lr: 1.0,
        });
        assert_eq!(rule.arrive(&[1.0], &arrival(1.0, 3.0, 5, 0)), Ok(None));
        assert_eq!(rule.arrive(&[1.0], &arrival(-1.0, 7.0, 5, 3)), Ok(Some(vec![4.0])));
        // The buffer is empty again, and the rate counts.
        let mut rule = FedBuff { rate: 0.5, ..rule };
        assert_eq!(rule.arrive(&[4.0], &arrival(4.0, 4.0, 5, 0)), Ok(None));
        assert_eq!(rule.arrive(&[4.0], &arrival(4.0, 8.0, 5, 0)), Ok(Some(vec![5.0])));
    }
}
