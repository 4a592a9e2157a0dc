//! Stages 6 and 9, train and evaluate: what does one client do, and how good is the model?

mod dry;
mod faulty;
pub mod optimizer;
mod quadratic;

use crate::ids::{ClientId, Round};
use crate::metrics::Metrics;
use crate::weights::{Layout, Weights};

pub use dry::Dry;
pub use faulty::Faulty;
pub use quadratic::Quadratic;

/// Trains clients one after another and evaluates models.
///
/// Law: the same round, client and start weights give the same result, whatever was trained before.
pub trait Trainer {
    /// How the flat weights are divided into tensors.
    fn layout(&self) -> &Layout;

    /// The weights before the first round, the same on every rank.
    fn initial(&mut self) -> Vec<f32>;

    /// Trains one client from `start`; gives `start` itself back when nothing was done.
    ///
    /// # Errors
    /// Whatever keeps the client from being trained; ends the job with the client's name.
    fn train(&mut self, round: Round, client: ClientId, start: &Weights) -> Result<Trained, TrainError>;

    /// Metrics of `weights` on the test set.
    ///
    /// # Errors
    /// Whatever keeps the model from being evaluated.
    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError>;

    /// Where the work is done, such as `cpu` or `cuda:0`.
    fn device(&self) -> String {
        "cpu".to_owned()
    }
}

/// The result of training one client.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The client's weights.
    pub weights: Weights,
    /// Mean loss over the training steps.
    pub loss: f64,
}

/// Training or evaluation failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TrainError(pub String);
