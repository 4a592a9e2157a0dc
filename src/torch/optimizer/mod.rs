//! The arithmetic of the client optimizers, one file each. State is made anew for every client, as
//! FedAvg's clients keep none.

mod adagrad;
mod adam;
mod adamw;
mod rmsprop;
mod sgd;

use crate::train::optimizer::Optimizer;
use tch::Tensor;

/// An optimizer and what it remembers between steps.
pub trait Stepper {
    /// Moves flat parameters along their gradient at a rate. Call without gradient tracking.
    fn step(&mut self, parameters: &mut Tensor, gradient: Tensor, rate: f64);
}

/// An optimizer that remembers nothing yet.
pub fn stepper(optimizer: &Optimizer) -> Box<dyn Stepper> {
    match optimizer.clone() {
        Optimizer::Sgd(settings) => Box::new(sgd::Steps::new(settings)),
        Optimizer::Adam(settings) => Box::new(adam::Steps::new(settings)),
        Optimizer::AdamW(settings) => Box::new(adamw::Steps::new(settings)),
        Optimizer::RmsProp(settings) => Box::new(rmsprop::Steps::new(settings)),
        Optimizer::Adagrad(settings) => Box::new(adagrad::Steps::new(settings)),
    }
}

/// The gradient with weight decay.
fn decayed(parameters: &Tensor, gradient: Tensor, wd: f64) -> Tensor {
    if wd == 0.0 {
        gradient
    } else {
        gradient + parameters * wd
    }
}

/// `mean <- stays mean + (1 - stays) value`.
fn blend(mean: &mut Tensor, stays: f64, value: &Tensor) {
    let _ = mean.g_mul_scalar_(stays).g_add_(&(value * (1.0 - stays)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::optimizer::{OPTIMIZERS, make};
    use serde::Deserialize;
    use tch::{Device, Kind, no_grad};

    /// What torch.optim does; `tests/cases/optimizers.py` wrote it.
    #[derive(Deserialize)]
    struct Cases {
        start: Vec<f64>,
        scale: Vec<f64>,
        target: Vec<f64>,
        walks: Vec<Walk>,
    }

    #[derive(Deserialize)]
    struct Walk {
        optimizer: String,
        steps: Vec<Vec<f64>>,
    }

    /// Steps on the loss `sum 0.5 c (w - t)^2 - cos(w)`.
    fn walked(cases: &Cases, optimizer: &Optimizer, steps: usize) -> Vec<Vec<f64>> {
        let [scale, target] =
            [&cases.scale, &cases.target].map(|values| Tensor::from_slice(values));
        let mut parameters = Tensor::from_slice(&cases.start);
        let mut stepper = stepper(optimizer);
        let mut step = || {
            let gradient = &scale * (&parameters - &target) + parameters.sin();
            stepper.step(&mut parameters, gradient, optimizer.lr());
            Vec::try_from(&parameters).expect("numbers")
        };
        no_grad(|| (0..steps).map(|_| step()).collect())
    }

    #[test]
    fn steps_are_those_of_torch() {
        let cases: Cases =
            serde_json::from_str(include_str!("../../../tests/cases/optimizers.json"))
                .expect("cases");
        for Walk { optimizer, steps } in &cases.walks {
            let made = make(&optimizer.as_str().into()).expect("sound");
            for (number, (found, wanted)) in walked(&cases, &made, steps.len())
                .iter()
                .zip(steps)
                .enumerate()
            {
                let close = |(one, other): (&f64, &f64)| {
                    (one - other).abs() <= 1e-6 * other.abs().max(1e-3)
                };
                assert!(
                    found.iter().zip(wanted).all(close),
                    "{optimizer}, step {number}: {found:?} {wanted:?}"
                );
            }
        }
        let tried = |name: &str| {
            cases
                .walks
                .iter()
                .any(|walk| walk.optimizer.split(':').next() == Some(name))
        };
        assert!(OPTIMIZERS.iter().all(|entry| tried(entry.name)));
    }

    /// No step depends on what another client has left behind.
    #[test]
    fn every_optimizer_stays_where_nothing_pulls() {
        for entry in OPTIMIZERS {
            let optimizer = make(&format!("{}:wd=0", entry.name).as_str().into()).expect("sound");
            let mut parameters = Tensor::ones([3], (Kind::Float, Device::Cpu));
            let zeros = parameters.zeros_like();
            no_grad(|| stepper(&optimizer).step(&mut parameters, zeros, 0.5));
            assert_eq!(
                Vec::<f32>::try_from(parameters).expect("numbers"),
                [1.0; 3],
                "{}",
                entry.name
            );
        }
    }
}
