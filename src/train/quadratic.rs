//! A trainer with a closed form, for tests of everything but learning: each client has a loss `0.5
//! k |w - t|^2` and takes gradient steps.

use super::{Gradient, Task, TrainError, Trained, Trainer};
use crate::ids::ClientId;
use crate::metrics::Metrics;
use crate::weights::Layout;
use std::sync::Arc;

/// A client's loss, and how it goes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bowl {
    /// Where the loss is least, `t` in every coordinate.
    pub target: f32,
    /// How steep it is, `k`.
    pub curvature: f32,
    /// Steps in a round.
    pub steps: u64,
}

impl Bowl {
    /// One step to `c + 1`.
    fn of(client: ClientId) -> Bowl {
        Bowl {
            target: client.0 as f32 + 1.0,
            curvature: 1.0,
            steps: 1,
        }
    }
}

/// `w <- w - rate (k (w - t) + drift)`, for each client by its bowl.
pub struct Quadratic {
    layout: Layout,
    rate: f32,
    bowl: fn(ClientId) -> Bowl,
}

impl Quadratic {
    /// A model of `length` values, trained by one step of size `rate` to the target `c + 1` of
    /// client `c`.
    pub fn new(length: usize, rate: f32) -> Self {
        let mut layout = Layout::default();
        layout.push("w", &[length]);
        Quadratic {
            layout,
            rate,
            bowl: Bowl::of,
        }
    }

    /// With other losses.
    pub fn with(self, bowl: fn(ClientId) -> Bowl) -> Self {
        Quadratic { bowl, ..self }
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
        let Bowl {
            target,
            curvature,
            steps,
        } = (self.bowl)(task.client);
        let rate = self.rate * task.rate as f32;
        let mut weights = task.start.to_vec();
        for _ in 0..steps {
            for (place, w) in weights[..self.layout.parameters()].iter_mut().enumerate() {
                *w -= rate * (curvature * (*w - target) + task.drift.at(place, *w) as f32);
            }
        }
        let loss = 0.5 * f64::from(curvature) * f64::from(task.start[0] - target).powi(2);
        let (reach, rate) = (steps as f64 * f64::from(rate), f64::from(rate));
        Ok(Trained {
            weights: Arc::new(weights),
            loss,
            steps,
            reach,
            rate,
        })
    }

    fn gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        let Bowl {
            target, curvature, ..
        } = (self.bowl)(task.client);
        // Padding stays zero, as in every model.
        let live = self.layout.parameters();
        let mut values = vec![0.0; task.start.len()];
        for (slope, w) in values.iter_mut().zip(&task.start[..live]) {
            *slope = curvature * (w - target);
        }
        Ok(Gradient {
            values,
            loss: 0.5 * f64::from(curvature) * f64::from(task.start[0] - target).powi(2),
        })
    }

    fn evaluate_client(
        &mut self,
        weights: &[f32],
        client: ClientId,
    ) -> Result<Metrics, TrainError> {
        let Bowl {
            target, curvature, ..
        } = (self.bowl)(client);
        Ok(Metrics::default().with(
            "loss",
            0.5 * f64::from(curvature) * f64::from(weights[0] - target).powi(2),
            1,
        ))
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        Ok(Metrics::default()
            .with("loss", f64::from(weights[0]), 1)
            .with("accuracy", 0.0, 1))
    }
}
