//! What a client's steps follow beside its gradients. It is data, so that an algorithm is a file
//! without tensors, and each way of stepping applies one formula.

use crate::weights::Weights;

/// Steps go along `g + pull (y - anchor) + shift`, over the trained part of the weights; buffers do
/// not drift.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    pull: f64,
    anchor: Option<Weights>,
    shift: Vec<f32>,
}

impl Drift {
    /// Steps along gradients alone.
    pub const fn none() -> Drift {
        Drift {
            pull: 0.0,
            anchor: None,
            shift: Vec::new(),
        }
    }

    /// Pulled to `anchor` as well; a pull of 0 is none.
    pub fn pulled(self, pull: f64, anchor: &Weights) -> Drift {
        Drift {
            pull,
            anchor: (pull != 0.0).then(|| Weights::clone(anchor)),
            ..self
        }
    }

    /// Shifted as well, by a value for each trained weight.
    pub fn shifted(self, shift: Vec<f32>) -> Drift {
        Drift { shift, ..self }
    }

    /// Whether there is none: then steps must be those of plain gradients, to the bit.
    pub fn is_none(&self) -> bool {
        self.anchor.is_none() && self.shift.is_empty()
    }

    /// How strong the pull is, and where to.
    pub fn pull(&self) -> Option<(f64, &Weights)> {
        self.anchor.as_ref().map(|anchor| (self.pull, anchor))
    }

    /// The shift, if there is one.
    pub fn shift(&self) -> Option<&[f32]> {
        (!self.shift.is_empty()).then_some(&self.shift[..])
    }

    /// At a place: what is added to a gradient there.
    pub fn at(&self, place: usize, weight: f32) -> f64 {
        let pull = self
            .pull()
            .map_or(0.0, |(pull, anchor)| pull * (f64::from(weight) - f64::from(anchor[place])));
        pull + self.shift.get(place).map_or(0.0, |shift| f64::from(*shift))
    }
}

/// How far steps lead beyond their gradient: `v <- factor v + (1 - dampening) g`, at first `v <-
/// g`; with Nesterov's look ahead steps go along `g + factor v`, else along `v`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Momentum {
    /// How much of a step goes on in the next; 0 for plain steps.
    pub factor: f64,
    /// How much of a gradient does not enter.
    pub dampening: f64,
    /// Whether steps look ahead.
    pub nesterov: bool,
}

/// How far steps go if every gradient is 1: the scalar recurrence of SGD beside the real one (Wang
/// et al. 2020).
///
/// ```
/// use fedmpi::train::{Momentum, Reach};
/// let two = |momentum, pull| {
///     let mut reach = Reach::new(momentum, pull);
///     reach.step(1.0);
///     reach.step(1.0);
///     reach.so_far()
/// };
/// let heavy = Momentum { factor: 0.9, ..Momentum::default() };
/// assert_eq!(two(heavy, 0.0), 2.9); // 1, then 1 + 0.9 more
/// assert_eq!(two(Momentum { dampening: 0.5, ..heavy }, 0.0), 2.4); // 1, then 0.9 + 0.5
/// let ahead = Momentum { nesterov: true, ..heavy };
/// assert!((two(ahead, 0.0) - 4.61).abs() < 1e-12); // 1.9, then 1 + 0.9 * 1.9
/// assert_eq!(two(Momentum::default(), 0.5), 1.5); // 1, half of which is pulled back, and 1
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    momentum: Momentum,
    pull: f64,
    velocity: Option<f64>,
    gone: f64,
}

impl Reach {
    /// Steps with this momentum, pulled back to where they began.
    pub fn new(momentum: Momentum, pull: f64) -> Reach {
        Reach {
            momentum,
            pull,
            velocity: None,
            gone: 0.0,
        }
    }

    /// One step at a rate.
    pub fn step(&mut self, rate: f64) {
        let Momentum {
            factor,
            dampening,
            nesterov,
        } = self.momentum;
        let velocity = self
            .velocity
            .map_or(1.0, |velocity| factor * velocity + (1.0 - dampening));
        let forward = if nesterov {
            1.0 + factor * velocity
        } else {
            velocity
        };
        self.velocity = (factor != 0.0).then_some(velocity);
        self.gone = self.gone * (1.0 - rate * self.pull) + rate * forward;
    }

    /// How far all steps went.
    pub fn so_far(&self) -> f64 {
        self.gone
    }
}
