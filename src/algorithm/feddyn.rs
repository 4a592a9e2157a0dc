//! `feddyn`: a client minimises `F_k(y) - <h_k, y> + (a / 2) |y - w|^2`, so its steps follow `g -
//! h_k + a (y - w)`; then `h_k <- h_k - a (y - w)`. The server keeps the mean over all clients, `h
//! <- h - a (m / N) mean(y - w)`, and moves by `mean(y - w) - h / a` (Acar et al. 2021, algorithm
//! 1). All clients weigh the same.

use super::{Algorithm, Mean, Moving, Outcome, Shape, Visit};
use crate::part;
use crate::part::Range;
use crate::train::{Drift, TrainError};
use crate::weights::Weigh;

part! {
    /// Its settings.
    pub FedDyn {
        feddyn_alpha: f64 = "0.01", "RATE", Range::POSITIVE, "strength of the regulariser";
    }
}

impl Algorithm for FedDyn {
    fn shape(&self, trained: usize) -> Shape {
        Shape {
            weigh: Weigh::Clients,
            kept: trained,
            memory: trained,
            ..Shape::default()
        }
    }

    fn begin(&self, visit: &mut Visit<'_>) -> Result<Drift, TrainError> {
        let shift = visit.kept.iter().map(|own| -own).collect();
        Ok(Drift::default()
            .pulled(self.feddyn_alpha, visit.start)
            .shifted(shift))
    }

    fn end(&self, visit: &mut Visit<'_>, outcome: &mut Outcome) -> Result<(), TrainError> {
        let moved = outcome.trained.weights.iter().zip(visit.start.iter());
        for (own, (y, w)) in visit.kept.iter_mut().zip(moved) {
            *own = (f64::from(*own) - self.feddyn_alpha * (f64::from(*y) - f64::from(*w))) as f32;
        }
        Ok(())
    }

    fn apply(&self, server: &mut Moving<'_>, mean: &Mean<'_>) {
        let (alpha, part) = (self.feddyn_alpha, mean.cohort as f64 / mean.clients as f64);
        let mut change = mean.change.to_vec();
        for (value, h) in change.iter_mut().zip(server.memory.iter_mut()) {
            let slope = f64::from(*h) - alpha * part * *value;
            *h = slope as f32;
            *value -= slope / alpha;
        }
        server.step(&change);
    }
}
