//! `sgd`: `w <- w + lr d`. With rate 1 the model becomes the mean of the clients', as in FedAvg.

use super::ServerStep;
use crate::ids::Round;
use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Sgd {
        server_lr: f64 = "1", "RATE", Range::NOT_NEGATIVE, "rate of the server";
    }
}

impl ServerStep for Sgd {
    fn step(&self, model: &mut [f32], _: &mut [f32], change: &[f64], _: Round) {
        for (weight, change) in model.iter_mut().zip(change) {
            *weight = (f64::from(*weight) + self.server_lr * change) as f32;
        }
    }
}
