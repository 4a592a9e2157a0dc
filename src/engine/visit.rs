//! One client's training, between the engine's vectors and the trainer.

use super::contribution::{Change, Contribution};
use super::global::Global;
use crate::algorithm::{Outcome, Visit};
use crate::config::Mode;
use crate::ids::ClientId;
use crate::message::Update;
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::train::{Task, TrainError, Trainer};
use crate::weights::{Accumulator, ExactSum, Total, Weights, Who};
use std::mem;
use std::sync::Arc;

/// One client's training by the algorithm, between the engine's vectors and the trainer.
pub struct Visitor<'a> {
    /// What is run.
    pub plan: &'a Plan,
    /// How much all clients of the round weigh.
    pub total: Total,
    /// How long everything is.
    pub global: &'a Global,
    /// What the server tells beside the model.
    pub told: &'a [f32],
    /// Who takes the steps.
    pub trainer: &'a mut dyn Trainer,
    /// Where the change may go at once, if it is summed here.
    pub sum: Option<&'a mut dyn Accumulator>,
}

impl Visitor<'_> {
    /// What a client says before it trains.
    ///
    /// # Errors
    /// When it cannot be trained.
    pub fn survey(
        &mut self,
        task: Task<'_>,
        kept: &mut [f32],
        fresh: bool,
    ) -> Result<Contribution, TrainError> {
        let (own, _) = kept.split_at_mut(self.global.shape.kept);
        let mut visit = Visit::new(task, self.told, own, fresh, self.trainer);
        let said = self.plan.method.algorithm.survey(&mut visit)?;
        let bits = said.iter().map(|said| 32 * said.len() as u64).sum();
        let update = Update {
            bits,
            ..untrained(task.client)
        };
        let said = said.into_iter().map(Arc::new).collect();
        Ok(Contribution {
            update,
            change: Change::Nothing,
            said,
            kept: None,
        })
    }

    /// Trains a client. Where nobody needs to see its weights, a trainer may leave them on its
    /// device.
    ///
    /// # Errors
    /// When it cannot be trained, or its change does not fit a sum.
    pub fn train(
        &mut self,
        task: Task<'_>,
        kept: &mut [f32],
        fresh: bool,
    ) -> Result<Contribution, TrainError> {
        let (method, shape) = (&self.plan.method, &self.global.shape);
        let (own, rest) = kept.split_at_mut(shape.kept);
        let mut visit = Visit::new(task, self.told, own, fresh, self.trainer);
        let drift = method.algorithm.begin(&mut visit)?;
        let task = task.drifting(&drift);
        let trained_values = visit.trained();
        let seen = shape.has_end() || !method.updates.is_empty();
        if !seen && let Some(sum) = self.sum.take() {
            return self.train_into(&task, sum);
        }
        let trained = visit.descend_along(&task)?;
        let loss = trained.loss;
        let mut outcome = Outcome::new(trained, &shape.said);
        if shape.has_end() {
            method.algorithm.end(&mut visit, &mut outcome)?;
        }
        let trained_bits = if method.updates.is_empty() {
            32 * trained_values as u64
        } else {
            let seed = self.plan.seed();
            let mut stream = seed.for_client(Purpose::Update, task.round, task.client);
            let change = &mut outcome.change(task.start)[..trained_values];
            method.updates.close(change, rest, &mut stream)
        };
        let buffers = task.start.len() - trained_values;
        let said_values: usize = outcome.said.iter().map(Vec::len).sum();
        let update = Update {
            loss,
            weight: outcome.weight,
            bits: trained_bits + 32 * (buffers + said_values) as u64,
            ..untrained(task.client)
        };
        let said = mem::take(&mut outcome.said).into_iter().map(Arc::new);
        Ok(Contribution {
            update,
            said: said.collect(),
            change: self.change(outcome, task.start),
            kept: None,
        })
    }

    /// Trains a client whose change enters the sum unseen.
    fn train_into(
        &mut self,
        task: &Task<'_>,
        sum: &mut dyn Accumulator,
    ) -> Result<Contribution, TrainError> {
        let who = Who {
            client: task.client,
            samples: self.plan.samples(task.client),
            weight: 1.0,
        };
        let share = self.global.sections.share(0, who, self.total)?;
        let loss = self
            .trainer
            .train_into(task, ExactSum::units_of(share), sum)?;
        let update = Update {
            loss,
            bits: 32 * task.start.len() as u64,
            ..untrained(task.client)
        };
        Ok(Contribution {
            update,
            change: Change::Nothing,
            said: Vec::new(),
            kept: None,
        })
    }

    /// The change, as the difference of two models wherever it is one: that is exact.
    fn change(&self, mut outcome: Outcome, start: &Weights) -> Change {
        let weights = Arc::clone(&outcome.trained.weights);
        let Some(change) = outcome.change.take() else { return Change::To(weights) };
        let mut values = change.iter().zip(weights.iter()).zip(start.iter());
        if values.all(|((value, new), old)| *value == new - old) {
            return Change::To(weights);
        }
        // Without rounds rules look at models.
        match self.plan.mode() {
            Mode::Sync => Change::By(Arc::new(change)),
            Mode::Async => {
                let moved = start.iter().zip(&change).map(|(old, by)| old + by);
                Change::To(Arc::new(moved.collect()))
            }
        }
    }
}

/// What is told of a client before anything is known.
fn untrained(client: ClientId) -> Update {
    Update {
        client,
        loss: 0.0,
        start: 0.0,
        seconds: 0.0,
        weight: 1.0,
        bits: 0,
    }
}
