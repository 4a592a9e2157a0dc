//! Stage 8, aggregate: how does the global model move?

mod fedavg;

use crate::registry::Entry;

/// Moves the global model by what the cohort learned.
///
/// Law: a cohort that changed nothing leaves the model as it is; the order of clients cannot matter,
/// since all that arrives is their mean.
pub trait Aggregator {
    /// The next model, from the present one and the cohort's sample-weighted mean of weights.
    fn apply(&mut self, global: &[f32], mean: Vec<f32>) -> Vec<f32>;
}

/// Makes an aggregator.
pub type Build = fn() -> Box<dyn Aggregator>;

/// Every aggregator, by the name users write.
pub const AGGREGATORS: &[Entry<Build>] = &[Entry {
    name: "fedavg",
    about: "the sample-weighted mean of the clients' models (McMahan et al. 2017)",
    build: || Box::new(fedavg::FedAvg),
}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_updates_are_a_fixed_point_of_every_aggregator() {
        for entry in AGGREGATORS {
            let global = [0.25, -1.0, 3e-5];
            assert_eq!((entry.build)().apply(&global, global.to_vec()), global, "{}", entry.name);
        }
    }
}
