//! An evaluation on the test data that all ranks have: they divide it, and whoever is free takes
//! some of what is left.

use super::EngineError;
use super::link::{Link, News, owing, unexpected};
use super::survey::model;
use crate::event::Recorder;
use crate::ids::{Rank, Round};
use crate::message::{Content, Order, Report, Scope};
use crate::metrics::Metrics;
use crate::train::{TrainError, Trainer};
use crate::transport::Transport;
use crate::weights::Weights;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// An evaluation on the shared test data: whoever is free takes some of its pieces. Metrics add up
/// exactly, whoever took which.
pub struct Examination {
    left: Range<usize>,
    sum: Metrics,
    // What each worker was asked for.
    open: BTreeMap<Rank, Range<usize>>,
    // Pieces that the server did, and how long they took.
    own: (u32, Duration),
}

impl Examination {
    /// Of so many pieces, none of which is done.
    pub fn new(pieces: usize) -> Examination {
        Examination {
            left: 0..pieces,
            sum: Metrics::default(),
            open: BTreeMap::new(),
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

    /// The share of a worker among so many ranks; none when nothing is left for it.
    fn ask(&mut self, rank: Rank, ranks: usize) -> Option<Scope> {
        let share = self.share(ranks);
        if share.is_empty() {
            return None;
        }
        let on = Scope::Pieces(share.start as u32, share.end as u32);
        self.open.insert(rank, share);
        Some(on)
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
        let mut free = match self.plan.homes() {
            Some(_) => Vec::new(),
            None => self.workers.clone(),
        };
        let all = free.len() + 1;
        let mut content = match travels {
            true => model(weights),
            false => self.model_along(weights),
        };
        loop {
            for rank in free.drain(..) {
                if let Some(on) = examination.ask(rank, all) {
                    self.send(rank, &Order::Evaluate { round, on }, content.clone())?;
                }
            }
            // Whoever goes on has the model.
            content = Content::nothing();
            let owed = || owing(examination.open.keys());
            let news = match (examination.is_over(), examination.open.is_empty()) {
                (true, true) => return Ok(()),
                // The round has changed the model already: it is completed whatever signals say.
                (true, false) => self.hear_at_last(owed)?,
                (false, _) => self.glance(owed)?,
            };
            match news {
                Some(News::Report(rank, Report::Evaluated { round: at, metrics }, _))
                    if at == round && examination.open.remove(&rank).is_some() =>
                {
                    examination.sum.add(&metrics);
                    free.push(rank);
                }
                Some(News::Report(rank, other, _)) => return Err(unexpected(rank, &other)),
                Some(News::Lost(rank)) => {
                    recorder.record(&self.loss(round, rank, 0), weights)?;
                    if let Some(share) = examination.open.remove(&rank) {
                        let metrics = trainer.evaluate_pieces(weights, share)?;
                        examination.sum.add(&metrics);
                    }
                }
                None if examination.is_over() => {}
                None => examination.step(weights, trainer)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_somebodys_and_the_last_is_the_servers() {
        let mut examination = Examination::new(100);
        let shares: Vec<_> = (0..)
            .map_while(|_| Some(examination.share(3)).filter(|share| !share.is_empty()))
            .collect();
        assert!(examination.left == (99..100) && shares[..2] == [0..17, 17..31]);
        assert_eq!(shares.into_iter().flatten().count(), 99);
    }
}
