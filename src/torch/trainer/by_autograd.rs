//! Steps by autograd and an optimizer; the weights stay on the device.

use super::{TorchTrainer, no_room};
use crate::models::Noise;
use crate::seed::Purpose;
use crate::torch::batches::Rows;
use crate::torch::device::upload;
use crate::torch::optimizer::stepper;
use crate::torch::sight::Sight;
use crate::torch::task::{Counted, gradients};
use crate::torch::visit::{Gathered, Visit};
use crate::train::{Course, Task, TrainError, Trained};
use crate::weights::Weights;
use rand::seq::SliceRandom;
use tch::{Kind, Tensor, no_grad_guard};

impl TorchTrainer {
    /// Trains a client by autograd and an optimizer; its weights stay where they are. Gives what is
    /// known of it but the weights.
    pub(super) fn optimize(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        self.begin(task);
        let (plan, device) = (self.plan.clone(), self.device);
        let &Task { round, client, .. } = task;
        let samples = plan.partition.of(client);
        let (rows, order) = plan.dataset.train.of(&samples);
        let mut order = order.into_owned();
        let mut stream = plan.seed().for_client(Purpose::Shuffle, round, client);
        let batch = plan.batch(order.len());
        let mut visit = Visit {
            batch,
            course: Course::new(plan.workload(), order.len(), batch),
            steppers: self
                .params
                .parts()
                .iter()
                .map(|_| stepper(&self.optimizer))
                .collect(),
            rate: self.optimizer.lr() * task.rate,
            reach: self.reach(task.drift),
            noise: Noise::new(plan.seed().for_client(Purpose::Model, round, client)),
            losses: Tensor::zeros([], (Kind::Float, device)),
            counted: Counted::new(&plan.dataset.facts.task, device),
            limit: plan.limit(),
            gathered: Gathered::default(),
            pull: self.pull(task)?,
            shift: self.shift(task)?,
        };
        let mut sight = Sight::new(&plan, task, &order);
        let part = self.stock().part(batch);
        for pass in 0.. {
            let Some(taken) = visit.course.next_pass() else { break };
            order.shuffle(&mut stream);
            sight.begin(pass);
            for part in order[..taken].chunks(part) {
                let rows = self.rows(&rows, part, &sight)?;
                self.steps(&rows, &mut visit, task)?;
            }
            visit.end_pass(&mut self.params);
        }
        Ok(visit.end())
    }

    /// Goes through the rows once.
    fn steps(&mut self, rows: &Rows, visit: &mut Visit, task: &Task<'_>) -> Result<(), TrainError> {
        let learned = &self.plan.dataset.facts.task;
        // What a graph gives is lent until the next batch.
        let is_kept = self.plan.workload().accumulate > 1;
        for (features, labels) in rows.batches(visit.batch) {
            let (network, params) = (self.network.as_ref(), &self.params);
            let compute = |[inputs, targets]: [&Tensor; 2], noise: &mut Noise| {
                let parameters = params.views();
                let (loss, gradients) =
                    gradients(network, learned, parameters, inputs, targets, Some(noise));
                // Not by a closure: where memory is short recording panics, and goes on without.
                let _guard = no_grad_guard();
                (loss, params.gather(&gradients))
            };
            let (batch, noise) = ([&features, &labels], &mut visit.noise);
            let slope = match &mut self.recorder {
                None => compute(batch, noise),
                Some(recorder) => {
                    let slope = recorder.slope(batch, noise, &compute);
                    let (loss, lent) = slope.map_err(TrainError::Failed)?;
                    let kept = || lent.iter().map(Tensor::copy).collect();
                    (loss, if is_kept { kept() } else { lent })
                }
            };
            visit.take(&mut self.params, slope, &labels);
            task.alive();
        }
        Ok(())
    }

    /// Where a drift pulls, on the device.
    fn pull(&self, task: &Task<'_>) -> Result<Option<(f64, Tensor)>, TrainError> {
        let Some((pull, anchor)) = task.drift.pull() else { return Ok(None) };
        let anchor = match Weights::ptr_eq(anchor, task.start) {
            true => self.params.trained().copy(),
            false => self.on_device(&anchor[..self.layout.trained()])?,
        };
        Ok(Some((pull, anchor)))
    }

    /// By what a drift shifts every step, on the device.
    fn shift(&self, task: &Task<'_>) -> Result<Option<Tensor>, TrainError> {
        match task.drift.shift() {
            Some(shift) => Ok(Some(self.on_device(shift)?)),
            None => Ok(None),
        }
    }

    /// Values as a tensor on the device.
    fn on_device(&self, values: &[f32]) -> Result<Tensor, TrainError> {
        let sent = upload(values, &[values.len() as i64], self.device);
        sent.map_err(|error| no_room(self.device, values.len(), error))
    }
}
