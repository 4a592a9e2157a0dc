//! How a run begins: whoever has the same plan over the same data is a worker, and recorders hear
//! with whom, and without whom, the run starts.

use super::{Link, News, Peer, owing, unexpected};
use crate::engine::EngineError;
use crate::event::{Event, Recorder, Started};
use crate::ids::{Rank, Round};
use crate::message::Report;
use crate::plan::Plan;
use crate::transport::{Metered, Transport};
use crate::weights::Layout;
use std::collections::BTreeMap;
use std::time::Instant;

impl<'a, T: Transport> Link<'a, T> {
    /// Waits for all workers; all ranks must have resolved the same plan over the same data.
    pub fn open(plan: &'a Plan, wire: &'a mut Metered<T>) -> Result<Self, EngineError> {
        wire.set_patience(plan.round_timeout());
        let workers = wire.workers();
        if workers.is_empty() {
            return Err(EngineError::NoWorkers);
        }
        let now = Instant::now();
        let mut link = Link {
            plan,
            workers,
            wire,
            round: Round(0),
            peers: BTreeMap::new(),
            opened: now,
            pinged: now,
            looked: now,
        };
        link.greet()?;
        Ok(link)
    }

    /// Until every worker that is left has said that it has the same plan.
    fn greet(&mut self) -> Result<(), EngineError> {
        let digest = self.plan.digest();
        loop {
            let missing = self.missing();
            if missing.is_empty() {
                return Ok(());
            }
            match self.receive(|| owing(&missing))? {
                News::Report(rank, report, _) => self.welcome(rank, report, &digest)?,
                News::Lost(_) => {}
            }
        }
    }

    /// A worker's first words; it must have the same plan.
    fn welcome(&mut self, rank: Rank, report: Report, digest: &str) -> Result<(), EngineError> {
        let Report::Hello {
            digest: theirs,
            reduce,
            host,
        } = report
        else {
            return Err(unexpected(rank, &report));
        };
        if theirs != digest || reduce != self.plan.reduce() {
            return Err(EngineError::OtherPlan { rank, host });
        }
        self.peers.insert(rank, Peer::new(host));
        Ok(())
    }

    /// Workers that have said nothing yet.
    fn missing(&self) -> Vec<Rank> {
        let silent = |rank: &&Rank| !self.peers.contains_key(rank);
        self.workers.iter().filter(silent).copied().collect()
    }

    /// Tells how the run begins, and without whom.
    pub fn announce(
        &self,
        recorder: &mut dyn Recorder,
        layout: &Layout,
        weights: &[f32],
    ) -> Result<(), EngineError> {
        let slowdown = self.plan.config.worker_slowdown.as_ref();
        let hosts = self
            .peers
            .iter()
            .map(|(rank, peer)| (*rank, peer.host.clone()));
        let started = Started {
            rounds: self.plan.rounds(),
            workers: self.workers.len(),
            parameters: layout.parameters(),
            worker_slowdown: slowdown.map(ToString::to_string),
            privacy: self.plan.privacy.as_ref().map(ToString::to_string),
            at: jiff::Timestamp::now(),
            hosts: hosts.collect(),
        };
        recorder.record(&Event::Started(started), weights)?;
        for rank in self.wire.workers() {
            if !self.workers.contains(&rank) {
                recorder.record(&self.loss(Round(0), rank, 0), weights)?;
            }
        }
        Ok(())
    }
}
