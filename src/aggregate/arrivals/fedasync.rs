//! `fedasync`: every update moves the model (Xie et al. 2019, algorithm 1).
//!
//! ```
//! use fedmpi::aggregate::arrivals::{Arrival, Facts, make};
//! use fedmpi::{ids::ClientId, staleness::Staleness};
//! let facts = Facts {
//!     staleness: Staleness::Polynomial { a: 0.5 },
//!     concurrency: 1,
//!     deadline: None,
//! };
//! let mut rule = make(&"fedasync:alpha=0.6".into(), &facts)?;
//! let arrival = Arrival {
//!     client: ClientId(0),
//!     samples: 1,
//!     staleness: 3,
//!     weight: facts.staleness.weight(3),
//!     now: 0.0,
//!     start: std::sync::Arc::new(vec![0.0]),
//!     weights: std::sync::Arc::new(vec![10.0]),
//! };
//! let moved = rule.arrive(&[0.0], &arrival)?;
//! assert_eq!(moved, Some(vec![3.0])); // a_t = 0.6 * 4^-0.5 = 0.3
//!
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{Arrival, Arrivals, mixed};
use crate::weights::SumError;

/// `w <- (1 - a_t) w + a_t w_i` with `a_t = alpha s`.
pub struct FedAsync {
    /// Mixing rate.
    pub alpha: f64,
    /// Whether stale updates count less.
    pub by_staleness: bool,
}

impl Arrivals for FedAsync {
    fn arrive(&mut self, global: &[f32], arrival: &Arrival) -> Result<Option<Vec<f32>>, SumError> {
        let rate = self.alpha
            * if self.by_staleness {
                arrival.weight
            } else {
                1.0
            };
        Ok(Some(mixed(global, &arrival.weights, rate)))
    }

    fn heeds_staleness(&self) -> bool {
        self.by_staleness
    }
}
