//! The arithmetic of the client optimizers. State is made anew for every client, as FedAvg's clients
//! keep none.

use crate::train::optimizer::{Adam, Optimizer, Sgd};
use tch::Tensor;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// An optimizer and what it remembers between steps.
pub struct Stepper {
    optimizer: Optimizer,
    // What its rate is multiplied with.
    rate: f64,
    steps: i32,
    first: Option<Tensor>,
    second: Option<Tensor>,
    // AMSGrad's.
    largest: Option<Tensor>,
}

impl Stepper {
    /// Remembers nothing yet; the optimizer's rate is multiplied with `rate`.
    pub fn new(optimizer: Optimizer, rate: f64) -> Self {
        Stepper { optimizer, rate, steps: 0, first: None, second: None, largest: None }
    }

    /// Moves flat parameters along their gradient. Call without gradient tracking.
    pub fn step(&mut self, parameters: &mut Tensor, gradient: Tensor) {
        self.steps += 1;
        match self.optimizer {
            Optimizer::Sgd(Sgd { lr, wd, momentum }) => {
                self.sgd(parameters, decayed(parameters, gradient, wd), lr * self.rate, momentum)
            }
            Optimizer::Adam(Adam { lr, wd, amsgrad }) => {
                self.adam(parameters, decayed(parameters, gradient, wd), lr * self.rate, amsgrad)
            }
        }
    }

    fn sgd(&mut self, parameters: &mut Tensor, gradient: Tensor, lr: f64, momentum: f64) {
        let velocity = match self.first.take() {
            Some(mut velocity) => velocity.g_mul_scalar_(momentum).g_add_(&gradient),
            None => gradient,
        };
        let _ = parameters.g_add_(&(&velocity * -lr));
        self.first = (momentum != 0.0).then_some(velocity);
    }

    fn adam(&mut self, parameters: &mut Tensor, gradient: Tensor, lr: f64, amsgrad: bool) {
        let rate = lr / (1.0 - BETA1.powi(self.steps));
        let correction = (1.0 - BETA2.powi(self.steps)).sqrt();
        let first = self.first.get_or_insert_with(|| gradient.zeros_like());
        let second = self.second.get_or_insert_with(|| gradient.zeros_like());
        let _ = first.g_mul_scalar_(BETA1).g_add_(&(&gradient * (1.0 - BETA1)));
        let _ = second.g_mul_scalar_(BETA2).g_add_(&(gradient.square() * (1.0 - BETA2)));
        let second = match amsgrad {
            true => {
                let largest = self.largest.take().map_or_else(|| second.copy(), |largest| largest.maximum(second));
                &*self.largest.insert(largest)
            }
            false => &*second,
        };
        let denominator = second.sqrt() / correction + EPSILON;
        let _ = parameters.g_add_(&(&*first / denominator * -rate));
    }
}

/// The gradient with weight decay.
fn decayed(parameters: &Tensor, gradient: Tensor, wd: f64) -> Tensor {
    if wd == 0.0 { gradient } else { gradient + parameters * wd }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, no_grad};

    /// Steps on the loss `0.5 w^2`, whose gradient is `w`, from `w = 1`.
    fn walk(optimizer: Optimizer, steps: usize) -> f64 {
        let mut parameters = Tensor::ones([1], (Kind::Double, Device::Cpu));
        let mut stepper = Stepper::new(optimizer, 1.0);
        no_grad(|| {
            for _ in 0..steps {
                let gradient = parameters.copy();
                stepper.step(&mut parameters, gradient);
            }
        });
        parameters.double_value(&[0])
    }

    fn sgd(lr: f64, wd: f64, momentum: f64) -> Optimizer {
        Optimizer::Sgd(Sgd { lr, wd, momentum })
    }

    #[test]
    fn sgd_by_hand() {
        assert!((walk(sgd(0.1, 0.0, 0.0), 2) - 0.81).abs() < 1e-12);
        // g + wd w = 1.5 w.
        assert!((walk(sgd(0.1, 0.5, 0.0), 1) - 0.85).abs() < 1e-12);
        // v1 = 1, w1 = 0.9; v2 = 0.5 + 0.9, w2 = 0.9 - 0.14.
        assert!((walk(sgd(0.1, 0.0, 0.5), 2) - 0.76).abs() < 1e-12);
    }

    /// After the gradients 1, 0, 0 the second moment has fallen from 0.001; AMSGrad still divides by that.
    #[test]
    fn amsgrad_divides_by_the_largest_second_moment() {
        let steps = |amsgrad| {
            let mut parameters = Tensor::zeros([1], (Kind::Double, Device::Cpu));
            let mut stepper = Stepper::new(Optimizer::Adam(Adam { lr: 0.1, wd: 0.0, amsgrad }), 1.0);
            let walked = [1.0, 0.0, 0.0].map(|gradient| {
                no_grad(|| stepper.step(&mut parameters, Tensor::from_slice(&[gradient])));
                parameters.double_value(&[0])
            });
            (walked, stepper.second.expect("remembered").double_value(&[0]), stepper.largest)
        };
        let (adam, fallen, none) = steps(false);
        let (amsgrad, also_fallen, largest) = steps(true);
        assert_eq!((fallen, none.is_none()), (also_fallen, true));
        assert!((largest.expect("remembered").double_value(&[0]) - 0.001).abs() < 1e-12);
        assert!(fallen < 0.001 && adam[0] == amsgrad[0]);
        // A smaller divisor makes longer steps.
        assert!(adam[2] < amsgrad[2] && amsgrad[2] < amsgrad[0]);
    }

    #[test]
    fn adam_first_step_is_the_learning_rate() {
        // m / (1 - b1) = g and sqrt(v / (1 - b2)) = |g|, so the step is lr g / (|g| + epsilon).
        assert!((walk(Optimizer::Adam(Adam { lr: 0.1, wd: 0.0, amsgrad: false }), 1) - 0.9).abs() < 1e-8);
        // Second step: m = 0.19 - 0.01, v close to 0.9 of the mean square of 1 and 0.9.
        let (m, v): (f64, f64) = (0.9 * 0.1 + 0.1 * 0.9, 0.999 * 0.001 + 0.001 * 0.81);
        let step = 0.1 * (m / (1.0 - 0.81)) / ((v / (1.0 - 0.999f64.powi(2))).sqrt() + 1e-8);
        assert!((walk(Optimizer::Adam(Adam { lr: 0.1, wd: 0.0, amsgrad: false }), 2) - (0.9 - step)).abs() < 1e-7);
    }
}
