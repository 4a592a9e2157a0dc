//! `fedavg`: `w <- sum_i (n_i / N) w_i` (McMahan et al. 2017, algorithm 1).

use super::Aggregator;

/// The mean becomes the model.
pub struct FedAvg;

impl Aggregator for FedAvg {
    fn apply(&mut self, _: &[f32], mean: Vec<f32>) -> Vec<f32> {
        mean
    }
}
