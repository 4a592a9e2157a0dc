//! How much an update still counts that was made from an old model (Xie et al. 2019, section 5.2).

use crate::part;
use crate::part::{Entry, Kind, Part, Range, Values};

/// A weight for each staleness: the number of times the model has moved since the client got it.
#[derive(Clone, Copy, Debug, PartialEq)]
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

part! {
    /// Settings of the power.
    pub Power {
        staleness_a: f64 = "0.5", "NUMBER", Range::NOT_NEGATIVE, "exponent of `polynomial`, steepness of `hinge`";
    }
}

part! {
    /// Settings of the hinge.
    pub Hinge {
        staleness_a: f64 = "0.5", "NUMBER", Range::NOT_NEGATIVE, "exponent of `polynomial`, steepness of `hinge`";
        staleness_b: f64 = "4", "VERSIONS", Range::NOT_NEGATIVE, "staleness up to which `hinge` counts fully";
    }
}

/// Makes a function of the staleness.
pub type Build = fn(&Values) -> Staleness;

/// All functions of the staleness.
pub const KIND: Kind<Build> = Kind {
    setting: "staleness",
    about: "staleness",
    table: STALENESS,
};

/// Every function, by the name users write.
pub const STALENESS: &[Entry<Build>] = &[
    Entry::<Build>::new("constant", "all updates count the same", |_| Staleness::Constant),
    Entry::<Build>::new("polynomial", "a power of the staleness: (t + 1)^-a", |values| {
        Staleness::Polynomial {
            a: Power::read(values).staleness_a,
        }
    })
    .with(Power::PARAMS),
    Entry::<Build>::new(
        "hinge",
        "fresh ones count fully: 1 up to b, then 1 / (a (t - b) + 1)",
        |values| {
            let Hinge {
                staleness_a: a,
                staleness_b: b,
            } = Hinge::read(values);
            Staleness::Hinge { a, b }
        },
    )
    .with(Hinge::PARAMS),
];

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
