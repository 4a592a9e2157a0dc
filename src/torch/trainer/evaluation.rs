//! How good a model is on rows that nobody trains on, or on what a client trains on: pieces of a
//! size that does not depend on who asks.

use super::{EVALUATION_BATCH, TorchTrainer, no_room};
use crate::ids::ClientId;
use crate::metrics::Metrics;
use crate::models::Network;
use crate::task::Task as Learned;
use crate::torch::batches::{Rows, Stock};
use crate::torch::params::Params;
use crate::torch::sight::Sight;
use crate::torch::task::{self, answers};
use crate::train::TrainError;
use std::ops::Range;
use tch::{Device, no_grad};

/// Values in the samples of a forward pass over data that is not trained on, on a CPU: activations
/// of so few stay in its caches.
const EVALUATION_VALUES_CPU: usize = 80_000;

/// Test samples of so many values that are evaluated at once.
pub(super) fn evaluated_at_once(device: Device, width: usize) -> usize {
    match device {
        Device::Cpu => (EVALUATION_VALUES_CPU / width.max(1)).clamp(10, 100),
        _ => EVALUATION_BATCH,
    }
}

impl TorchTrainer {
    /// Metrics of some pieces of the test data.
    pub(super) fn score_pieces(
        &mut self,
        weights: &[f32],
        pieces: Range<usize>,
    ) -> Result<Metrics, TrainError> {
        self.params.load(weights);
        let (plan, device, sharers) = (&self.plan, self.device, self.sharers);
        let (samples, count) = (&plan.dataset.test, plan.test_samples());
        let facts = &plan.dataset.facts;
        let stock = self.test.get_or_insert_with(|| match device.is_cuda() {
            true => Stock::on_device(samples, count, facts, device, sharers),
            false => Stock::on_host(facts, device),
        });
        let sight = Sight::of_test(plan);
        let mut metrics = Metrics::default();
        for piece in pieces {
            let (first, end) = (piece * self.piece, count.min((piece + 1) * self.piece));
            let order: Vec<u32> = (first..end).map(|row| row as u32).collect();
            let rows = sight
                .of(stock, samples, &order)
                .map_err(|error| no_room(device, order.len(), error))?;
            metrics.add(&score(self.network.as_ref(), &self.params, &facts.task, &rows));
        }
        // Only who trains by autograd needs the model's memory between evaluations.
        if self.train.is_none() {
            self.params.unload();
        }
        Ok(metrics)
    }

    /// Metrics of what a client trains on.
    pub(super) fn score_client(
        &mut self,
        weights: &[f32],
        client: ClientId,
    ) -> Result<Metrics, TrainError> {
        self.params.load(weights);
        let plan = self.plan.clone();
        let samples = plan.partition.of(client);
        let (stored, order) = plan.dataset.train.of(&samples);
        let (sight, mut metrics) = (Sight::of_client(&plan, client), Metrics::default());
        for part in order.chunks(self.piece) {
            let rows = self.rows(&stored, part, &sight)?;
            let learned = &plan.dataset.facts.task;
            metrics.add(&score(self.network.as_ref(), &self.params, learned, &rows));
        }
        Ok(metrics)
    }
}

/// Metrics of a model on rows.
fn score(network: &dyn Network, params: &Params, task: &Learned, rows: &Rows) -> Metrics {
    let (inputs, targets) = rows.all();
    let (outputs, targets) =
        no_grad(|| answers(network, task, params.views(), [inputs, targets], None));
    task::score(task, &outputs, &targets)
}
