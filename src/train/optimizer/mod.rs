//! The client optimizers: their names and settings, one file each. Names, formulas and defaults are
//! those of `torch.optim`, but for the rate's default. The arithmetic is with the tensors, where a
//! file has the same name.

mod adagrad;
mod adam;
mod adamw;
mod rmsprop;
mod sgd;

use crate::part::{Choice, Entry, Kind, Part, PartError, Values};
use crate::train::Momentum;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamw::AdamW;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

/// A client optimizer and its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Optimizer {
    /// See [`Sgd`].
    Sgd(Sgd),
    /// See [`Adam`].
    Adam(Adam),
    /// See [`AdamW`].
    AdamW(AdamW),
    /// See [`RmsProp`].
    RmsProp(RmsProp),
    /// See [`Adagrad`].
    Adagrad(Adagrad),
}

impl Optimizer {
    /// The learning rate that steps are taken with.
    pub fn lr(&self) -> f64 {
        match self {
            Optimizer::Sgd(Sgd { lr, .. })
            | Optimizer::Adam(Adam { lr, .. })
            | Optimizer::AdamW(AdamW { lr, .. })
            | Optimizer::RmsProp(RmsProp { lr, .. })
            | Optimizer::Adagrad(Adagrad { lr, .. }) => *lr,
        }
    }

    /// The weight decay, if steps are plain: `w <- w - lr (g + wd w)`.
    pub fn plain(&self) -> Option<f64> {
        match self {
            Optimizer::Sgd(sgd) if sgd.momentum == 0.0 => Some(sgd.wd),
            _ => None,
        }
    }

    /// How far steps lead beyond their gradient.
    pub fn momentum(&self) -> Momentum {
        match *self {
            Optimizer::Sgd(Sgd {
                momentum: factor,
                dampening,
                client_nesterov: nesterov,
                ..
            }) => Momentum {
                factor,
                dampening,
                nesterov,
            },
            _ => Momentum::default(),
        }
    }
}

/// Reads an optimizer's settings.
pub type Build = fn(&Values) -> Optimizer;

/// All client optimizers.
pub const KIND: Kind<Build> = Kind {
    setting: "client_optimizer",
    about: "client optimizer",
    table: OPTIMIZERS,
};

/// The optimizer of a choice.
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice) -> Result<Optimizer, PartError> {
    KIND.look_up(choice)
        .map(|(entry, values)| (entry.build)(&values))
}

/// Every client optimizer, by the name users write.
pub const OPTIMIZERS: &[Entry<Build>] = &[
    Entry::<Build>::new("sgd", "stochastic gradient descent with --momentum and --wd", |values| {
        Optimizer::Sgd(Sgd::read(values))
    })
    .with(Sgd::PARAMS),
    Entry::<Build>::new("adam", "Adam with --wd added to the gradient", |values| {
        Optimizer::Adam(Adam::read(values))
    })
    .with(Adam::PARAMS),
    Entry::<Build>::new("adamw", "Adam with --wd apart from the gradient", |values| {
        Optimizer::AdamW(AdamW::read(values))
    })
    .with(AdamW::PARAMS),
    Entry::<Build>::new(
        "rmsprop",
        "divides by a running root mean square of gradients",
        |values| Optimizer::RmsProp(RmsProp::read(values)),
    )
    .with(RmsProp::PARAMS),
    Entry::<Build>::new(
        "adagrad",
        "divides by the root of the sum of all squared gradients",
        |values| Optimizer::Adagrad(Adagrad::read(values)),
    )
    .with(Adagrad::PARAMS),
];
