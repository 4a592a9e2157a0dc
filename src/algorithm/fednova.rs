//! `fednova`: each change is divided by how far its steps reach, in units of the learning rate, and
//! the mean is multiplied by the mean reach (Wang et al. 2020, section 4): clients that take more
//! steps do not pull harder.
//!
//! `d_k = (w_k - w) / a_k`, `w <- w + (sum p_k a_k) (sum p_k d_k)` with `p_k = n_k / N`. `a_k` is
//! how far the client's solver goes if every gradient is 1; without momentum the number of steps.
//! With `adam`, which has no such number, it is taken to be the number of steps.

use super::{Algorithm, Mean, Moving, Outcome, Shape, Visit};
use crate::train::TrainError;
use crate::weights::{Section, Weigh};

/// No settings.
pub struct FedNova;

impl Algorithm for FedNova {
    fn shape(&self, _trained: usize) -> Shape {
        Shape {
            said: vec![Section {
                length: 1,
                weigh: Weigh::Samples,
            }],
            ..Shape::default()
        }
    }

    fn end(&self, visit: &mut Visit<'_>, outcome: &mut Outcome) -> Result<(), TrainError> {
        let reach = outcome.trained.reach / outcome.trained.rate.max(f64::MIN_POSITIVE);
        let trained = visit.trained();
        let change = &mut outcome.change(visit.start)[..trained];
        change
            .iter_mut()
            .for_each(|value| *value = (f64::from(*value) / reach.max(1.0)) as f32);
        outcome.said[0][0] = reach as f32;
        Ok(())
    }

    fn apply(&self, server: &mut Moving<'_>, mean: &Mean<'_>) {
        let reach = mean.said[0][0];
        let change: Vec<f64> = mean.change.iter().map(|value| reach * value).collect();
        server.step(&change);
    }
}
