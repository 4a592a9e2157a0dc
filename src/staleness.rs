//! How much an update still counts that was made from an old model (Xie et al. 2019, section 5.2).

use serde::{Deserialize, Serialize};

/// A weight for each staleness: the number of times the model has moved since the client got it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Staleness {
    /// `s = 1`.
    Constant,
    /// `s = (t + 1)^-a`.
    Polynomial {
        /// Exponent.
        a: f64,
    },
    /// `s = 1` up to `b`, then `1 / (a (t - b) + 1)`.
    Hinge {
        /// Steepness.
        a: f64,
        /// Where it begins.
        b: f64,
    },
}

/// The names of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum StalenessKind {
    /// All updates count the same.
    Constant,
    /// A power of the staleness.
    Polynomial,
    /// Fresh ones count fully.
    Hinge,
}

impl Staleness {
    /// The weight of an update that is `staleness` versions old.
    ///
    /// ```
    /// use fedmpi::staleness::Staleness;
    /// assert_eq!(Staleness::Constant.weight(9), 1.0);
    /// assert_eq!(Staleness::Polynomial { a: 0.5 }.weight(3), 0.5); // 4^-0.5
    /// assert_eq!(Staleness::Hinge { a: 10.0, b: 4.0 }.weight(6), 1.0 / 21.0);
    /// ```
    pub fn weight(&self, staleness: u32) -> f64 {
        let t = f64::from(staleness);
        match *self {
            Staleness::Constant => 1.0,
            Staleness::Polynomial { a } => (t + 1.0).powf(-a),
            Staleness::Hinge { b, .. } if t <= b => 1.0,
            Staleness::Hinge { a, b } => 1.0 / (a * (t - b) + 1.0),
        }
    }
}
