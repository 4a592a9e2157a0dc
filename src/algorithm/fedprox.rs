//! `fedprox`: a client minimises `F_k(y) + (mu / 2) |y - w|^2`, so its steps follow `g + mu (y -
//! w)` (Li et al. 2020, algorithm 2). With `mu = 0` it is `fedavg`, to the bit.

use super::{Algorithm, Visit};
use crate::part;
use crate::part::Range;
use crate::train::{Drift, TrainError};

part! {
    /// Its settings.
    pub FedProx {
        mu: f64 = "0.1", "RATE", Range::NOT_NEGATIVE, "how strongly a client is pulled to the weights that it got";
    }
}

impl Algorithm for FedProx {
    fn begin(&self, visit: &mut Visit<'_>) -> Result<Drift, TrainError> {
        Ok(Drift::default().pulled(self.mu, visit.start))
    }
}
