//! Steps that a model has written out, for small batches on the CPU.

use super::TorchTrainer;
use crate::models::{self, Descent, Network, Pace};
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::task::Task as Learned;
use crate::torch::sight::Sight;
use crate::train::optimizer::Optimizer;
use crate::train::{Course, Drift, Limit, Task, Trained};
use rand::seq::SliceRandom;
use tch::Device;

/// Largest batch of which the steps are written out: for larger ones matrix libraries are at home,
/// and sum with less rounding.
const SMALL_BATCH: usize = 64;

/// The steps that a network has written out, where they do what the plan asks for: they know
/// cross-entropy of classes, and step along each batch's gradient as it is.
pub(super) fn written_out(
    plan: &Plan,
    device: Device,
    network: &dyn Network,
    optimizer: &Optimizer,
) -> Option<Box<dyn Descent>> {
    let is_plain = optimizer.plain().is_some()
        && plan.limit() == Limit::None
        && plan.workload().accumulate == 1;
    let is_known = device == Device::Cpu && matches!(plan.dataset.facts.task, Learned::Classes(_));
    if is_plain && is_known {
        network.descent(&models::layout(network))
    } else {
        None
    }
}

impl TorchTrainer {
    /// Whether a client's steps are written out by hand.
    pub(super) fn descends(&self, task: &Task<'_>) -> bool {
        let samples = self.plan.partition.of(task.client).len();
        self.descent.is_some() && self.plan.batch(samples) <= SMALL_BATCH
    }

    /// Trains a client by the model's own steps, in place in the update.
    pub(super) fn descend(&mut self, descent: &mut dyn Descent, task: &Task<'_>) -> Trained {
        let (client, start) = (task.client, &task.start[..]);
        let samples = self.plan.partition.of(client);
        let (rows, order) = self.plan.dataset.train.of(&samples);
        let mut order = order.into_owned();
        let batch = self.plan.batch(order.len());
        let rate = self.optimizer.lr() * task.rate;
        let (keep, offset) = self.pace(task.drift, rate);
        let pace = Pace {
            rate: rate as f32,
            keep,
            offset: &offset,
        };
        let mut stream = self
            .plan
            .seed()
            .for_client(Purpose::Shuffle, task.round, client);
        let (mut losses, mut seen) = (0.0, 0.0);
        let mut course = Course::new(self.plan.workload(), order.len(), batch);
        let mut reach = self.reach(task.drift);
        let mut sight = Sight::new(&self.plan, task, &order);
        let weights = self.updates.filled(start.len(), |weights| {
            weights.copy_from_slice(start);
            let (mut features, mut labels) = (Vec::new(), Vec::new());
            for pass in 0.. {
                let Some(taken) = course.next_pass() else { break };
                order.shuffle(&mut stream);
                sight.begin(pass);
                for samples in order[..taken].chunks(batch) {
                    rows.inputs.gather_floats(samples, &mut features);
                    sight.change(samples, &mut features);
                    rows.targets.gather_integers(samples, &mut labels);
                    let count = samples.len() as f64;
                    losses += count * f64::from(descent.step(weights, &features, &labels, &pace));
                    seen += count;
                    course.batch();
                    reach.step(rate);
                    task.alive();
                }
            }
        });
        let (steps, reach) = (course.steps(), reach.so_far());
        Trained {
            weights,
            loss: losses / f64::max(seen, 1.0),
            steps,
            reach,
            rate,
        }
    }

    /// Weight decay and drift as what stays of each weight and what is added to it in a step at
    /// this rate: `w - rate (wd w + pull (w - anchor) + shift)`.
    fn pace(&self, drift: &Drift, rate: f64) -> (f32, Vec<f32>) {
        let wd = self.optimizer.plain().unwrap_or(0.0);
        if drift.is_none() {
            return (1.0 - rate as f32 * wd as f32, Vec::new());
        }
        let mut offset = vec![0.0; self.layout.trained()];
        let mut pulled = 0.0;
        if let Some((pull, anchor)) = drift.pull() {
            pulled = pull;
            for (by, to) in offset.iter_mut().zip(anchor.iter()) {
                *by = (rate * pull) as f32 * to;
            }
        }
        if let Some(shift) = drift.shift() {
            for (by, shift) in offset.iter_mut().zip(shift) {
                *by -= rate as f32 * shift;
            }
        }
        ((1.0 - rate * (wd + pulled)) as f32, offset)
    }
}
