//! `rmsprop`; its settings are in `train/optimizer/rmsprop.rs`.

use super::{Stepper, blend, decayed};
use crate::train::optimizer::RmsProp;
use tch::Tensor;

/// Its running means.
pub struct Steps {
    settings: RmsProp,
    square: Option<Tensor>,
    // Where gradients are centred.
    mean: Option<Tensor>,
    velocity: Option<Tensor>,
}

impl Steps {
    /// Before the first gradient.
    pub fn new(settings: RmsProp) -> Steps {
        Steps {
            settings,
            square: None,
            mean: None,
            velocity: None,
        }
    }

    /// Takes a gradient in; gives what it is divided by.
    fn divisor(&mut self, gradient: &Tensor) -> Tensor {
        let RmsProp {
            smoothing,
            client_epsilon,
            centered,
            ..
        } = self.settings;
        let square = self.square.get_or_insert_with(|| gradient.zeros_like());
        blend(square, smoothing, &gradient.square());
        if !centered {
            return square.sqrt() + client_epsilon;
        }
        let mean = self.mean.get_or_insert_with(|| gradient.zeros_like());
        blend(mean, smoothing, gradient);
        (&*square - mean.square()).sqrt() + client_epsilon
    }
}

impl Stepper for Steps {
    fn step(&mut self, parameters: &mut Tensor, gradient: Tensor, rate: f64) {
        let gradient = decayed(parameters, gradient, self.settings.wd);
        let divided = &gradient / self.divisor(&gradient);
        let momentum = self.settings.momentum;
        if momentum == 0.0 {
            let _ = parameters.g_add_(&(divided * -rate));
            return;
        }
        let velocity = self.velocity.get_or_insert_with(|| gradient.zeros_like());
        let _ = velocity.g_mul_scalar_(momentum).g_add_(&divided);
        let _ = parameters.g_add_(&(&*velocity * -rate));
    }
}
