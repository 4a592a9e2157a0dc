//! `fedlin`: every client first says its gradient at `w`; then its steps follow `g(y) - g_k(w) +
//! mean g(w)`, so that all go the same way at first (Mitra et al. 2021, algorithm 1). Two passes
//! over the cohort in each round.

use super::{Algorithm, Shape, Visit};
use crate::train::{Drift, TrainError};
use crate::weights::{Section, Weigh};

/// No settings.
pub struct FedLin;

impl Algorithm for FedLin {
    fn shape(&self, trained: usize) -> Shape {
        Shape {
            first: vec![Section {
                length: trained,
                weigh: Weigh::Samples,
            }],
            ..Shape::default()
        }
    }

    fn survey(&self, visit: &mut Visit<'_>) -> Result<Vec<Vec<f32>>, TrainError> {
        Ok(vec![visit.gradient(visit.start)?.values])
    }

    fn begin(&self, visit: &mut Visit<'_>) -> Result<Drift, TrainError> {
        let own = visit.gradient(visit.start)?.values;
        let shift = visit
            .told
            .iter()
            .zip(&own)
            .map(|(all, own)| all - own)
            .collect();
        Ok(Drift::default().shifted(shift))
    }
}
