//! The server's line to its workers: how a run begins, how messages come in, how it ends. Rounds
//! and asynchronous runs share it.

use super::{EngineError, Outcome, report};
use crate::config::OnNan;
use crate::event::{Event, RankReport, Recorder, Started};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Doing, Failure, Frame, Order, Report};
use crate::plan::{Home, Homes, Plan};
use crate::schedule::{Assignment, CostModel, Job, Scheduler};
use crate::stop;
use crate::transport::{Delivery, Metered, Transport, TransportError};
use crate::weights::Layout;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// All workers.
pub struct Link<'a, T> {
    /// The plan that all ranks follow.
    pub plan: &'a Plan,
    /// How frames travel.
    pub wire: &'a mut Metered<T>,
    /// Every rank but the server and those that were lost.
    pub workers: Vec<Rank>,
    /// The round in hand, for messages.
    pub round: Round,
    peers: BTreeMap<Rank, Peer>,
    opened: Instant,
    pinged: Instant,
    looked: Instant,
}

/// What is known of a worker.
struct Peer {
    host: String,
    // When it said something last, or got something to do.
    heard: Instant,
    // What it said that it trains.
    doing: Option<Doing>,
}

/// What the server hears.
pub enum News {
    /// A worker's report, and what came with it.
    Report(Rank, Report, Content),
    /// A worker is lost.
    Lost(Rank),
}

impl<'a, T: Transport> Link<'a, T> {
    /// Waits for all workers; all ranks must have resolved the same plan over the same data.
    pub fn open(plan: &'a Plan, wire: &'a mut Metered<T>) -> Result<Self, EngineError> {
        wire.set_patience(plan.round_timeout());
        let (workers, peers) = (wire.workers(), BTreeMap::new());
        if workers.is_empty() {
            return Err(EngineError::NoWorkers);
        }
        let now = Instant::now();
        let mut link = Link {
            plan,
            workers,
            wire,
            round: Round(0),
            peers,
            opened: now,
            pinged: now,
            looked: now,
        };
        let digest = plan.digest();
        while link
            .workers
            .iter()
            .any(|rank| !link.peers.contains_key(rank))
        {
            let missing = link
                .workers
                .iter()
                .filter(|rank| !link.peers.contains_key(rank));
            let missing: Vec<_> = missing.map(|rank| (*rank, Vec::new())).collect();
            match link.receive(|| missing.clone())? {
                News::Report(
                    rank,
                    Report::Hello {
                        digest: theirs,
                        reduce,
                        host,
                    },
                    _,
                ) => {
                    if theirs != digest || reduce != plan.reduce() {
                        return Err(EngineError::OtherPlan { rank, host });
                    }
                    link.peers.insert(
                        rank,
                        Peer {
                            host,
                            heard: Instant::now(),
                            doing: None,
                        },
                    );
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(_) => {}
            }
        }
        Ok(link)
    }

    /// Tells how the run begins, and without whom.
    pub fn announce(
        &self,
        recorder: &mut dyn Recorder,
        layout: &Layout,
        weights: &[f32],
    ) -> Result<(), EngineError> {
        let (workers, parameters) = (self.workers.len(), layout.parameters());
        let worker_slowdown = self
            .plan
            .config
            .worker_slowdown
            .as_ref()
            .map(ToString::to_string);
        let hosts = self
            .peers
            .iter()
            .map(|(rank, peer)| (*rank, peer.host.clone()))
            .collect();
        let at = jiff::Timestamp::now();
        let started = Started {
            rounds: self.plan.rounds(),
            workers,
            parameters,
            worker_slowdown,
            at,
            hosts,
        };
        recorder.record(&Event::Started(started), weights)?;
        for rank in self
            .wire
            .workers()
            .into_iter()
            .filter(|rank| !self.workers.contains(rank))
        {
            recorder.record(&self.loss(Round(0), rank, 0), weights)?;
        }
        Ok(())
    }

    /// The next news of any worker; `outstanding` says who owes what, should none come.
    pub fn receive(
        &mut self,
        outstanding: impl Fn() -> Vec<(Rank, Vec<ClientId>)>,
    ) -> Result<News, EngineError> {
        loop {
            if let Some(news) = self.hear(&outstanding)? {
                return Ok(news);
            }
        }
    }

    /// What comes next of any worker; none when it is but a sign of life.
    pub fn hear(
        &mut self,
        outstanding: impl Fn() -> Vec<(Rank, Vec<ClientId>)>,
    ) -> Result<Option<News>, EngineError> {
        self.ping()?;
        self.look_for_silence(&outstanding)?;
        let delivery = self.wire.recv()?;
        self.understand(delivery)
    }

    /// What has come already of any worker, for a server that works meanwhile.
    pub fn glance(
        &mut self,
        outstanding: impl Fn() -> Vec<(Rank, Vec<ClientId>)>,
    ) -> Result<Option<News>, EngineError> {
        self.ping()?;
        self.look_for_silence(&outstanding)?;
        match self.wire.glance()? {
            Some(delivery) => self.understand(delivery),
            None => Ok(None),
        }
    }

    fn understand(&mut self, delivery: Delivery) -> Result<Option<News>, EngineError> {
        match delivery {
            Delivery::Frame(rank, frame) => {
                let peer = self.peers.get_mut(&rank);
                let report = frame.decode()?;
                if let Some(peer) = peer {
                    peer.heard = Instant::now();
                    if let Report::Alive { doing } = &report {
                        peer.doing = *doing;
                    }
                }
                let is_sign = matches!(report, Report::Alive { .. });
                Ok((!is_sign).then_some(News::Report(rank, report, frame.content)))
            }
            Delivery::Lost(rank) if self.lose(rank)? => Ok(Some(News::Lost(rank))),
            Delivery::Lost(_) | Delivery::Silence => Ok(None),
            Delivery::EndWanted => Err(EngineError::EndWanted),
        }
    }

    /// What a worker said last that it trains.
    pub fn doing(&self, rank: Rank) -> Option<Doing> {
        self.peers.get(&rank)?.doing
    }

    /// A new pass begins: what workers did before is over.
    pub fn begin_pass(&mut self) {
        self.peers.values_mut().for_each(|peer| peer.doing = None);
    }

    /// Looks, now and then, whether a worker that owes something has said nothing for too long.
    fn look_for_silence(
        &mut self,
        outstanding: impl Fn() -> Vec<(Rank, Vec<ClientId>)>,
    ) -> Result<(), EngineError> {
        let Some(limit) = self
            .plan
            .round_timeout()
            .filter(|limit| self.looked.elapsed() > *limit / 4)
        else {
            return Ok(());
        };
        let away = self.looked.elapsed() > limit / 2;
        self.looked = Instant::now();
        if away {
            // The server itself was busy for long: what workers said meanwhile is not read yet.
            self.peers
                .values_mut()
                .for_each(|peer| peer.heard = Instant::now());
            return Ok(());
        }
        let silent = |rank: &Rank| {
            self.peers
                .get(rank)
                .map_or(self.opened, |peer| peer.heard)
                .elapsed()
                > limit
        };
        let owing: Vec<_> = outstanding()
            .into_iter()
            .filter(|(rank, _)| silent(rank))
            .collect();
        if owing.is_empty() {
            Ok(())
        } else {
            Err(self.silence(&owing))
        }
    }

    /// As [`Link::receive`] when the run must not end yet, whatever signals say.
    pub fn receive_at_last(
        &mut self,
        outstanding: impl Fn() -> Vec<(Rank, Vec<ClientId>)>,
    ) -> Result<News, EngineError> {
        loop {
            if let Some(news) = self.hear_at_last(&outstanding)? {
                return Ok(news);
            }
        }
    }

    /// As [`Link::hear`] when the run must not end yet, whatever signals say.
    pub fn hear_at_last(
        &mut self,
        outstanding: impl Fn() -> Vec<(Rank, Vec<ClientId>)>,
    ) -> Result<Option<News>, EngineError> {
        match self.hear(outstanding) {
            Err(EngineError::EndWanted) => {
                thread::sleep(Duration::from_millis(1));
                Ok(None)
            }
            news => news,
        }
    }

    /// The news that a worker is lost, for recorders.
    pub fn loss(&self, round: Round, rank: Rank, clients: usize) -> Event {
        Event::Lost {
            round,
            rank,
            host: self.host(rank),
            clients,
        }
    }

    /// Now and then idle workers hear that the server is there.
    fn ping(&mut self) -> Result<(), EngineError> {
        if self
            .plan
            .round_timeout()
            .is_some_and(|limit| self.pinged.elapsed() > limit)
        {
            self.pinged = Instant::now();
            for rank in self.workers.clone() {
                self.send(rank, &Order::Ping, Content::nothing())?;
            }
        }
        Ok(())
    }

    /// A worker is counted out; false when it was before.
    pub fn lose(&mut self, rank: Rank) -> Result<bool, EngineError> {
        let before = self.workers.len();
        self.workers.retain(|worker| *worker != rank);
        let left = |ranks: &[Rank]| ranks.iter().any(|rank| self.workers.contains(rank));
        let homes = self.plan.homes().map_or(&[][..], Homes::all);
        match self.workers.is_empty() {
            true => Err(EngineError::Lost {
                rank,
                host: self.host(rank),
            }),
            false if !homes.iter().all(|home| left(&home.ranks)) => Err(EngineError::Homeless {
                rank,
                host: self.host(rank),
            }),
            false => Ok(self.workers.len() < before),
        }
    }

    /// Whether the run ends by a training that came to nothing.
    pub fn ends(&self, failure: &Failure) -> bool {
        !failure.diverged || self.plan.config.on_nan == OnNan::End
    }

    /// The workers that can train a client.
    pub fn able(&self, client: ClientId) -> Vec<Rank> {
        match self.plan.homes() {
            Some(homes) => self.living(homes.of(client)),
            None => self.workers.clone(),
        }
    }

    /// Divides clients among all workers, or among those that hold their data.
    pub fn assign(
        &self,
        scheduler: &mut dyn Scheduler,
        cost: &CostModel,
        cohort: &[Job],
    ) -> Assignment {
        let Some(homes) = self.plan.homes() else {
            return scheduler.assign(cohort, cost, &self.workers);
        };
        let lives = |home: &Home, job: &Job| home.clients.contains(&job.client.index());
        let at = |home| {
            let jobs: Vec<Job> = cohort
                .iter()
                .filter(|job| lives(home, job))
                .copied()
                .collect();
            scheduler.assign(&jobs, cost, &self.living(home))
        };
        homes.all().iter().flat_map(at).collect()
    }

    /// The workers that are left of a home.
    pub fn living(&self, home: &Home) -> Vec<Rank> {
        home.ranks
            .iter()
            .copied()
            .filter(|rank| self.workers.contains(rank))
            .collect()
    }

    /// Sends an order. That a worker is lost is told by [`Link::receive`] alone.
    pub fn send(&mut self, to: Rank, order: &Order, content: Content) -> Result<(), EngineError> {
        if *order != Order::Ping {
            self.peers
                .entry(to)
                .and_modify(|peer| peer.heard = Instant::now());
        }
        match self.wire.send(to, Frame::with(order, content)) {
            Err(TransportError::Gone(_)) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Where a worker runs.
    pub fn host(&self, rank: Rank) -> String {
        self.peers
            .get(&rank)
            .map_or("an unknown host".to_owned(), |peer| peer.host.clone())
    }

    /// Whether somebody wants the run to end: asked before each round, since short ones never wait.
    pub fn look_for_end(&self) -> Result<(), EngineError> {
        if stop::end_wanted() {
            Err(EngineError::EndWanted)
        } else {
            Ok(())
        }
    }

    /// Nothing has come for too long.
    fn silence(&self, outstanding: &[(Rank, Vec<ClientId>)]) -> EngineError {
        let owes = |(rank, clients): &(Rank, Vec<ClientId>)| {
            let some: Vec<String> = clients.iter().take(5).map(ToString::to_string).collect();
            let more = if clients.len() > some.len() {
                ", ..."
            } else {
                ""
            };
            let heard = self
                .peers
                .get(rank)
                .map_or(self.opened, |peer| peer.heard)
                .elapsed()
                .as_secs_f64();
            let (host, some, count) = (self.host(*rank), some.join(", "), clients.len());
            let clients = if count == 0 {
                String::new()
            } else {
                format!(", owes {count} clients ({some}{more})")
            };
            format!("rank {rank} on {host}, heard {heard:.0} s ago{clients}")
        };
        EngineError::Silence {
            round: self.round,
            seconds: self.plan.round_timeout().unwrap_or_default().as_secs_f64(),
            outstanding: outstanding.iter().map(owes).collect::<Vec<_>>().join("; "),
        }
    }

    /// Ends a run that `began` then: all ranks stop, and what they report is recorded.
    pub fn finish(
        &mut self,
        began: Instant,
        device: String,
        recorder: &mut dyn Recorder,
        outcome: Outcome,
    ) -> Result<Outcome, EngineError> {
        let (rounds, total_seconds) = (outcome.rounds, began.elapsed().as_secs_f64());
        let (ranks, fault) = self.close(device)?;
        let reason = outcome.reason.clone();
        recorder.record(
            &Event::Finished {
                reason,
                ranks,
                rounds,
                total_seconds,
            },
            &outcome.weights,
        )?;
        fault.map_or(Ok(outcome), Err)
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
            match self.receive_at_last(|| open.iter().map(|rank| (*rank, Vec::new())).collect()) {
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

/// A report that makes no sense now.
pub fn unexpected(rank: Rank, report: &Report) -> EngineError {
    EngineError::Unexpected {
        rank,
        what: format!("{report:?}").chars().take(200).collect(),
    }
}
