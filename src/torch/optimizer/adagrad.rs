//! `adagrad`; its settings are in `train/optimizer/adagrad.rs`.

use super::{Stepper, decayed};
use crate::train::optimizer::Adagrad;
use tch::Tensor;

/// Its sum of squares.
pub struct Steps {
    settings: Adagrad,
    steps: u32,
    sum: Option<Tensor>,
}

impl Steps {
    /// Before the first gradient.
    pub fn new(settings: Adagrad) -> Steps {
        Steps {
            settings,
            steps: 0,
            sum: None,
        }
    }
}

impl Stepper for Steps {
    fn step(&mut self, parameters: &mut Tensor, gradient: Tensor, rate: f64) {
        let Adagrad {
            wd,
            lr_decay,
            initial_accumulator,
            client_epsilon,
            ..
        } = self.settings;
        let gradient = decayed(parameters, gradient, wd);
        let rate = rate / (1.0 + f64::from(self.steps) * lr_decay);
        self.steps += 1;
        let sum = self
            .sum
            .get_or_insert_with(|| gradient.full_like(initial_accumulator));
        let _ = sum.g_add_(&gradient.square());
        let _ = parameters.g_add_(&(gradient / (sum.sqrt() + client_epsilon) * -rate));
    }
}
