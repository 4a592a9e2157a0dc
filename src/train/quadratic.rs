//! A trainer with a closed form, for tests of everything but learning: client `c` has the loss
//! `0.5 |w - t_c|^2` with target `t_c = c + 1` in every coordinate, and takes one gradient step.

use super::{Task, TrainError, Trained, Trainer};
use crate::ids::ClientId;
use crate::metrics::Metrics;
use crate::weights::Layout;
use std::sync::Arc;

/// `w <- w - rate (w - t_c)`.
pub struct Quadratic {
    layout: Layout,
    rate: f32,
}

impl Quadratic {
    /// A model of `length` values, trained with step size `rate`.
    pub fn new(length: usize, rate: f32) -> Self {
        let mut layout = Layout::default();
        layout.push("w", &[length]);
        Quadratic { layout, rate }
    }

    fn target(client: ClientId) -> f32 {
        client.0 as f32 + 1.0
    }
}

impl Trainer for Quadratic {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn initial(&mut self) -> Vec<f32> {
        vec![0.0; self.layout.length()]
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        let (target, start) = (Self::target(task.client), task.start);
        let weights = start.iter().map(|w| w - self.rate * (w - target)).collect();
        let loss = 0.5 * f64::from(start[0] - target).powi(2);
        Ok(Trained { weights: Arc::new(weights), loss })
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        Ok(Metrics { loss_sum: f64::from(weights[0]), correct: 0, samples: 1 })
    }
}
