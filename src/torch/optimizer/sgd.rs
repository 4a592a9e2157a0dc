//! `sgd`; its settings are in `train/optimizer/sgd.rs`.

use super::{Stepper, decayed};
use crate::train::optimizer::Sgd;
use tch::Tensor;

/// Its velocity.
pub struct Steps {
    settings: Sgd,
    velocity: Option<Tensor>,
}

impl Steps {
    /// At rest.
    pub fn new(settings: Sgd) -> Steps {
        Steps {
            settings,
            velocity: None,
        }
    }

    /// Takes a gradient in; gives where to go.
    fn direction(&mut self, gradient: Tensor) -> Tensor {
        let Sgd {
            momentum,
            dampening,
            client_nesterov,
            ..
        } = self.settings;
        if momentum == 0.0 {
            return gradient;
        }
        let velocity = match self.velocity.take() {
            Some(mut velocity) if dampening == 0.0 => {
                velocity.g_mul_scalar_(momentum).g_add_(&gradient)
            }
            Some(mut velocity) => velocity
                .g_mul_scalar_(momentum)
                .g_add_(&(&gradient * (1.0 - dampening))),
            None => gradient.copy(),
        };
        let direction = if client_nesterov {
            gradient + &velocity * momentum
        } else {
            velocity.shallow_clone()
        };
        self.velocity = Some(velocity);
        direction
    }
}

impl Stepper for Steps {
    fn step(&mut self, parameters: &mut Tensor, gradient: Tensor, rate: f64) {
        let gradient = decayed(parameters, gradient, self.settings.wd);
        let mut direction = self.direction(gradient);
        // Without velocity nobody needs the gradient any more.
        let step = match self.velocity {
            None => direction.g_mul_scalar_(-rate),
            Some(_) => direction * -rate,
        };
        let _ = parameters.g_add_(&step);
    }
}
