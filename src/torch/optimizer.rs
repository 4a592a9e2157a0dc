//! The arithmetic of the client optimizers. State is made anew for every client, as FedAvg's clients
//! keep none.

use crate::train::optimizer::Optimizer;
use tch::Tensor;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// An optimizer and what it remembers between steps.
pub struct Stepper {
    optimizer: Optimizer,
    steps: i32,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
}

impl Stepper {
    /// Remembers nothing yet.
    pub fn new(optimizer: Optimizer) -> Self {
        Stepper { optimizer, steps: 0, first: Vec::new(), second: Vec::new() }
    }

    /// Moves each parameter along its gradient. Call without gradient tracking.
    pub fn step(&mut self, parameters: &mut [Tensor], gradients: Vec<Tensor>) {
        self.steps += 1;
        match self.optimizer {
            Optimizer::Sgd { lr, wd, momentum } => self.sgd(parameters, gradients, lr, wd, momentum),
            Optimizer::Adam { lr, wd } => self.adam(parameters, gradients, lr, wd),
        }
    }

    fn sgd(&mut self, parameters: &mut [Tensor], gradients: Vec<Tensor>, lr: f64, wd: f64, momentum: f64) {
        for (index, (parameter, gradient)) in parameters.iter_mut().zip(gradients).enumerate() {
            let gradient = decayed(parameter, gradient, wd);
            if momentum == 0.0 {
                let _ = parameter.g_add_(&(gradient * -lr));
            } else if self.steps == 1 {
                let _ = parameter.g_add_(&(&gradient * -lr));
                self.first.push(gradient);
            } else {
                let velocity = &mut self.first[index];
                let _ = velocity.g_mul_scalar_(momentum).g_add_(&gradient);
                let _ = parameter.g_add_(&(&*velocity * -lr));
            }
        }
    }

    fn adam(&mut self, parameters: &mut [Tensor], gradients: Vec<Tensor>, lr: f64, wd: f64) {
        if self.steps == 1 {
            self.first = gradients.iter().map(Tensor::zeros_like).collect();
            self.second = gradients.iter().map(Tensor::zeros_like).collect();
        }
        let rate = lr / (1.0 - BETA1.powi(self.steps));
        let correction = (1.0 - BETA2.powi(self.steps)).sqrt();
        for (index, (parameter, gradient)) in parameters.iter_mut().zip(gradients).enumerate() {
            let gradient = decayed(parameter, gradient, wd);
            let (first, second) = (&mut self.first[index], &mut self.second[index]);
            let _ = first.g_mul_scalar_(BETA1).g_add_(&(&gradient * (1.0 - BETA1)));
            let _ = second.g_mul_scalar_(BETA2).g_add_(&(gradient.square() * (1.0 - BETA2)));
            let denominator = second.sqrt() / correction + EPSILON;
            let _ = parameter.g_add_(&(&*first / denominator * -rate));
        }
    }
}

/// The gradient with weight decay.
fn decayed(parameter: &Tensor, gradient: Tensor, wd: f64) -> Tensor {
    if wd == 0.0 { gradient } else { gradient + parameter * wd }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, no_grad};

    /// Steps on the loss `0.5 w^2`, whose gradient is `w`, from `w = 1`.
    fn walk(optimizer: Optimizer, steps: usize) -> f64 {
        let mut parameters = [Tensor::ones([1], (Kind::Double, Device::Cpu))];
        let mut stepper = Stepper::new(optimizer);
        no_grad(|| {
            for _ in 0..steps {
                let gradient = parameters[0].copy();
                stepper.step(&mut parameters, vec![gradient]);
            }
        });
        parameters[0].double_value(&[0])
    }

    #[test]
    fn sgd_by_hand() {
        assert!((walk(Optimizer::Sgd { lr: 0.1, wd: 0.0, momentum: 0.0 }, 2) - 0.81).abs() < 1e-12);
        // g + wd w = 1.5 w.
        assert!((walk(Optimizer::Sgd { lr: 0.1, wd: 0.5, momentum: 0.0 }, 1) - 0.85).abs() < 1e-12);
        // v1 = 1, w1 = 0.9; v2 = 0.5 + 0.9, w2 = 0.9 - 0.14.
        assert!((walk(Optimizer::Sgd { lr: 0.1, wd: 0.0, momentum: 0.5 }, 2) - 0.76).abs() < 1e-12);
    }

    #[test]
    fn adam_first_step_is_the_learning_rate() {
        // m / (1 - b1) = g and sqrt(v / (1 - b2)) = |g|, so the step is lr g / (|g| + epsilon).
        assert!((walk(Optimizer::Adam { lr: 0.1, wd: 0.0 }, 1) - 0.9).abs() < 1e-8);
        // Second step: m = 0.19 - 0.01, v close to 0.9 of the mean square of 1 and 0.9.
        let (m, v): (f64, f64) = (0.9 * 0.1 + 0.1 * 0.9, 0.999 * 0.001 + 0.001 * 0.81);
        let step = 0.1 * (m / (1.0 - 0.81)) / ((v / (1.0 - 0.999f64.powi(2))).sqrt() + 1e-8);
        assert!((walk(Optimizer::Adam { lr: 0.1, wd: 0.0 }, 2) - (0.9 - step)).abs() < 1e-7);
    }
}
