//! Stage 9: evaluation is work like any other. Where all ranks have the test data they divide it;
//! where each worker has its own, one of each home evaluates on that.

use super::EngineError;
use super::link::{Link, News, unexpected};
use crate::event::Recorder;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Label, Order, Reduce, Report, Scope};
use crate::metrics::Metrics;
use crate::plan::Homes;
use crate::train::{TrainError, Trainer};
use crate::transport::Transport;
use crate::weights::Weights;
use std::collections::{BTreeMap, VecDeque};
use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An evaluation on the shared test data: whoever is free takes some of its pieces. Metrics add up
/// exactly, whoever took which.
pub struct Examination {
    left: Range<usize>,
    sum: Metrics,
    // Pieces that the server did, and how long they took.
    own: (u32, Duration),
}

impl Examination {
    /// Of so many pieces, none of which is done.
    pub fn new(pieces: usize) -> Examination {
        Examination {
            left: 0..pieces,
            sum: Metrics::default(),
            own: (0, Duration::ZERO),
        }
    }

    /// Whether nobody need take any more.
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// The server does one piece.
    pub fn step(&mut self, weights: &[f32], trainer: &mut dyn Trainer) -> Result<(), TrainError> {
        let (piece, began) = (self.take(1), Instant::now());
        self.sum.add(&trainer.evaluate_pieces(weights, piece)?);
        self.own = (self.own.0 + 1, self.own.1 + began.elapsed());
        Ok(())
    }

    /// Seconds that the server takes for a piece; none when it did none.
    pub fn pace(&self) -> Option<f64> {
        let (pieces, spent) = self.own;
        (pieces > 0).then(|| spent.as_secs_f64() / f64::from(pieces))
    }

    /// What came of it.
    pub fn sum(&self) -> &Metrics {
        &self.sum
    }

    /// What one of so many ranks shall do next: half of its share of what is left, so that slow
    /// ranks end with the fast. The last piece is the server's.
    fn share(&mut self, ranks: usize) -> Range<usize> {
        self.take(self.left.len().saturating_sub(1).div_ceil(2 * ranks))
    }

    fn take(&mut self, pieces: usize) -> Range<usize> {
        let start = self.left.start;
        self.left.start = self.left.end.min(start + pieces);
        start..self.left.start
    }
}

impl<T: Transport> Link<'_, T> {
    /// All ranks end an examination of the model, the server too. What a lost worker was asked for
    /// the server does itself. Workers that keep the model have this one unless it `travels`.
    pub fn examine(
        &mut self,
        round: Round,
        weights: &Weights,
        examination: &mut Examination,
        travels: bool,
        trainer: &mut dyn Trainer,
        recorder: &mut dyn Recorder,
    ) -> Result<(), EngineError> {
        // Where data stays at home only the server has what it evaluates on.
        let ranks = if self.plan.homes().is_some() {
            Vec::new()
        } else {
            self.workers.clone()
        };
        let all = ranks.len() + 1;
        let mut content = if travels {
            model(weights)
        } else {
            self.model_along(weights)
        };
        let mut open: BTreeMap<Rank, Range<usize>> = BTreeMap::new();
        let mut free = ranks;
        loop {
            for rank in free.drain(..) {
                let share = examination.share(all);
                if !share.is_empty() {
                    let on = Scope::Pieces(share.start as u32, share.end as u32);
                    self.send(rank, &Order::Evaluate { round, on }, content.clone())?;
                    open.insert(rank, share);
                }
            }
            // Whoever goes on has the model.
            content = Content::nothing();
            let owed = || open.keys().map(|rank| (*rank, Vec::new())).collect();
            let news = match (examination.is_over(), open.is_empty()) {
                (true, true) => return Ok(()),
                // The round has changed the model already: it is completed whatever signals say.
                (true, false) => self.hear_at_last(owed)?,
                (false, _) => self.glance(owed)?,
            };
            match news {
                Some(News::Report(rank, Report::Evaluated { round: at, metrics }, _))
                    if at == round && open.remove(&rank).is_some() =>
                {
                    examination.sum.add(&metrics);
                    free.push(rank);
                }
                Some(News::Report(rank, other, _)) => return Err(unexpected(rank, &other)),
                Some(News::Lost(rank)) => {
                    recorder.record(&self.loss(round, rank, 0), weights)?;
                    if let Some(share) = open.remove(&rank) {
                        examination
                            .sum
                            .add(&trainer.evaluate_pieces(weights, share)?);
                    }
                }
                None if examination.is_over() => {}
                None => examination.step(weights, trainer)?,
            }
        }
    }

    /// The model, where not every rank keeps it itself.
    fn model_along(&self, weights: &Weights) -> Content {
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
            match self.receive_at_last(|| open.keys().map(|rank| (*rank, Vec::new())).collect())? {
                News::Report(rank, Report::Evaluated { round: at, metrics }, _)
                    if at == round && answered(&mut open, rank) =>
                {
                    sum.add(&metrics);
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => {
                    recorder.record(&self.loss(round, rank, 0), weights)?;
                    let heir = |clients: Range<usize>| {
                        (self.able(ClientId::from(clients.start))[0], clients)
                    };
                    ask.extend(open.remove(&rank).unwrap_or_default().into_iter().map(heir));
                }
            }
        }
        Ok(sum)
    }

    /// Who evaluates on which clients. A quick check looks at the first one only.
    fn shares_of_clients(&self) -> Vec<(Rank, Range<usize>)> {
        let all = if self.plan.config.ci == 1 {
            1
        } else {
            self.plan.clients()
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
                self.send(
                    rank,
                    &Order::Evaluate {
                        round,
                        on: Scope::Own,
                    },
                    model(weights),
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

/// A message with a model.
fn model(weights: &Weights) -> Content {
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
        let mut examination = Examination::new(100);
        let shares: Vec<_> = (0..)
            .map_while(|_| Some(examination.share(3)).filter(|share| !share.is_empty()))
            .collect();
        assert!(examination.left == (99..100) && shares[..2] == [0..17, 17..31]);
        assert_eq!(shares.into_iter().flatten().count(), 99);
    }
}
