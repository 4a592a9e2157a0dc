//! What a client's steps follow beside its gradients. It is data, so that an algorithm is a file without tensors, and
//! each way of stepping applies one formula.

use crate::weights::Weights;

/// Steps go along `g + pull (y - anchor) + shift`, over the trained part of the weights; buffers do not drift.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    pull: f64,
    anchor: Option<Weights>,
    shift: Vec<f32>,
}

impl Drift {
    /// Steps along gradients alone.
    pub const fn none() -> Drift {
        Drift { pull: 0.0, anchor: None, shift: Vec::new() }
    }

    /// Pulled to `anchor` as well; a pull of 0 is none.
    pub fn pulled(self, pull: f64, anchor: &Weights) -> Drift {
        Drift { pull, anchor: (pull != 0.0).then(|| Weights::clone(anchor)), ..self }
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
        let pull = self.pull().map_or(0.0, |(pull, anchor)| pull * (f64::from(weight) - f64::from(anchor[place])));
        pull + self.shift.get(place).map_or(0.0, |shift| f64::from(*shift))
    }
}

/// How far steps go if every gradient is 1: the scalar recurrence of SGD beside the real one (Wang et al. 2020).
///
/// ```
/// use fedmpi::train::Reach;
/// let mut reach = Reach::new(0.9, 0.0);
/// reach.step(1.0);
/// reach.step(1.0);
/// assert_eq!(reach.so_far(), 2.9); // 1, then 1 + 0.9 more
/// let mut pulled = Reach::new(0.0, 0.5);
/// pulled.step(1.0);
/// pulled.step(1.0);
/// assert_eq!(pulled.so_far(), 1.5); // 1, half of which is pulled back, and 1
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    momentum: f64,
    pull: f64,
    velocity: f64,
    gone: f64,
}

impl Reach {
    /// Steps with this momentum, pulled back to where they began.
    pub fn new(momentum: f64, pull: f64) -> Reach {
        Reach { momentum, pull, velocity: 0.0, gone: 0.0 }
    }

    /// One step at a rate.
    pub fn step(&mut self, rate: f64) {
        self.velocity = self.momentum * self.velocity + 1.0;
        self.gone = self.gone * (1.0 - rate * self.pull) + rate * self.velocity;
    }

    /// How far all steps went.
    pub fn so_far(&self) -> f64 {
        self.gone
    }
}
