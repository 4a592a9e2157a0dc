//! The client optimizers: their names and settings. The arithmetic is with the tensors.

use crate::registry::Entry;

/// A client optimizer and its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// `v <- m v + (g + wd w)`, `w <- w - lr v`; without momentum `w <- w - lr (g + wd w)`.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Weight decay.
        wd: f64,
        /// Momentum.
        momentum: f64,
    },
    /// Adam (Kingma and Ba 2015) with beta 0.9 and 0.999, epsilon 1e-8, and `g + wd w` as gradient.
    Adam {
        /// Learning rate.
        lr: f64,
        /// Weight decay.
        wd: f64,
    },
}

/// Learning rate, weight decay, momentum to an optimizer.
pub type Build = fn(f64, f64, f64) -> Optimizer;

/// Every client optimizer, by the name users write.
pub const OPTIMIZERS: &[Entry<Build>] = &[
    Entry {
        name: "sgd",
        about: "stochastic gradient descent with --momentum and --wd",
        build: |lr, wd, momentum| Optimizer::Sgd { lr, wd, momentum },
    },
    Entry {
        name: "adam",
        about: "Adam with --wd added to the gradient",
        build: |lr, wd, _| Optimizer::Adam { lr, wd },
    },
];
