//! `ditto`: the global model moves as in `fedavg`; beside it each client keeps a model of its own,
//! trained by steps along `g(v) + lambda (v - w)` with the global model `w` that it got (Li et al.
//! 2021, algorithm 1). It begins as the initial model. With `lambda = 0` clients train alone.

use super::{Algorithm, Outcome, Shape, Visit};
use crate::part;
use crate::part::Range;
use crate::train::{Drift, TrainError};
use std::sync::Arc;

part! {
    /// Its settings.
    pub Ditto {
        ditto_lambda: f64 = "1", "RATE", Range::NOT_NEGATIVE, "how strongly the personal model is pulled to the global one";
    }
}

impl Algorithm for Ditto {
    fn shape(&self, trained: usize) -> Shape {
        Shape {
            kept: trained,
            ..Shape::default()
        }
    }

    fn end(&self, visit: &mut Visit<'_>, _: &mut Outcome) -> Result<(), TrainError> {
        let trained = visit.trained();
        // Running means are those of the global model.
        let mut own = visit.start.to_vec();
        match visit.fresh {
            true => own[..trained].copy_from_slice(&visit.initial()[..trained]),
            false => own[..trained].copy_from_slice(visit.kept),
        }
        let drift = Drift::default().pulled(self.ditto_lambda, visit.start);
        let personal = visit.descend(&Arc::new(own), &drift)?;
        visit.kept.copy_from_slice(&personal.weights[..trained]);
        Ok(())
    }
}
