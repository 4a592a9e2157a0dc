//! Stage 9 where the test data is with the workers.

use super::EngineError;
use super::link::{Link, News, unexpected};
use crate::config::Homes;
use crate::event::Recorder;
use crate::ids::{Rank, Round};
use crate::message::{Content, Label, Order, Report};
use crate::metrics::Metrics;
use crate::transport::Transport;
use crate::weights::Weights;
use std::collections::BTreeMap;
use std::sync::Arc;

impl<T: Transport> Link<'_, T> {
    /// One worker of each home evaluates the model on its own test data; the sums add up in the order of
    /// homes.
    pub fn survey(
        &mut self,
        round: Round,
        weights: &Weights,
        recorder: &mut dyn Recorder,
    ) -> Result<Metrics, EngineError> {
        let homes = self.plan.homes().map_or(&[][..], Homes::all);
        let mut open: BTreeMap<Rank, usize> = BTreeMap::new();
        let mut parts = vec![Metrics::default(); homes.len()];
        let mut ask: Vec<usize> = (0..homes.len()).collect();
        while !ask.is_empty() || !open.is_empty() {
            for home in ask.drain(..) {
                let rank = self.living(&homes[home])[0];
                open.insert(rank, home);
                self.send(
                    rank,
                    &Order::Evaluate { round },
                    Content::nothing().with(Label::Model, Arc::clone(weights)),
                )?;
            }
            // The round has changed the model already: it is completed whatever signals say.
            match self.receive_at_last(|| open.keys().map(|rank| (*rank, Vec::new())).collect())? {
                News::Report(rank, Report::Evaluated { round: at, metrics }, _) if at == round => {
                    let home = open.remove(&rank).ok_or_else(|| EngineError::Unexpected {
                        rank,
                        what: "an evaluation that nobody asked for".to_owned(),
                    })?;
                    parts[home] = metrics;
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => {
                    let event = self.loss(round, rank, 0);
                    recorder.record(&event, weights)?;
                    ask.extend(open.remove(&rank));
                }
            }
        }
        let mut sum = Metrics::default();
        parts.iter().for_each(|part| sum.add(part));
        Ok(sum)
    }
}
