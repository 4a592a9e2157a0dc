//! `uniform`: FedAvg's choice.

use super::{Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::seq::index;

/// Every client equally likely, without replacement; memory grows with the cohort only.
pub struct Uniform;

impl Selector for Uniform {
    fn select(&mut self, _: Round, pool: &Pool<'_>, wanted: usize, stream: &mut Stream) -> Vec<ClientId> {
        in_order(index::sample(stream, pool.clients, wanted).into_iter().map(ClientId::from))
    }
}
