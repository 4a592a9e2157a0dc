//! Trains clients and evaluates models with libtorch.

mod by_autograd;
mod evaluation;
mod gradient;
mod network;
mod written_out;

use crate::data::{Samples, Train};
use crate::ids::ClientId;
use crate::metrics::Metrics;
use crate::models::{self, Descent, ModelError, Network};
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::shelf::Shelf;
use crate::torch::batches::{Rows, Stock};
use crate::torch::device::{exact, first_line, gpus, name};
use crate::torch::params::Params;
use crate::torch::recorder::Recorder;
use crate::torch::sight::Sight;
use crate::torch::sum::DeviceSum;
use crate::torch::task::is_steady;
use crate::train::optimizer::{Optimizer, make};
use crate::train::{Drift, Frozen, Gradient, Reach, Task, TrainError, Trained, Trainer};
use crate::weights::{Accumulator, Held, Layout};
use evaluation::evaluated_at_once;
use network::network;
use std::ops::Range;
use tch::{Device, TchError, Tensor};
use written_out::written_out;

pub use network::layout;

/// Samples per forward pass over data that is not trained on, on a GPU.
const EVALUATION_BATCH: usize = 500;

/// One model, one optimizer and the data, whatever the number of clients.
pub struct TorchTrainer {
    plan: Plan,
    device: Device,
    // Ranks that compute there.
    sharers: usize,
    // Test samples that are evaluated at once; metrics are rounded once for each such piece.
    piece: usize,
    network: Box<dyn Network>,
    note: Option<String>,
    layout: Layout,
    params: Params,
    optimizer: Optimizer,
    // Loaded when first needed: the server never trains, and most workers never evaluate.
    train: Option<Stock>,
    test: Option<Stock>,
    // Updates on their way to the sum; as many as are held at once, so one, or a few.
    updates: Shelf<f32>,
    descent: Option<Box<dyn Descent>>,
    // Where steps can be recorded.
    recorder: Option<Recorder>,
    // On a GPU the round's weights stay there, and changes are summed there and leave once a
    // round.
    held: Option<DeviceSum>,
}

impl TorchTrainer {
    /// A trainer of the plan's model on a device.
    ///
    /// # Errors
    /// A model that is unknown or does not fit the data or the device.
    pub fn new(plan: &Plan, device: Device) -> Result<Self, ModelError> {
        let config = &plan.config;
        if device.is_cuda() {
            gpus().map_err(|reason| unusable(device, reason))?;
        }
        let (network, note) = network(plan, device)?;
        let layout = models::layout(network.as_ref());
        let optimizer = make(&config.client_optimizer)?;
        let descent = written_out(plan, device, network.as_ref(), &optimizer);
        let on_gpu = device.is_cuda();
        let is_steady = network.is_steady() && is_steady(&plan.dataset.facts.task);
        let recorder = is_steady.then(|| Recorder::new(device)).flatten();
        let held = on_gpu.then(|| DeviceSum::new(layout.length(), device));
        tch::set_num_threads(config.threads as i32);
        if on_gpu {
            exact();
        }
        let mut params = Params::new(&layout, network.trained(), device)
            .map_err(|error| unusable(device, first_line(error)))?;
        params.unload();
        Ok(TorchTrainer {
            params,
            optimizer,
            plan: plan.clone(),
            device,
            sharers: 1,
            note,
            piece: evaluated_at_once(device, plan.dataset.facts.width()),
            network,
            layout,
            train: None,
            test: None,
            updates: Shelf::default(),
            descent,
            recorder,
            held,
        })
    }

    /// What did not match of what the model starts from.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// So many ranks, this one included, use the device.
    pub fn shared_by(self, sharers: usize) -> Self {
        TorchTrainer {
            sharers: sharers.max(1),
            ..self
        }
    }

    /// How far steps of the optimizer go.
    fn reach(&self, drift: &Drift) -> Reach {
        Reach::new(self.optimizer.momentum(), drift.pull().map_or(0.0, |(pull, _)| pull))
    }

    /// Where the training set is: on a GPU if it fits and is seen as it is, else where it was read.
    fn stock(&mut self) -> &Stock {
        let (plan, device, sharers) = (&self.plan, self.device, self.sharers);
        let facts = &plan.dataset.facts;
        self.train.get_or_insert_with(|| match &plan.dataset.train {
            Train::Stored(samples) if device.is_cuda() && plan.dataset.augment.is_none() => {
                Stock::on_device(samples, samples.len(), facts, device, sharers)
            }
            Train::Stored(_) | Train::Generated(_) => Stock::on_host(facts, device),
        })
    }

    /// The named samples, as a client sees them.
    fn rows(
        &mut self,
        samples: &Samples,
        order: &[u32],
        sight: &Sight,
    ) -> Result<Rows, TrainError> {
        let device = self.device;
        let seen = sight.of(self.stock(), samples, order);
        seen.map_err(|error| no_room(device, order.len(), error))
    }

    /// Takes over the weights that training starts from. On a GPU they travel only once, whoever
    /// trains from them.
    fn begin(&mut self, task: &Task<'_>) {
        match &mut self.held {
            Some(held) => self.params.copy_from(held.start(task.start)),
            None => self.params.load(task.start),
        }
    }
}

/// A device that the model cannot be on.
fn unusable(device: Device, reason: String) -> ModelError {
    ModelError::Device {
        device: name(device),
        reason,
    }
}

/// Samples that the device has no memory for.
fn no_room(device: Device, samples: usize, error: TchError) -> TrainError {
    let (device, reason) = (name(device), first_line(error));
    TrainError::Failed(format!(
        "{samples} samples do not fit on {device}: {reason} \
         (hint: fewer ranks there, or smaller batches)"
    ))
}

impl Trainer for TorchTrainer {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn initial(&mut self) -> Vec<f32> {
        models::initial(
            self.network.as_ref(),
            &self.layout,
            &mut self.plan.seed().stream(Purpose::Initial),
        )
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        if self.descends(task)
            && let Some(mut descent) = self.descent.take()
        {
            let trained = self.descend(descent.as_mut(), task);
            self.descent = Some(descent);
            return Ok(trained);
        }
        let trained = self.optimize(task)?;
        let weights = self
            .updates
            .filled(self.layout.length(), |weights| self.params.save(weights));
        Ok(Trained { weights, ..trained })
    }

    fn gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        self.whole_gradient(task)
    }

    fn train_into(
        &mut self,
        task: &Task<'_>,
        share: f64,
        sum: &mut dyn Accumulator,
    ) -> Result<f64, TrainError> {
        if self.held.is_none() && self.descends(task) {
            return self
                .train(task)?
                .add_to(sum, task.client, share, task.start);
        }
        let loss = self.optimize(task)?.loss;
        match &mut self.held {
            Some(held) => held.add(task.client, &self.params, share)?,
            None => sum.add_share(task.client, share, task.start, &self.params.values())?,
        }
        Ok(loss)
    }

    fn hand_over(&mut self, sum: &mut dyn Accumulator) {
        if let Some(held) = &mut self.held {
            held.hand_over(sum);
        }
    }

    fn take_held(&mut self) -> Option<Held> {
        self.held.as_mut().map(DeviceSum::take)
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        self.evaluate_pieces(weights, 0..self.pieces())
    }

    fn pieces(&self) -> usize {
        self.plan.test_samples().div_ceil(self.piece)
    }

    fn evaluate_pieces(
        &mut self,
        weights: &[f32],
        pieces: Range<usize>,
    ) -> Result<Metrics, TrainError> {
        self.score_pieces(weights, pieces)
    }

    fn evaluate_client(
        &mut self,
        weights: &[f32],
        client: ClientId,
    ) -> Result<Metrics, TrainError> {
        self.score_client(weights, client)
    }

    fn frozen(&self) -> Vec<Frozen> {
        let frozen = self.network.frozen().into_iter();
        frozen.map(|(name, tensor)| brought(name, tensor)).collect()
    }

    fn device(&self) -> String {
        name(self.device)
    }
}

/// A tensor that is not trained, with its values on the host.
fn brought(name: String, tensor: &Tensor) -> Frozen {
    let mut values = vec![0.0; tensor.numel()];
    tensor
        .to_device(Device::Cpu)
        .copy_data(&mut values, tensor.numel());
    Frozen {
        name,
        shape: tensor.size().iter().map(|&size| size as usize).collect(),
        values,
    }
}
