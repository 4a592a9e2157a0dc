//! Trains clients and evaluates models with libtorch.

mod network;
mod written_out;

use crate::data::{Samples, Train};
use crate::ids::ClientId;
use crate::metrics::Metrics;
use crate::models::{self, Descent, ModelError, Network, Noise};
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::shelf::Shelf;
use crate::task::Task as Learned;
use crate::torch::batches::{Rows, Stock};
use crate::torch::device::{exact, first_line, gpus, name, upload};
use crate::torch::optimizer::stepper;
use crate::torch::params::Params;
use crate::torch::sight::Sight;
use crate::torch::sum::DeviceSum;
use crate::torch::task::{self, Counted, answers, gradients};
use crate::torch::visit::{Gathered, Visit};
use crate::train::optimizer::{Optimizer, make};
use crate::train::{
    Course, Drift, Frozen, Gradient, Limit, Reach, Task, TrainError, Trained, Trainer,
};
use crate::weights::{ExactSum, Held, Layout, Weights};
use network::network;
use rand::seq::SliceRandom;
use std::ops::Range;
use tch::{Device, Kind, TchError, Tensor, no_grad};

pub use network::parameters;

/// Samples per forward pass over data that is not trained on, on a GPU.
const EVALUATION_BATCH: usize = 500;
/// Values in the samples of such a pass on a CPU: activations of so few stay in its caches.
const EVALUATION_VALUES_CPU: usize = 80_000;

/// Largest batch of which the steps are written out: for larger ones matrix libraries are at home,
/// and sum with less rounding.
const SMALL_BATCH: usize = 64;

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
            gpus().map_err(|reason| ModelError::Device {
                device: name(device),
                reason,
            })?;
        }
        let (network, note) = network(plan, device)?;
        let layout = models::layout(network.as_ref());
        let optimizer = make(&config.client_optimizer)?;
        // Written-out steps know cross-entropy of classes, and step along each batch's gradient as
        // it is.
        let is_plain = optimizer.plain().is_some()
            && plan.limit() == Limit::None
            && plan.workload().accumulate == 1;
        let is_known =
            device == Device::Cpu && matches!(plan.dataset.facts.task, Learned::Classes(_));
        let descent = if is_plain && is_known {
            network.descent(&layout)
        } else {
            None
        };
        let held = device
            .is_cuda()
            .then(|| DeviceSum::new(layout.length(), device));
        tch::set_num_threads(config.threads as i32);
        if device.is_cuda() {
            exact();
        }
        let params = Params::new(&layout, network.trained(), device).map_err(|error| {
            ModelError::Device {
                device: name(device),
                reason: first_line(error),
            }
        })?;
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

    /// Trains a client by autograd and an optimizer; its weights stay where they are. Gives what is
    /// known of it but the weights.
    fn optimize(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
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
            stepper: stepper(&self.optimizer),
            rate: self.optimizer.lr() * task.rate,
            reach: self.reach(task.drift),
            noise: Noise::new(plan.seed().for_client(Purpose::Model, round, client)),
            losses: Tensor::zeros([], (Kind::Float, device)),
            counted: Counted::new(&plan.dataset.facts.task, device),
            limit: plan.limit(),
            gathered: Gathered::default(),
            pull: self.pull(task)?,
            shift: task
                .drift
                .shift()
                .map(|shift| self.on_device(shift))
                .transpose()?,
        };
        let mut sight = Sight::new(&plan, task, &order);
        let part = self.stock().part(batch);
        for pass in 0.. {
            let Some(taken) = visit.course.next_pass() else { break };
            order.shuffle(&mut stream);
            sight.begin(pass);
            for part in order[..taken].chunks(part) {
                let rows = self.rows(&rows, part, &sight)?;
                self.steps(&rows, &mut visit, task);
            }
            visit.end_pass(&mut self.params);
        }
        Ok(visit.end())
    }

    /// Whether a client's steps are written out by hand.
    fn descends(&self, task: &Task<'_>) -> bool {
        self.descent.is_some()
            && self.plan.batch(self.plan.partition.of(task.client).len()) <= SMALL_BATCH
    }

    /// Where a drift pulls, on the device.
    fn pull(&self, task: &Task<'_>) -> Result<Option<(f64, Tensor)>, TrainError> {
        let Some((pull, anchor)) = task.drift.pull() else { return Ok(None) };
        let anchor = match Weights::ptr_eq(anchor, task.start) {
            true => self.params.trained_part().copy(),
            false => self.on_device(&anchor[..self.layout.trained()])?,
        };
        Ok(Some((pull, anchor)))
    }

    fn on_device(&self, values: &[f32]) -> Result<Tensor, TrainError> {
        let sent = upload(values, &[values.len() as i64], self.device);
        sent.map_err(|error| no_room(self.device, values.len(), error))
    }

    /// Goes through the rows once.
    fn steps(&mut self, rows: &Rows, visit: &mut Visit, task: &Task<'_>) {
        for (features, labels) in rows.batches(visit.batch) {
            let parameters = self.params.views();
            let (loss, gradients) = gradients(
                self.network.as_ref(),
                &self.plan.dataset.facts.task,
                parameters,
                &features,
                &labels,
                Some(&mut visit.noise),
            );
            visit.take(&mut self.params, &loss, gradients, &labels);
            task.alive();
        }
    }

    /// The sum of gradients over rows, in batches, and of losses.
    fn slope(&self, rows: &Rows, slope: &mut Slope, task: &Task<'_>) {
        let learned = &self.plan.dataset.facts.task;
        for (features, labels) in rows.batches(EVALUATION_BATCH) {
            let parameters = self.params.views();
            let (mean, gradients) =
                gradients(self.network.as_ref(), learned, parameters, &features, &labels, None);
            let count = task::asked(learned, &labels);
            no_grad(|| slope.sum += self.params.gather(&gradients) * count);
            slope.loss += mean.double_value(&[]) * count;
            slope.count += count;
            task.alive();
        }
    }
}

/// Gradients and losses of targets, added up, and how many those are.
struct Slope {
    sum: Tensor,
    loss: f64,
    count: f64,
}

/// Metrics of a model on rows.
fn score(network: &dyn Network, params: &Params, task: &Learned, rows: &Rows) -> Metrics {
    let (inputs, targets) = rows.all();
    let (outputs, targets) =
        no_grad(|| answers(network, task, params.views(), [inputs, targets], None));
    task::score(task, &outputs, &targets)
}

/// Test samples of so many values that are evaluated at once.
fn evaluated_at_once(device: Device, width: usize) -> usize {
    match device {
        Device::Cpu => (EVALUATION_VALUES_CPU / width.max(1)).clamp(10, 100),
        _ => EVALUATION_BATCH,
    }
}

fn no_room(device: Device, samples: usize, error: TchError) -> TrainError {
    let (device, reason) = (name(device), first_line(error));
    TrainError::Failed(format!(
        "{samples} samples do not fit on {device}: {reason} (hint: fewer ranks there, or smaller batches)"
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
        let descends = self.descends(task);
        Ok(match self.descent.take_if(|_| descends) {
            Some(mut descent) => {
                let trained = self.descend(descent.as_mut(), task);
                self.descent = Some(descent);
                trained
            }
            None => {
                let trained = self.optimize(task)?;
                let weights = self
                    .updates
                    .filled(self.layout.length(), |weights| self.params.save(weights));
                Trained { weights, ..trained }
            }
        })
    }

    fn gradient(&mut self, task: &Task<'_>) -> Result<Gradient, TrainError> {
        self.begin(task);
        let (plan, device) = (self.plan.clone(), self.device);
        let samples = plan.partition.of(task.client);
        let (rows, order) = plan.dataset.train.of(&samples);
        let trained = self.layout.trained();
        let zeros = Tensor::zeros([trained as i64], (Kind::Float, device));
        let mut slope = Slope {
            sum: zeros,
            loss: 0.0,
            count: 0.0,
        };
        let sight = Sight::new(&plan, task, &order).without_look();
        let part = self.stock().part(EVALUATION_BATCH);
        for part in order.chunks(part) {
            let rows = self.rows(&rows, part, &sight)?;
            self.slope(&rows, &mut slope, task);
        }
        let count = slope.count.max(1.0);
        let mut values = vec![0.0; trained];
        (slope.sum / count).copy_data(&mut values, trained);
        Ok(Gradient {
            values,
            loss: slope.loss / count,
        })
    }

    fn train_into(
        &mut self,
        task: &Task<'_>,
        share: f64,
        sum: &mut ExactSum,
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

    fn hand_over(&mut self, sum: &mut ExactSum) {
        self.held.iter_mut().for_each(|held| held.hand_over(sum));
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
        self.params.load(weights);
        let (plan, device, sharers) = (&self.plan, self.device, self.sharers);
        let (samples, count) = (&plan.dataset.test, plan.test_samples());
        let stock = || match device.is_cuda() {
            true => Stock::on_device(samples, count, &plan.dataset.facts, device, sharers),
            false => Stock::on_host(&plan.dataset.facts, device),
        };
        let stock = self.test.get_or_insert_with(stock);
        let sight = Sight::of_test(plan);
        let mut metrics = Metrics::default();
        for piece in pieces {
            let order: Vec<u32> = (piece * self.piece..count.min((piece + 1) * self.piece))
                .map(|row| row as u32)
                .collect();
            let rows = sight
                .of(stock, samples, &order)
                .map_err(|error| no_room(device, order.len(), error))?;
            metrics.add(&score(
                self.network.as_ref(),
                &self.params,
                &plan.dataset.facts.task,
                &rows,
            ));
        }
        Ok(metrics)
    }

    fn evaluate_client(
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
            metrics.add(&score(
                self.network.as_ref(),
                &self.params,
                &plan.dataset.facts.task,
                &rows,
            ));
        }
        Ok(metrics)
    }

    fn frozen(&self) -> Vec<Frozen> {
        let frozen = self.network.frozen().into_iter();
        frozen
            .map(|(name, tensor)| {
                let mut values = vec![0.0; tensor.numel()];
                tensor
                    .to_device(Device::Cpu)
                    .copy_data(&mut values, tensor.numel());
                Frozen {
                    name,
                    shape: tensor.size().iter().map(|&size| size as usize).collect(),
                    values,
                }
            })
            .collect()
    }

    fn device(&self) -> String {
        name(self.device)
    }
}
