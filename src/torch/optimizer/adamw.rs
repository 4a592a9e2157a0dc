//! `adamw`; its settings are in `train/optimizer/adamw.rs`.

use super::Stepper;
use super::adam::Moments;
use crate::train::optimizer::AdamW;
use tch::Tensor;

/// Its moments.
pub struct Steps {
    settings: AdamW,
    moments: Option<Moments>,
}

impl Steps {
    /// Before the first gradient.
    pub fn new(settings: AdamW) -> Steps {
        Steps {
            settings,
            moments: None,
        }
    }
}

impl Stepper for Steps {
    fn step(&mut self, parameters: &mut Tensor, gradient: Tensor, rate: f64) {
        let AdamW {
            wd,
            amsgrad,
            client_beta1,
            client_beta2,
            client_epsilon,
            ..
        } = self.settings;
        let _ = parameters.g_mul_scalar_(1.0 - rate * wd);
        let moments = self.moments.get_or_insert_with(|| Moments::like(&gradient));
        moments.take(&gradient, client_beta1, client_beta2);
        if amsgrad {
            moments.keep_largest();
        }
        moments.apply(parameters, rate, (client_beta1, client_beta2), client_epsilon);
    }
}
