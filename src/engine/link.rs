//! The server's line to its workers: how a run begins, how messages come in, how it ends. Rounds and
//! asynchronous runs share it.

use super::{EngineError, report};
use crate::config::Plan;
use crate::event::RankReport;
use crate::ids::Rank;
use crate::message::{Frame, Order, Report};
use crate::stop;
use crate::transport::{Delivery, Metered, Transport};
use std::thread;
use std::time::Duration;

/// All workers.
pub struct Link<'a, T> {
    /// The plan that all ranks follow.
    pub plan: &'a Plan,
    /// How frames travel.
    pub wire: &'a mut Metered<T>,
    /// Every rank but the server.
    pub workers: Vec<Rank>,
}

impl<'a, T: Transport> Link<'a, T> {
    /// Waits for all workers; all ranks must have resolved the same plan over the same data.
    pub fn open(plan: &'a Plan, wire: &'a mut Metered<T>) -> Result<Self, EngineError> {
        let workers = wire.workers();
        wire.set_patience(plan.round_timeout());
        let mut link = Link { plan, wire, workers };
        let digest = plan.digest();
        for _ in 0..link.workers.len() {
            let (rank, frame) = link.receive()?;
            match frame.decode()? {
                Report::Hello { digest: theirs, reduce } if theirs == digest && reduce == plan.reduce() => {}
                Report::Hello { .. } => return Err(EngineError::OtherPlan { rank }),
                other => return Err(unexpected(rank, &other)),
            }
        }
        Ok(link)
    }

    /// The next frame of any worker.
    pub fn receive(&mut self) -> Result<(Rank, Frame), EngineError> {
        match self.wire.recv()? {
            Delivery::Frame(rank, frame) => Ok((rank, frame)),
            Delivery::Lost(rank) => Err(EngineError::Lost(rank)),
            Delivery::EndWanted => Err(EngineError::EndWanted),
            Delivery::Silence => Err(self.silence(String::new())),
        }
    }

    /// Whether somebody wants the run to end: asked before each round, since short ones never wait.
    pub fn look_for_end(&self) -> Result<(), EngineError> {
        if stop::end_wanted() { Err(EngineError::EndWanted) } else { Ok(()) }
    }

    /// Nothing has come for too long.
    pub fn silence(&self, outstanding: String) -> EngineError {
        let seconds = self.plan.round_timeout().unwrap_or_default().as_secs_f64();
        EngineError::Silence { seconds, outstanding }
    }

    /// Tells all workers to end, and collects what every rank reports of itself, by rank. What is still
    /// being trained is not waited for longer than that takes.
    pub fn close(&mut self, device: String) -> Result<Vec<RankReport>, EngineError> {
        for &rank in &self.workers {
            self.wire.send(rank, Frame::bare(&Order::Stop))?;
        }
        let mut ranks: Vec<RankReport> = Vec::with_capacity(self.workers.len() + 1);
        while ranks.len() < self.workers.len() {
            let (rank, frame) = match self.wire.recv()? {
                Delivery::Frame(rank, frame) => (rank, frame),
                // A rank that has said goodbye may leave before the others.
                Delivery::Lost(rank) if ranks.iter().any(|report| report.rank == rank) => continue,
                Delivery::Lost(rank) => return Err(EngineError::Lost(rank)),
                // It is ending already.
                Delivery::EndWanted => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Delivery::Silence => return Err(self.silence("the end of the run is waited for".to_owned())),
            };
            match frame.decode()? {
                Report::Bye(report) => ranks.push(report),
                // Updates that come too late to count.
                Report::Trained { .. } => {}
                other => return Err(unexpected(rank, &other)),
            }
        }
        ranks.push(report(Rank::SERVER, device, self.wire.bytes_sent()));
        ranks.sort_by_key(|report| report.rank);
        Ok(ranks)
    }
}

/// A report that makes no sense now.
pub fn unexpected(rank: Rank, report: &Report) -> EngineError {
    match report {
        Report::Failed { round, client, reason } => {
            EngineError::Training { rank, client: *client, round: *round, reason: reason.clone() }
        }
        other => EngineError::Unexpected { rank, what: format!("{other:?}").chars().take(200).collect() },
    }
}
