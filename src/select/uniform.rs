//! `uniform`: FedAvg's choice.

use super::{Draw, Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::seq::index;

/// Every client equally likely, without replacement; memory grows with the cohort only.
pub struct Uniform;

impl Selector for Uniform {
    fn select(
        &mut self,
        _: Round,
        pool: &Pool<'_>,
        wanted: usize,
        stream: &mut Stream,
    ) -> Vec<ClientId> {
        let places = index::sample(stream, pool.len(), wanted.min(pool.len()));
        in_order(places.into_iter().map(|place| pool.at(place)))
    }

    fn draw(&self) -> Draw {
        Draw::Uniform
    }
}
