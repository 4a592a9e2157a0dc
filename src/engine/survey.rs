//! Stage 9: evaluation is work like any other. Workers do it on what their clients train on, and
//! where each has test data of its own one of each home does it on that.

use super::EngineError;
use super::link::{Link, News, owing, unexpected};
use crate::event::Recorder;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Label, Order, Reduce, Report, Scope};
use crate::metrics::Metrics;
use crate::plan::Homes;
use crate::transport::Transport;
use crate::weights::Weights;
use std::collections::{BTreeMap, VecDeque};
use std::iter;
use std::ops::Range;
use std::sync::Arc;

impl<T: Transport> Link<'_, T> {
    /// The model, where not every rank keeps it itself.
    pub(super) fn model_along(&self, weights: &Weights) -> Content {
        match self.plan.reduce() {
            Reduce::Allreduce => Content::nothing(),
            Reduce::Server | Reduce::Worker => model(weights),
        }
    }

    /// Workers evaluate the model on what clients train on, each on clients whose data it has. What
    /// a lost worker was asked for others do.
    pub fn appraise(
        &mut self,
        round: Round,
        weights: &Weights,
        recorder: &mut dyn Recorder,
    ) -> Result<Metrics, EngineError> {
        let mut ask = self.shares_of_clients();
        let mut open: BTreeMap<Rank, VecDeque<Range<usize>>> = BTreeMap::new();
        let mut sum = Metrics::default();
        while !ask.is_empty() || !open.is_empty() {
            for (rank, clients) in ask.drain(..) {
                let on = Scope::Clients(clients.start as u32, clients.end as u32);
                self.send(rank, &Order::Evaluate { round, on }, self.model_along(weights))?;
                open.entry(rank).or_default().push_back(clients);
            }
            // The round has changed the model already: it is completed whatever signals say.
            match self.receive_at_last(|| owing(open.keys()))? {
                News::Report(rank, Report::Evaluated { round: at, metrics }, _)
                    if at == round && answered(&mut open, rank) =>
                {
                    sum.add(&metrics);
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => {
                    recorder.record(&self.loss(round, rank, 0), weights)?;
                    for clients in open.remove(&rank).unwrap_or_default() {
                        let heir = self.able(ClientId::from(clients.start))[0];
                        ask.push((heir, clients));
                    }
                }
            }
        }
        Ok(sum)
    }

    /// Who evaluates on which clients. A quick check looks at the first one only.
    fn shares_of_clients(&self) -> Vec<(Rank, Range<usize>)> {
        let all = match self.plan.config.ci {
            1 => 1,
            _ => self.plan.clients(),
        };
        let homes: Vec<Range<usize>> = match self.plan.homes() {
            Some(homes) => homes
                .all()
                .iter()
                .map(|home| home.clients.start.min(all)..home.clients.end.min(all))
                .collect(),
            None => iter::once(0..all).collect(),
        };
        let mut shares = Vec::new();
        for clients in homes.into_iter().filter(|clients| !clients.is_empty()) {
            let ranks = self.able(ClientId::from(clients.start));
            for (part, rank) in divided(clients.len(), ranks.len()).into_iter().zip(ranks) {
                shares.push((rank, clients.start + part.start..clients.start + part.end));
            }
        }
        shares.retain(|(_, clients)| !clients.is_empty());
        shares
    }

    /// One worker of each home evaluates the model on its own test data; the sums add up in the
    /// order of homes.
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
                let on = Scope::Own;
                self.send(rank, &Order::Evaluate { round, on }, model(weights))?;
            }
            // The round has changed the model already: it is completed whatever signals say.
            match self.receive_at_last(|| owing(open.keys()))? {
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

/// A message with a model.
pub(super) fn model(weights: &Weights) -> Content {
    Content::nothing().with(Label::Model, Arc::clone(weights))
}

/// The first order that a rank has open is done; false when it has none.
fn answered(open: &mut BTreeMap<Rank, VecDeque<Range<usize>>>, rank: Rank) -> bool {
    let done = open.get_mut(&rank).and_then(VecDeque::pop_front).is_some();
    open.retain(|_, orders| !orders.is_empty());
    done
}

/// So many pieces in runs for so many ranks, the first ones longer when it does not come out even.
fn divided(pieces: usize, ranks: usize) -> Vec<Range<usize>> {
    let start = |rank: usize| rank * (pieces / ranks) + rank.min(pieces % ranks);
    (0..ranks)
        .map(|rank| start(rank)..start(rank + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_somebodys() {
        assert_eq!(divided(5, 3), [0..2, 2..4, 4..5]);
        assert_eq!(divided(1, 3), [0..1, 1..1, 1..1]);
    }
}
