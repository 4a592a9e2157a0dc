//! How a run ends: all workers stop, and what every rank reports of itself goes on record.

use super::{Link, News, owing, unexpected};
use crate::engine::{EngineError, Outcome, report};
use crate::event::{Event, RankReport, Recorder};
use crate::ids::Rank;
use crate::message::{Content, Order, Report};
use crate::transport::Transport;
use std::time::Instant;

impl<T: Transport> Link<'_, T> {
    /// Ends a run that `began` then: all ranks stop, and what they report is recorded.
    pub fn finish(
        &mut self,
        began: Instant,
        device: String,
        recorder: &mut dyn Recorder,
        outcome: Outcome,
    ) -> Result<Outcome, EngineError> {
        let total_seconds = began.elapsed().as_secs_f64();
        let (ranks, fault) = self.close(device)?;
        let finished = Event::Finished {
            reason: outcome.reason.clone(),
            ranks,
            rounds: outcome.rounds,
            total_seconds,
        };
        recorder.record(&finished, &outcome.weights)?;
        match fault {
            None => Ok(outcome),
            Some(fault) => Err(fault),
        }
    }

    /// Tells all workers to end, and collects what every rank reports of itself, by rank. A
    /// training that is still under way ends first, and its update is left out. A worker that
    /// gives no report is a fault, but all is done then.
    pub fn close(
        &mut self,
        device: String,
    ) -> Result<(Vec<RankReport>, Option<EngineError>), EngineError> {
        let mut open = self.workers.clone();
        for &rank in &open {
            self.send(rank, &Order::Stop, Content::nothing())?;
        }
        let mut ranks = vec![report(Rank::SERVER, device, self.wire.bytes_sent())];
        let mut fault = None;
        while !open.is_empty() && fault.is_none() {
            match self.receive_at_last(|| owing(&open)) {
                Ok(News::Report(rank, Report::Bye(report), _)) => {
                    open.retain(|worker| *worker != rank);
                    ranks.push(report);
                }
                // Trainings that come too late to count.
                Ok(News::Report(_, Report::Trained { .. }, _)) => {}
                Ok(News::Report(rank, other, _)) => return Err(unexpected(rank, &other)),
                // A rank that has said goodbye may leave before the others.
                Ok(News::Lost(rank))
                | Err(EngineError::Lost { rank, .. } | EngineError::Homeless { rank, .. }) => {
                    open.retain(|worker| *worker != rank);
                }
                Err(error) => fault = Some(error),
            }
        }
        ranks.sort_by_key(|report| report.rank);
        Ok((ranks, fault))
    }
}
