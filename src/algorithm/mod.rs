//! What a method does beyond plain rounds, both sides of it in one file: what a client's steps
//! follow beside its gradients, what it says and keeps beside its change, and how the model moves
//! by what all said.
//!
//! The engine owns every vector; an algorithm says how long they are. So what travels, what is
//! summed where, what is saved and what becomes of it when a worker is lost is the engine's alone,
//! the same for all algorithms.

mod ditto;
mod fedavg;
mod feddyn;
mod fedlin;
mod fednova;
mod fedprox;
mod qfedavg;
mod scaffold;

use crate::aggregate::step::ServerStep;
use crate::ids::Round;
use crate::part::{Choice, Entry, Kind, Part, PartError, Values};
use crate::train::{Drift, Gradient, Task, TrainError, Trained, Trainer};
use crate::weights::{Section, Weigh, Weights};
use std::sync::Arc;

/// A method of federated learning. Vectors are as long as the part of the model that is trained,
/// unless its shape says otherwise; running means of batch normalisation are averaged and never
/// seen here.
///
/// Law: clients that change nothing leave a fresh model as it is; the order of clients does not
/// matter; what a client says and keeps depends on the arguments alone.
pub trait Algorithm: Send + Sync {
    /// The vectors that it needs, for a model of which `trained` values are trained.
    fn shape(&self, _trained: usize) -> Shape {
        Shape::default()
    }

    /// In the pass before training: what a client says, a vector for each of [`Shape::first`].
    ///
    /// # Errors
    /// Whatever keeps the client from saying it.
    fn survey(&self, _visit: &mut Visit<'_>) -> Result<Vec<Vec<f32>>, TrainError> {
        Ok(Vec::new())
    }

    /// Before a client's steps: what they follow beside its gradients.
    ///
    /// # Errors
    /// Whatever keeps the client from being trained.
    fn begin(&self, _visit: &mut Visit<'_>) -> Result<Drift, TrainError> {
        Ok(Drift::default())
    }

    /// After a client's steps: what it says and keeps. Called only when the shape has a use for it.
    ///
    /// # Errors
    /// As [`Algorithm::begin`].
    fn end(&self, _visit: &mut Visit<'_>, _outcome: &mut Outcome) -> Result<(), TrainError> {
        Ok(())
    }

    /// How the model moves by the means over the cohort.
    fn apply(&self, server: &mut Moving<'_>, mean: &Mean<'_>) {
        server.step(mean.change);
    }
}

/// The vectors of an algorithm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// How a client's change is weighed.
    pub weigh: Weigh,
    /// What clients say in a pass before training; its means are told to all before they train.
    pub first: Vec<Section>,
    /// What clients say beside their change.
    pub said: Vec<Section>,
    /// Values that each client keeps from one training to the next; zeros at first.
    pub kept: usize,
    /// Values that are remembered on the server; zeros at first.
    pub memory: usize,
    /// How many of them, from the first, are told to clients.
    pub told: usize,
}

impl Shape {
    /// Whether [`Algorithm::end`] has something to do.
    pub fn has_end(&self) -> bool {
        !self.said.is_empty() || self.kept > 0 || matches!(self.weigh, Weigh::Own(_))
    }
}

/// One client that is being trained.
pub struct Visit<'a> {
    /// The weights that it got, buffers included.
    pub start: &'a Weights,
    /// What it was told: the server's memory as far as it is told, then the means of the first
    /// pass.
    pub told: &'a [f32],
    /// What it keeps: as it left it, or zeros.
    pub kept: &'a mut [f32],
    /// Whether it has kept nothing yet.
    pub fresh: bool,
    /// Who trains it, and what is known of the training.
    trainer: &'a mut dyn Trainer,
    task: Task<'a>,
}

impl<'a> Visit<'a> {
    /// A client about to be trained.
    pub fn new(
        task: Task<'a>,
        told: &'a [f32],
        kept: &'a mut [f32],
        fresh: bool,
        trainer: &'a mut dyn Trainer,
    ) -> Visit<'a> {
        Visit {
            start: task.start,
            told,
            kept,
            fresh,
            trainer,
            task,
        }
    }

    /// Values of the model that are trained.
    pub fn trained(&self) -> usize {
        self.trainer.layout().trained()
    }

    /// Trains the client from any weights, for itself.
    ///
    /// # Errors
    /// As [`Trainer::train`].
    pub fn descend(&mut self, start: &Weights, drift: &Drift) -> Result<Trained, TrainError> {
        self.trainer
            .train(&self.task.starting_at(start).drifting(drift))
    }

    /// Trains the client as a task says.
    pub(crate) fn descend_along(&mut self, task: &Task<'_>) -> Result<Trained, TrainError> {
        self.trainer.train(task)
    }

    /// The mean gradient over all of the client's samples at any weights, and the mean loss.
    ///
    /// # Errors
    /// As [`Trainer::gradient`].
    pub fn gradient(&mut self, at: &Weights) -> Result<Gradient, TrainError> {
        self.trainer.gradient(&self.task.starting_at(at))
    }

    /// The weights before the first round.
    pub fn initial(&mut self) -> Vec<f32> {
        self.trainer.initial()
    }
}

/// What became of a client's training.
pub struct Outcome {
    /// As the trainer gave it.
    pub trained: Trained,
    /// What it says, a vector of zeros for each section at first.
    pub said: Vec<Vec<f32>>,
    /// Its weight, where it has one of its own.
    pub weight: f64,
    /// Its change, once somebody looked at it as a vector; else the difference of the weights.
    pub change: Option<Vec<f32>>,
}

impl Outcome {
    /// Nothing is said yet.
    pub fn new(trained: Trained, said: &[Section]) -> Outcome {
        let said = said
            .iter()
            .map(|section| vec![0.0; section.length])
            .collect();
        Outcome {
            trained,
            said,
            weight: 1.0,
            change: None,
        }
    }

    /// The change of all weights, to be altered.
    pub fn change(&mut self, start: &[f32]) -> &mut Vec<f32> {
        let weights = &self.trained.weights;
        self.change.get_or_insert_with(|| {
            weights
                .iter()
                .zip(start)
                .map(|(new, old)| new - old)
                .collect()
        })
    }
}

/// The means over a cohort.
pub struct Mean<'a> {
    /// Of the changes.
    pub change: &'a [f64],
    /// Of what clients said.
    pub said: &'a [&'a mut [f64]],
    /// Clients in the cohort.
    pub cohort: usize,
    /// Clients that there are.
    pub clients: usize,
}

/// The model and the memory, about to move.
pub struct Moving<'a> {
    /// The model.
    pub model: &'a mut [f32],
    /// What the algorithm remembers.
    pub memory: &'a mut [f32],
    /// How the model steps along a change.
    pub rule: &'a dyn ServerStep,
    /// What the rule remembers.
    pub rule_memory: &'a mut [f32],
    /// Which round it is.
    pub round: Round,
}

impl Moving<'_> {
    /// Moves the model along a change, as the server's step says.
    pub fn step(&mut self, change: &[f64]) {
        self.rule
            .step(self.model, self.rule_memory, change, self.round);
    }
}

/// Makes an algorithm.
pub type Build = fn(&Values) -> Arc<dyn Algorithm>;

/// All algorithms.
pub const KIND: Kind<Build> = Kind {
    setting: "algorithm",
    about: "algorithm",
    table: ALGORITHMS,
};

/// What is meant when nobody says.
pub const PLAIN: &str = "fedavg";
/// What a proximal term alone asks for.
pub const PROXIMAL: &str = "fedprox";

/// Makes an algorithm by choice.
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice) -> Result<Arc<dyn Algorithm>, PartError> {
    KIND.look_up(choice)
        .map(|(entry, values)| (entry.build)(&values))
}

/// Every algorithm, by the name users write.
pub const ALGORITHMS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "fedavg",
        "plain steps, the sample-weighted mean of the changes (McMahan et al. 2017)",
        |_| Arc::new(fedavg::FedAvg),
    ),
    Entry::<Build>::new(
        "fedprox",
        "steps are pulled back to the weights that came (Li et al. 2020)",
        |values| Arc::new(fedprox::FedProx::read(values)),
    )
    .with(fedprox::FedProx::PARAMS),
    Entry::<Build>::new(
        "scaffold",
        "control variates against client drift (Karimireddy et al. 2020)",
        |values| Arc::new(scaffold::Scaffold::read(values)),
    )
    .with(scaffold::Scaffold::PARAMS),
    Entry::<Build>::new(
        "fednova",
        "changes normalised by the steps behind them (Wang et al. 2020)",
        |_| Arc::new(fednova::FedNova),
    ),
    Entry::<Build>::new(
        "feddyn",
        "a dynamic regulariser for each client (Acar et al. 2021)",
        |values| Arc::new(feddyn::FedDyn::read(values)),
    )
    .with(feddyn::FedDyn::PARAMS),
    Entry::<Build>::new(
        "fedlin",
        "steps along the mean gradient, which is asked for first (Mitra et al. 2021)",
        |_| Arc::new(fedlin::FedLin),
    ),
    Entry::<Build>::new(
        "qfedavg",
        "clients with a larger loss count more (Li et al. 2020, q-FFL)",
        |values| Arc::new(qfedavg::QFedAvg::read(values)),
    )
    .also(&["q-fedavg", "qffl"])
    .with(qfedavg::QFedAvg::PARAMS),
    Entry::<Build>::new(
        "ditto",
        "fedavg, and a personal model for each client (Li et al. 2021)",
        |values| Arc::new(ditto::Ditto::read(values)),
    )
    .with(ditto::Ditto::PARAMS),
];
