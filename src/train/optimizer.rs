//! The client optimizers: their names and settings. The arithmetic is with the tensors.

use crate::part;
use crate::part::{Choice, Entry, Kind, Part, PartError, Range, Values};

part! {
    /// `v <- m v + (g + wd w)`, `w <- w - lr v`; without momentum `w <- w - lr (g + wd w)`.
    pub Sgd {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0", "RATE", Range::NOT_NEGATIVE, "weight decay (L2) of the client optimizer";
        momentum: f64 = "0", "FACTOR", Range::FRACTION, "momentum of `sgd`";
    }
}

part! {
    /// Adam (Kingma and Ba 2015) with beta 0.9 and 0.999, epsilon 1e-8, and `g + wd w` as gradient; or AMSGrad.
    pub Adam {
        lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate of the client optimizer";
        wd: f64 = "0", "RATE", Range::NOT_NEGATIVE, "weight decay (L2) of the client optimizer";
        amsgrad: bool = "false", "true|false", Range::ANY, "divide by the largest second moment so far (Reddi et al. 2018)";
    }
}

/// A client optimizer and its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Optimizer {
    /// See [`Sgd`].
    Sgd(Sgd),
    /// See [`Adam`].
    Adam(Adam),
}

impl Optimizer {
    /// The learning rate that steps are taken with.
    pub fn lr(&self) -> f64 {
        match self {
            Optimizer::Sgd(Sgd { lr, .. }) | Optimizer::Adam(Adam { lr, .. }) => *lr,
        }
    }
}

/// Reads an optimizer's settings.
pub type Build = fn(&Values) -> Optimizer;

/// All client optimizers.
pub const KIND: Kind<Build> = Kind { setting: "client_optimizer", about: "client optimizer", table: OPTIMIZERS };

/// The optimizer of a choice.
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice) -> Result<Optimizer, PartError> {
    KIND.look_up(choice).map(|(entry, values)| (entry.build)(&values))
}

/// Every client optimizer, by the name users write.
pub const OPTIMIZERS: &[Entry<Build>] = &[
    Entry::<Build>::new("sgd", "stochastic gradient descent with --momentum and --wd", |values| {
        Optimizer::Sgd(Sgd::read(values))
    })
    .with(Sgd::PARAMS),
    Entry::<Build>::new("adam", "Adam with --wd added to the gradient", |values| Optimizer::Adam(Adam::read(values)))
        .with(Adam::PARAMS),
];
