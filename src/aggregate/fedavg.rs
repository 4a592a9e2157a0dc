//! `fedavg`: `w <- sum_i (n_i / N) w_i` (McMahan et al. 2017, algorithm 1).

use super::{Aggregator, Merged};

/// The mean becomes the model.
pub struct FedAvg;

impl Aggregator for FedAvg {
    fn apply(&mut self, global: &[f32], merged: Merged<'_>) -> Vec<f32> {
        match merged {
            Merged::Mean(mean) => mean,
            // It asks for the mean, so it gets no single updates.
            Merged::Each(_) => global.to_vec(),
        }
    }
}
