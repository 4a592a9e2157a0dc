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
    /// Takes steps.
    pub stepper: Box<dyn Stepper>,
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
        let trained = params.trained();
        no_grad(|| {
            let mut gradient = self.gathered.mean();
            if let Some((pull, anchor)) = &self.pull {
                gradient += (&*trained - anchor) * *pull;
            }
            if let Some(shift) = &self.shift {
                gradient += shift;
            }
            self.stepper
                .step(trained, limited(gradient, self.limit), self.rate);
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
    mean: Option<(Tensor, f64)>,
}

impl Gathered {
    /// Adds the mean over so many samples.
    fn add(&mut self, gradient: Tensor, samples: i64) {
        let samples = samples as f64;
        self.mean = Some(match self.mean.take() {
            None => (gradient, samples),
            Some((mean, before)) => {
                let all = before + samples;
                (mean * (before / all) + gradient * (samples / all), all)
            }
        });
    }

    /// The mean over all of them, of which there must be one at least; none is left.
    fn mean(&mut self) -> Tensor {
        self.mean.take().expect("a step follows a batch").0
    }
}

/// A gradient that is not larger than it may be.
fn limited(gradient: Tensor, limit: Limit) -> Tensor {
    match limit {
        Limit::None => gradient,
        Limit::Norm(most) => {
            let factor = ((gradient.norm() + NORM_EPSILON).reciprocal() * most).clamp_max(1.0);
            gradient * factor
        }
        Limit::Value(most) => gradient.clamp(-most, most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor).expect("numbers")
    }

    #[test]
    fn gradients_are_bounded_as_in_torch() {
        let gradient = || Tensor::from_slice(&[3f32, -4.0]);
        assert_eq!(numbers(&limited(gradient(), Limit::None)), [3.0, -4.0]);
        assert_eq!(numbers(&limited(gradient(), Limit::Norm(5.1))), [3.0, -4.0]);
        let short = numbers(&limited(gradient(), Limit::Norm(1.0)));
        assert!((short[0] - 0.6).abs() < 1e-6 && (short[1] + 0.8).abs() < 1e-6, "{short:?}");
        assert_eq!(numbers(&limited(gradient(), Limit::Value(3.5))), [3.0, -3.5]);
    }

    #[test]
    fn gathered_gradients_are_weighed_by_samples() {
        let mut gathered = Gathered::default();
        gathered.add(Tensor::from_slice(&[1f32]), 3);
        gathered.add(Tensor::from_slice(&[5f32]), 1);
        assert_eq!(numbers(&gathered.mean()), [2.0]);
        gathered.add(Tensor::from_slice(&[7f32]), 1);
        assert_eq!(numbers(&gathered.mean()), [7.0]);
    }
}
