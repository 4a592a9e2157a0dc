//! Stage 8, aggregate: how does the global model move?

pub mod arrivals;
mod fedavg;
mod median;

use crate::ids::ClientId;
use crate::registry::Entry;
use crate::weights::Weights;

/// Moves the global model by what the cohort learned.
///
/// Law: a cohort that changed nothing leaves the model as it is, and the order of clients does not
/// matter.
pub trait Aggregator {
    /// The next model, from the present one and the cohort's updates.
    fn apply(&mut self, global: &[f32], merged: Merged<'_>) -> Vec<f32>;

    /// What it needs to see of the updates.
    fn merge(&self) -> Merge {
        Merge::Sum
    }

    /// What it remembers between rounds, for a checkpoint. Most remember nothing.
    fn state(&self) -> Vec<f32> {
        Vec::new()
    }

    /// Takes over what [`Aggregator::state`] gave.
    fn restore(&mut self, _state: Vec<f32>) {}
}

/// What an aggregator needs to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The mean is enough: updates may be summed on their way.
    Sum,
    /// Every single update: they must all travel to the server.
    Each,
}

/// A cohort's updates.
pub enum Merged<'a> {
    /// The mean of the clients' weights, weighted by samples.
    Mean(Vec<f32>),
    /// Every client's update, by client id.
    Each(&'a [Each]),
}

/// One client's update.
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    /// Whose.
    pub client: ClientId,
    /// Samples behind it.
    pub samples: u64,
    /// The client's weights.
    pub weights: Weights,
}

/// Makes an aggregator.
pub type Build = fn() -> Box<dyn Aggregator>;

/// Every aggregator, by the name users write.
pub const AGGREGATORS: &[Entry<Build>] = &[
    Entry {
        name: "fedavg",
        about: "the sample-weighted mean of the clients' models (McMahan et al. 2017)",
        build: || Box::new(fedavg::FedAvg),
    },
    Entry {
        name: "median",
        about: "the middle value of each weight, against broken clients (Yin et al. 2018); needs --reduce server",
        build: || Box::new(median::Median),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn equal_updates_are_a_fixed_point_of_every_aggregator() {
        let global = [0.25, -1.0, 3e-5];
        let each = [0, 1, 2].map(|id| Each {
            client: ClientId(id),
            samples: u64::from(id) + 1,
            weights: Arc::new(global.to_vec()),
        });
        for entry in AGGREGATORS {
            let mut aggregator = (entry.build)();
            let merged = match aggregator.merge() {
                Merge::Sum => Merged::Mean(global.to_vec()),
                Merge::Each => Merged::Each(&each),
            };
            assert_eq!(aggregator.apply(&global, merged), global, "{}", entry.name);
        }
    }
}
