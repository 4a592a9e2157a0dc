//! Any step whose rate changes over rounds: the model goes so far of the way as the round's factor
//! says.

use super::ServerStep;
use crate::ids::Round;
use std::sync::Arc;

/// What the way is multiplied with in a round.
pub type Factor = Arc<dyn Fn(Round) -> f64 + Send + Sync>;

/// A step, and how far it goes.
pub struct Annealed {
    /// The step.
    pub step: Arc<dyn ServerStep>,
    /// How far.
    pub factor: Factor,
}

impl ServerStep for Annealed {
    fn memory(&self, length: usize) -> usize {
        self.step.memory(length)
    }

    fn step(&self, model: &mut [f32], memory: &mut [f32], change: &[f64], round: Round) {
        let before = model.to_vec();
        self.step.step(model, memory, change, round);
        let factor = (self.factor)(round);
        for (weight, before) in model.iter_mut().zip(before) {
            let way = f64::from(*weight) - f64::from(before);
            *weight = (f64::from(before) + factor * way) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::step::make;

    #[test]
    fn it_goes_as_far_as_at_that_rate() {
        let halved = |round: Round| if round.0 == 0 { 1.0 } else { 0.5 };
        for name in ["sgd", "momentum", "adam"] {
            let made = |rate: &str| {
                make(&format!("{name}:server_lr={rate}").as_str().into()).expect("sound")
            };
            let annealed = Annealed {
                step: made("0.2"),
                factor: Arc::new(halved),
            };
            let (full, half) = (made("0.2"), made("0.1"));
            let (mut found, mut wanted) = ([1.0f32], [1.0f32]);
            let (mut own, mut other) = (vec![0.0; full.memory(1)], vec![0.0; full.memory(1)]);
            for (round, change) in [(0, 3.0), (1, -2.0), (2, 0.5)] {
                annealed.step(&mut found, &mut own, &[change], Round(round));
                let step = if round == 0 { &full } else { &half };
                step.step(&mut wanted, &mut other, &[change], Round(round));
                assert!((found[0] - wanted[0]).abs() < 1e-6, "{name}: {found:?} {wanted:?}");
            }
        }
    }
}
