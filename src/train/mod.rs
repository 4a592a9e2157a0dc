//! Stages 6 and 9, train and evaluate: what does one client do, and how good is the model?

mod course;
mod drift;
mod dry;
mod faulty;
mod hide;
mod limit;
pub mod optimizer;
mod quadratic;
pub mod schedule;

use crate::ids::{ClientId, Round};
use crate::metrics::Metrics;
use crate::weights::{Accumulator, Held, Layout, SumError, Weights};
use std::ops::Range;
use std::sync::Arc;

pub use course::{Course, Length, Workload};
pub use drift::{Drift, Momentum, Reach};
pub use dry::Dry;
pub use faulty::Faulty;
pub use hide::Hider;
pub use limit::Limit;
pub use quadratic::{Bowl, Quadratic};

/// Trains clients one after another and evaluates models.
///
/// Law: the same round, client and start weights give the same result, whatever was trained before.
pub trait Trainer {
    /// How the flat weights are divided into tensors.
    fn layout(&self) -> &Layout;

    /// The weights before the first round, the same on every rank.
    fn initial(&mut self) -> Vec<f32>;

    /// Trains one client; gives the task's start itself back when nothing was done.
    ///
    /// # Errors
    /// Whatever keeps the client from being trained; once the others of its round are trained, the
    /// job ends with its name, unless it has diverged and may be left out.
    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError>;

    /// The mean gradient over all of a client's samples at the task's start, and the mean loss.
    /// Only some algorithms ask for it.
    ///
    /// # Errors
    /// A trainer that cannot tell; whatever keeps it from telling.
    fn gradient(&mut self, _task: &Task<'_>) -> Result<Gradient, TrainError> {
        let reason = "this trainer cannot tell the gradient over all of a client's samples";
        Err(TrainError::Failed(reason.to_owned()))
    }

    /// Trains one client and adds its change to `sum`, with a share in fixed-point units; gives its
    /// loss. A trainer may hold the change back until [`Trainer::hand_over`].
    ///
    /// # Errors
    /// As [`Trainer::train`]; updates that cannot enter the sum.
    fn train_into(
        &mut self,
        task: &Task<'_>,
        share: f64,
        sum: &mut dyn Accumulator,
    ) -> Result<f64, TrainError> {
        self.train(task)?
            .add_to(sum, task.client, share, task.start)
    }

    /// Adds what was held back to `sum`. Most trainers hold nothing back.
    fn hand_over(&mut self, _sum: &mut dyn Accumulator) {}

    /// What was held back on a device, zeros if nothing was, for whoever sums it up there; the
    /// trainer counts it as handed over. `None` when nothing is ever held on a device.
    fn take_held(&mut self) -> Option<Held> {
        None
    }

    /// Metrics of `weights` on the test set.
    ///
    /// # Errors
    /// Whatever keeps the model from being evaluated.
    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError>;

    /// Into how many pieces the test set is cut, the same on every rank that has it: evaluation is
    /// divided by them.
    fn pieces(&self) -> usize {
        1
    }

    /// Metrics on some of the pieces. Those of all pieces add up to [`Trainer::evaluate`], to the
    /// bit and in any order.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    fn evaluate_pieces(
        &mut self,
        weights: &[f32],
        _pieces: Range<usize>,
    ) -> Result<Metrics, TrainError> {
        self.evaluate(weights)
    }

    /// Metrics of `weights` on all that a client trains on.
    ///
    /// # Errors
    /// A trainer that cannot tell; as [`Trainer::evaluate`].
    fn evaluate_client(
        &mut self,
        _weights: &[f32],
        _client: ClientId,
    ) -> Result<Metrics, TrainError> {
        let reason = "this trainer cannot evaluate on what clients train on";
        Err(TrainError::Failed(reason.to_owned()))
    }

    /// Tensors of the model that are not trained: they are in no flat vector, and the same on every
    /// rank.
    fn frozen(&self) -> Vec<Frozen> {
        Vec::new()
    }

    /// Where the work is done, such as `cpu` or `cuda:0`.
    fn device(&self) -> String {
        "cpu".to_owned()
    }
}

/// One client's training.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// In which round; keys the client's random streams.
    pub round: Round,
    /// Whom.
    pub client: ClientId,
    /// The weights to start from.
    pub start: &'a Weights,
    /// What steps follow beside gradients.
    pub drift: &'a Drift,
    /// What the optimizer's rate is multiplied with, by the round's schedule.
    pub rate: f64,
    alive: &'a dyn Fn(),
}

impl<'a> Task<'a> {
    /// A task of plain steps, of which nobody waits to hear.
    pub fn new(round: Round, client: ClientId, start: &'a Weights) -> Task<'a> {
        static NONE: Drift = Drift::none();
        Task {
            round,
            client,
            start,
            drift: &NONE,
            rate: 1.0,
            alive: &|| (),
        }
    }

    /// The same task at another rate.
    pub fn at_rate(self, rate: f64) -> Task<'a> {
        Task { rate, ..self }
    }

    /// The same task from other weights.
    pub fn starting_at<'b>(self, start: &'b Weights) -> Task<'b>
    where
        'a: 'b,
    {
        Task { start, ..self }
    }

    /// The same task; steps drift.
    pub fn drifting<'b>(self, drift: &'b Drift) -> Task<'b>
    where
        'a: 'b,
    {
        Task { drift, ..self }
    }

    /// The same task; `alive` is called while it goes on.
    pub fn heard_by(self, alive: &'a dyn Fn()) -> Task<'a> {
        Task { alive, ..self }
    }

    /// Says that training goes on. Call it now and then when a client takes long: after each batch
    /// is cheap enough. It does not return when the server is gone: the training is left by an
    /// unwinding of the stack.
    pub fn alive(&self) {
        (self.alive)();
    }
}

/// A tensor that is not trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// What it is called.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// As many values.
    pub values: Vec<f32>,
}

/// The result of training one client.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The client's weights.
    pub weights: Weights,
    /// Mean loss over what was trained on: samples, or the targets that count, of all epochs.
    pub loss: f64,
    /// Steps that were taken.
    pub steps: u64,
    /// How far they would have gone if every gradient were 1; without momentum the sum of their
    /// rates.
    pub reach: f64,
    /// The learning rate of the first step.
    pub rate: f64,
}

impl Trained {
    /// What one step of plain gradient descent led to.
    pub fn step(weights: Weights, loss: f64, rate: f64) -> Trained {
        Trained {
            weights,
            loss,
            steps: 1,
            reach: rate,
            rate,
        }
    }

    /// Adds a client's change to a sum; gives its loss.
    ///
    /// # Errors
    /// Weights that cannot enter the sum.
    pub fn add_to(
        self,
        sum: &mut dyn Accumulator,
        client: ClientId,
        share: f64,
        start: &Weights,
    ) -> Result<f64, TrainError> {
        // A client that gives back what it got has changed nothing.
        if !Arc::ptr_eq(&self.weights, start) {
            sum.add_share(client, share, start, &self.weights)?;
        }
        Ok(self.loss)
    }
}

/// A gradient over all of a client's samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// By each trained weight.
    pub values: Vec<f32>,
    /// The mean loss.
    pub loss: f64,
}

/// Training or evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// What a client came to fits no sum; most likely it has diverged.
    #[error(transparent)]
    Unfit(#[from] SumError),
    /// Whatever else.
    #[error("{0}")]
    Failed(String),
}
