//! `momentum`: `v <- beta v + d`, `w <- w + lr v`; with Nesterov's look ahead `w <- w + lr (beta v
//! + d)` (Hsu et al. 2019, FedAvgM). Without momentum it is `sgd`.

use super::ServerStep;
use crate::ids::Round;
use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Momentum {
        server_lr: f64 = "1", "RATE", Range::NOT_NEGATIVE, "rate of the server";
        server_momentum: f64 = "0.9", "FACTOR", Range::FRACTION, "how much of the velocity stays";
        nesterov: bool = "false", "true|false", Range::ANY, "look ahead along the velocity";
    }
}

impl ServerStep for Momentum {
    fn memory(&self, length: usize) -> usize {
        length
    }

    fn step(&self, model: &mut [f32], memory: &mut [f32], change: &[f64], _: Round) {
        let beta = self.server_momentum;
        for ((weight, velocity), change) in model.iter_mut().zip(memory).zip(change) {
            let new = beta * f64::from(*velocity) + change;
            let along = if self.nesterov {
                beta * new + change
            } else {
                new
            };
            *velocity = new as f32;
            *weight = (f64::from(*weight) + self.server_lr * along) as f32;
        }
    }
}
