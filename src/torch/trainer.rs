//! Trains clients and evaluates models with libtorch.

use super::batches::Rows;
use super::device::exact;
use super::models::{self, Descent, ModelError, Network};
use super::noise::Noise;
use super::optimizer::Stepper;
use super::params::Params;
use super::sum::DeviceSum;
use crate::config::Plan;
use crate::data::Train;
use crate::metrics::Metrics;
use crate::registry::find;
use crate::seed::Purpose;
use crate::shelf::Shelf;
use crate::train::optimizer::{OPTIMIZERS, Optimizer};
use crate::train::{Task, TrainError, Trained, Trainer};
use crate::weights::{ExactSum, Held, Layout};
use rand::seq::SliceRandom;
use std::sync::Arc;
use tch::{Device, Kind, Tensor, no_grad};

/// Samples per forward pass of an evaluation.
const EVALUATION_BATCH: usize = 500;

/// Largest batch of which the steps are written out: for larger ones matrix libraries are at home, and
/// sum with less rounding.
const SMALL_BATCH: usize = 64;

/// One model, one optimizer and the data, whatever the number of clients.
pub struct TorchTrainer {
    plan: Plan,
    device: Device,
    network: Box<dyn Network>,
    layout: Layout,
    params: Params,
    optimizer: Optimizer,
    // Loaded when first needed: workers never see the test set, nor the server the training set.
    train: Option<Option<Arc<Rows>>>,
    test: Option<Rows>,
    // Updates on their way to the sum; as many as are held at once, so one, or a few.
    updates: Shelf<f32>,
    descent: Option<Box<dyn Descent>>,
    // On a GPU, changes are summed there and leave once a round.
    held: Option<DeviceSum>,
}

impl TorchTrainer {
    /// A trainer of the plan's model on a device.
    ///
    /// # Errors
    /// A model that is unknown or does not fit the data.
    pub fn new(plan: &Plan, device: Device) -> Result<Self, ModelError> {
        let config = &plan.config;
        let network = models::build(&config.model, &plan.dataset.shape, plan.dataset.classes)?;
        let layout = models::layout(network.as_ref());
        let optimizer = find("client optimizer", OPTIMIZERS, &config.client_optimizer)?;
        let optimizer = (optimizer.build)(config.lr, config.wd, config.momentum);
        let descent = match optimizer {
            Optimizer::Sgd { lr, wd, momentum: 0.0 } if device == Device::Cpu => {
                network.descent(&layout, lr as f32, wd as f32)
            }
            _ => None,
        };
        let held = device.is_cuda().then(|| DeviceSum::new(layout.length(), device));
        tch::set_num_threads(config.threads as i32);
        if device.is_cuda()
            && let Err(error) = exact()
        {
            log::warn!("results on GPUs may differ from run to run: {error} (hint: libtorch 2.11.0)");
        }
        Ok(TorchTrainer {
            params: Params::new(&layout, network.trained(), device),
            optimizer,
            plan: plan.clone(),
            device,
            network,
            layout,
            train: None,
            test: None,
            updates: Shelf::default(),
            descent,
            held,
        })
    }

    /// Trains a client by the model's own steps, in place in the update.
    fn descend(&mut self, descent: &mut dyn Descent, task: &Task<'_>) -> Trained {
        let (client, start) = (task.client, &task.start[..]);
        let samples = self.plan.partition.of(client);
        let (rows, order) = self.plan.dataset.train.of(&samples);
        let mut order = order.into_owned();
        let batch = self.plan.batch(order.len());
        let pull_rate = (self.plan.config.lr * self.plan.config.rho) as f32;
        let mut stream = self.plan.seed().for_client(Purpose::Shuffle, task.round, client);
        let mut losses = Vec::with_capacity(self.plan.epochs() * order.len().div_ceil(batch));
        let weights = self.updates.filled(start.len(), |weights| {
            weights.copy_from_slice(start);
            let (mut features, mut labels) = (Vec::new(), Vec::new());
            for _ in 0..self.plan.epochs() {
                order.shuffle(&mut stream);
                for samples in order.chunks(batch) {
                    rows.gather(samples, &mut features, &mut labels);
                    // The proximal term's gradient is that before the step.
                    let pull: Vec<f32> = match pull_rate > 0.0 {
                        true => weights.iter().zip(start).map(|(weight, start)| pull_rate * (weight - start)).collect(),
                        false => Vec::new(),
                    };
                    losses.push(f64::from(descent.step(weights, &features, &labels)));
                    pull.iter().zip(weights.iter_mut()).for_each(|(pull, weight)| *weight -= pull);
                    task.alive();
                }
            }
        });
        Trained { weights, loss: losses.iter().sum::<f64>() / losses.len().max(1) as f64 }
    }

    /// The training set on the device, when it has room for it; the CPU reads it where it is.
    fn resident(&mut self) -> Option<Arc<Rows>> {
        let (Train::Stored(samples), Device::Cuda(_)) = (&self.plan.dataset.train, self.device) else { return None };
        let shape = &self.plan.dataset.shape;
        let load = || {
            let rows = Rows::resident(samples, samples.labels.len(), shape, self.device);
            rows.inspect_err(|error| log::warn!("the data does not fit on the device and is streamed: {error}"))
        };
        self.train.get_or_insert_with(|| load().ok().map(Arc::new)).clone()
    }

    /// Trains a client by autograd and an optimizer, from the present parameters; gives its loss.
    fn optimize(&mut self, task: &Task<'_>) -> f64 {
        let (plan, device) = (self.plan.clone(), self.device);
        let &Task { round, client, .. } = task;
        let samples = plan.partition.of(client);
        let (rows, order) = plan.dataset.train.of(&samples);
        let mut order = order.into_owned();
        let resident = self.resident();
        let mut stream = plan.seed().for_client(Purpose::Shuffle, round, client);
        let mut visit = Visit {
            batch: plan.batch(order.len()),
            stepper: Stepper::new(self.optimizer),
            noise: Noise::new(plan.seed().for_client(Purpose::Model, round, client)),
            losses: Tensor::zeros([], (Kind::Float, device)),
            steps: 0,
            anchor: match plan.config.rho > 0.0 {
                true => self.params.views().iter().map(|view| view.detach().copy()).collect(),
                false => Vec::new(),
            },
        };
        for _ in 0..plan.epochs() {
            order.shuffle(&mut stream);
            let batches = match &resident {
                Some(all) => all.in_order(&order),
                None => Rows::gathered(&rows, &order, &plan.dataset.shape, device),
            };
            self.epoch(&batches, &mut visit, task);
        }
        visit.losses.double_value(&[]) / visit.steps.max(1) as f64
    }

    /// Steps over the rows once.
    fn epoch(&mut self, rows: &Rows, visit: &mut Visit, task: &Task<'_>) {
        for (features, labels) in rows.batches(visit.batch) {
            let parameters = self.params.views();
            let (loss, mut gradients) = self.network.gradients(parameters, &features, &labels, &mut visit.noise);
            no_grad(|| {
                for ((gradient, parameter), start) in gradients.iter_mut().zip(self.params.views()).zip(&visit.anchor) {
                    *gradient += (parameter - start) * self.plan.config.rho;
                }
                visit.stepper.step(&mut self.params.views_mut()[..gradients.len()], gradients);
                let _ = visit.losses.g_add_(&loss);
            });
            visit.steps += 1;
            task.alive();
        }
    }
}

/// What lives as long as one client trains.
struct Visit {
    batch: usize,
    stepper: Stepper,
    noise: Noise,
    losses: Tensor,
    steps: usize,
    // The weights that the client got, when it is pulled back to them; else none.
    anchor: Vec<Tensor>,
}

impl Trainer for TorchTrainer {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn initial(&mut self) -> Vec<f32> {
        models::initial(self.network.as_ref(), &self.layout, &mut self.plan.seed().stream(Purpose::Initial))
    }

    fn train(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        let small = self.plan.batch(self.plan.partition.of(task.client).len()) <= SMALL_BATCH;
        Ok(match self.descent.take_if(|_| small) {
            Some(mut descent) => {
                let trained = self.descend(descent.as_mut(), task);
                self.descent = Some(descent);
                trained
            }
            None => {
                self.params.load(task.start);
                let loss = self.optimize(task);
                let weights = self.updates.filled(self.layout.length(), |weights| self.params.save(weights));
                Trained { weights, loss }
            }
        })
    }

    fn train_into(&mut self, task: &Task<'_>, samples: u64, sum: &mut ExactSum) -> Result<f64, TrainError> {
        let Some(mut held) = self.held.take() else {
            return self.train(task)?.add_to(sum, task.client, samples, task.start);
        };
        self.params.copy_from(held.start(task.start));
        let loss = self.optimize(task);
        let added = held.add(task.client, &self.params, sum.share(samples));
        self.held = Some(held);
        added.map(|()| loss)
    }

    fn hand_over(&mut self, sum: &mut ExactSum) {
        self.held.iter_mut().for_each(|held| held.hand_over(sum));
    }

    fn take_held(&mut self) -> Option<Held> {
        self.held.as_mut().map(DeviceSum::take)
    }

    fn evaluate(&mut self, weights: &[f32]) -> Result<Metrics, TrainError> {
        let (plan, device) = (&self.plan, self.device);
        let rows = match self.test.take() {
            Some(rows) => rows,
            None => Rows::resident(&plan.dataset.test, plan.test_samples(), &plan.dataset.shape, device)
                .map_err(|error| TrainError(error.to_string()))?,
        };
        self.params.load(weights);
        let mut metrics = Metrics::default();
        for (features, labels) in rows.batches(EVALUATION_BATCH) {
            let (loss_sum, correct) = self.network.score(self.params.views(), &features, &labels);
            metrics.add(&Metrics { loss_sum, correct, samples: labels.numel() as u64 });
        }
        self.test = Some(rows);
        Ok(metrics)
    }

    fn device(&self) -> String {
        match self.device {
            Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        }
    }
}
