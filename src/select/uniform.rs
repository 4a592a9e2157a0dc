//! `uniform`: FedAvg's choice.

use super::Selector;
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::seq::index;

/// Every client equally likely, without replacement; memory grows with the cohort only.
pub struct Uniform;

impl Selector for Uniform {
    fn select(&mut self, _: Round, clients: usize, wanted: usize, stream: &mut Stream) -> Vec<ClientId> {
        let mut cohort: Vec<ClientId> =
            index::sample(stream, clients, wanted).into_iter().map(ClientId::from).collect();
        cohort.sort_unstable();
        cohort
    }
}
