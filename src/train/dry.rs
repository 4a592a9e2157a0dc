//! Rounds without work: every client gives back what it got. Shows what the exchange itself costs.

use super::{Frozen, Gradient, Task, TrainError, Trained, Trainer};
use crate::ids::ClientId;
use crate::metrics::Metrics;
use crate::weights::{Held, Layout, Weights};
use std::ops::Range;

/// Another trainer's model, never trained.
pub struct Dry(pub Box<dyn Trainer>);

impl Trainer for Dry {
    fn layout(&self) -> &Layout {
        self.0.layout()
    }

    fn initial(&mut self) -> Vec<f32> {
        self.0.initial()
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        Ok(Trained {
            weights: Weights::clone(task.start),
            loss: 0.0,
            steps: 0,
            reach: 0.0,
            rate: 0.0,
        })
    }

    fn gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        self.0.gradient(task)
    }

    fn take_held(&mut self) -> Option<Held> {
        self.0.take_held()
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.0.evaluate(weights)
    }

    fn pieces(&self) -> usize {
        self.0.pieces()
    }

    fn evaluate_pieces(
        &mut self,
        weights: &[f32],
        pieces: Range<usize>,
    ) -> Result<Metrics, TrainError> {
        self.0.evaluate_pieces(weights, pieces)
    }

    fn evaluate_client(
        &mut self,
        weights: &[f32],
        client: ClientId,
    ) -> Result<Metrics, TrainError> {
        self.0.evaluate_client(weights, client)
    }

    fn frozen(&self) -> Vec<Frozen> {
        self.0.frozen()
    }

    fn device(&self) -> String {
        self.0.device()
    }
}
