//! `adam`, and the moments that its relatives have too; its settings are in
//! `train/optimizer/adam.rs`.

use super::{Stepper, blend, decayed};
use crate::train::optimizer::Adam;
use tch::Tensor;

/// First and second moments of gradients.
pub struct Moments {
    steps: i32,
    first: Tensor,
    second: Tensor,
    // AMSGrad's.
    largest: Option<Tensor>,
}

impl Moments {
    /// Of no gradient yet, which will be like this one.
    pub fn like(gradient: &Tensor) -> Moments {
        Moments {
            steps: 0,
            first: gradient.zeros_like(),
            second: gradient.zeros_like(),
            largest: None,
        }
    }

    /// Takes a gradient in.
    pub fn take(&mut self, gradient: &Tensor, beta1: f64, beta2: f64) {
        self.steps += 1;
        blend(&mut self.first, beta1, gradient);
        blend(&mut self.second, beta2, &gradient.square());
    }

    /// Remembers the largest second moment, which then counts.
    pub fn keep_largest(&mut self) {
        let second = &self.second;
        let largest = self
            .largest
            .take()
            .map_or_else(|| second.copy(), |largest| largest.maximum(second));
        self.largest = Some(largest);
    }

    /// Moves parameters by the moments, both without the pull of their zeros at the beginning.
    pub fn apply(
        &self,
        parameters: &mut Tensor,
        rate: f64,
        (beta1, beta2): (f64, f64),
        epsilon: f64,
    ) {
        let rate = rate / (1.0 - beta1.powi(self.steps));
        let correction = (1.0 - beta2.powi(self.steps)).sqrt();
        let denominator =
            self.largest.as_ref().unwrap_or(&self.second).sqrt() / correction + epsilon;
        let _ = parameters.g_add_(&(&self.first / denominator * -rate));
    }
}

/// Its moments.
pub struct Steps {
    settings: Adam,
    moments: Option<Moments>,
}

impl Steps {
    /// Before the first gradient.
    pub fn new(settings: Adam) -> Steps {
        Steps {
            settings,
            moments: None,
        }
    }
}

impl Stepper for Steps {
    fn step(&mut self, parameters: &mut Tensor, gradient: Tensor, rate: f64) {
        let Adam {
            wd,
            amsgrad,
            client_beta1,
            client_beta2,
            client_epsilon,
            ..
        } = self.settings;
        let gradient = decayed(parameters, gradient, wd);
        let moments = self.moments.get_or_insert_with(|| Moments::like(&gradient));
        moments.take(&gradient, client_beta1, client_beta2);
        if amsgrad {
            moments.keep_largest();
        }
        moments.apply(parameters, rate, (client_beta1, client_beta2), client_epsilon);
    }
}
