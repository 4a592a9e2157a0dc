//! One client's steps by autograd: what becomes of the gradients of its batches.

use super::optimizer::Stepper;
use super::params::Params;
use super::recorder::Slope;
use super::task::Counted;
use crate::models::Noise;
use crate::train::{Course, Limit, Reach, Trained};
use crate::weights::Weights;
use tch::{Tensor, no_grad};

/// What torch adds to a norm before it divides.
const NORM_EPSILON: f64 = 1e-6;

/// What lives as long as one client trains.
pub struct Visit {
    /// Samples of a batch.
    pub batch: usize,
    /// How long it goes on.
    pub course: Course,
    /// Takes steps, each of a part of the parameters.
    pub steppers: Vec<Box<dyn Stepper>>,
    /// At which rate.
    pub rate: f64,
    /// How far they go.
    pub reach: Reach,
    /// What dropout draws from.
    pub noise: Noise,
    /// Losses of all targets so far.
    pub losses: Tensor,
    /// How many targets those are.
    pub counted: Counted,
    /// How large gradients may be.
    pub limit: Limit,
    /// Gradients that wait for their step.
    pub gathered: Gathered,
    /// Where it drifts beside its gradients.
    pub pull: Option<(f64, Tensor)>,
    /// And whither.
    pub shift: Option<Tensor>,
}

impl Visit {
    /// Takes in what a batch has come to; takes the step that is due.
    pub fn take(&mut self, params: &mut Params, (loss, gradient): Slope, labels: &Tensor) {
        no_grad(|| {
            self.gathered.add(gradient, labels.size()[0]);
            let _ = self.losses.g_add_(&self.counted.weigh(&loss, labels));
        });
        if self.course.batch() {
            self.step(params);
        }
    }

    /// Ends a pass.
    pub fn end_pass(&mut self, params: &mut Params) {
        if self.course.end_pass() {
            self.step(params);
        }
    }

    fn step(&mut self, params: &mut Params) {
        no_grad(|| {
            let mut gradients = self.gathered.mean();
            for (part, gradient) in params.parts().iter().zip(&mut gradients) {
                if let Some((pull, anchor)) = &self.pull {
                    *gradient += (part.values() - part.of(anchor)) * *pull;
                }
                if let Some(shift) = &self.shift {
                    *gradient += part.of(shift);
                }
            }
            let parts = params.parts_mut().iter_mut().zip(&mut self.steppers);
            for ((part, stepper), gradient) in parts.zip(limited(gradients, self.limit)) {
                stepper.step(part.values_mut(), gradient, self.rate);
            }
        });
        self.reach.step(self.rate);
    }

    /// What is known of the training but the weights.
    pub fn end(self) -> Trained {
        let loss = self.losses.double_value(&[]) / self.counted.total().max(1.0);
        let (steps, reach, rate) = (self.course.steps(), self.reach.so_far(), self.rate);
        Trained {
            weights: Weights::default(),
            loss,
            steps,
            reach,
            rate,
        }
    }
}

/// Gradients of batches that make one step together.
#[derive(Default)]
pub struct Gathered {
    // The mean over so many samples.
    mean: Option<(Vec<Tensor>, f64)>,
}

impl Gathered {
    /// Adds the mean over so many samples.
    fn add(&mut self, gradient: Vec<Tensor>, samples: i64) {
        let samples = samples as f64;
        self.mean = Some(match self.mean.take() {
            None => (gradient, samples),
            Some((mean, before)) => {
                let all = before + samples;
                let both = mean.into_iter().zip(gradient);
                let blend = |(mean, more)| mean * (before / all) + more * (samples / all);
                (both.map(blend).collect(), all)
            }
        });
    }

    /// The mean over all of them, of which there must be one at least; none is left.
    fn mean(&mut self) -> Vec<Tensor> {
        self.mean.take().expect("a step follows a batch").0
    }
}

/// A gradient, in parts, that is not larger than it may be.
fn limited(mut gradient: Vec<Tensor>, limit: Limit) -> Vec<Tensor> {
    match limit {
        Limit::None => {}
        Limit::Norm(most) => {
            let norms: Vec<Tensor> = gradient.iter().map(Tensor::norm).collect();
            let norm = Tensor::stack(&norms, 0).norm();
            let factor = ((norm + NORM_EPSILON).reciprocal() * most).clamp_max(1.0);
            gradient.iter_mut().for_each(|part| *part *= &factor);
        }
        Limit::Value(most) => {
            for part in &mut gradient {
                let _ = part.clamp_(-most, most);
            }
        }
    }
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor).expect("numbers")
    }

    #[test]
    fn gradients_are_bounded_as_in_torch() {
        let numbers = |limit| {
            let gradient = [3f32, -4.0].map(|part| Tensor::from_slice(&[part]));
            let parts = limited(gradient.into(), limit);
            parts.iter().flat_map(numbers).collect::<Vec<f32>>()
        };
        assert_eq!(numbers(Limit::None), [3.0, -4.0]);
        assert_eq!(numbers(Limit::Norm(5.1)), [3.0, -4.0]);
        let short = numbers(Limit::Norm(1.0));
        assert!((short[0] - 0.6).abs() < 1e-6 && (short[1] + 0.8).abs() < 1e-6, "{short:?}");
        assert_eq!(numbers(Limit::Value(3.5)), [3.0, -3.5]);
    }

    #[test]
    fn gathered_gradients_are_weighed_by_samples() {
        let mut gathered = Gathered::default();
        let one = |value: f32| vec![Tensor::from_slice(&[value])];
        gathered.add(one(1.0), 3);
        gathered.add(one(5.0), 1);
        assert_eq!(numbers(&gathered.mean()[0]), [2.0]);
        gathered.add(one(7.0), 1);
        assert_eq!(numbers(&gathered.mean()[0]), [7.0]);
    }
}
