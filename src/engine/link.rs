//! The server's line to its workers: what comes in, and what is sent. Rounds and asynchronous runs
//! share it.

mod ending;
mod homes;
mod opening;
mod silence;

use super::EngineError;
use crate::config::OnNan;
use crate::event::Event;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Doing, Failure, Frame, Order, Report};
use crate::plan::Plan;
use crate::stop;
use crate::transport::{Delivery, Metered, Transport, TransportError};
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

impl Peer {
    /// It has just said where it runs.
    fn new(host: String) -> Peer {
        Peer {
            host,
            heard: Instant::now(),
            doing: None,
        }
    }
}

/// Which workers owe something, and which clients that concerns.
pub type Owed = Vec<(Rank, Vec<ClientId>)>;

/// Ranks that owe something, whatever clients it concerns.
pub fn owing<'a>(ranks: impl IntoIterator<Item = &'a Rank>) -> Owed {
    ranks.into_iter().map(|&rank| (rank, Vec::new())).collect()
}

/// What the server hears.
pub enum News {
    /// A worker's report, and what came with it.
    Report(Rank, Report, Content),
    /// A worker is lost.
    Lost(Rank),
}

impl<T: Transport> Link<'_, T> {
    /// The next news of any worker; `outstanding` says who owes what, should none come.
    pub fn receive(&mut self, outstanding: impl Fn() -> Owed) -> Result<News, EngineError> {
        loop {
            if let Some(news) = self.hear(&outstanding)? {
                return Ok(news);
            }
        }
    }

    /// What comes next of any worker; none when it is but a sign of life.
    pub fn hear(&mut self, outstanding: impl Fn() -> Owed) -> Result<Option<News>, EngineError> {
        self.ping()?;
        self.look_for_silence(&outstanding)?;
        let delivery = self.wire.recv()?;
        self.understand(delivery)
    }

    /// What has come already of any worker, for a server that works meanwhile.
    pub fn glance(&mut self, outstanding: impl Fn() -> Owed) -> Result<Option<News>, EngineError> {
        self.ping()?;
        self.look_for_silence(&outstanding)?;
        match self.wire.glance()? {
            Some(delivery) => self.understand(delivery),
            None => Ok(None),
        }
    }

    /// What a delivery means; none when it is but a sign of life.
    fn understand(&mut self, delivery: Delivery) -> Result<Option<News>, EngineError> {
        match delivery {
            Delivery::Frame(rank, frame) => {
                let report: Report = frame.decode()?;
                if let Some(peer) = self.peers.get_mut(&rank) {
                    peer.heard = Instant::now();
                    if let Report::Alive { doing } = &report {
                        peer.doing = *doing;
                    }
                }
                match report {
                    Report::Alive { .. } => Ok(None),
                    report => Ok(Some(News::Report(rank, report, frame.content))),
                }
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

    /// As [`Link::receive`] when the run must not end yet, whatever signals say.
    pub fn receive_at_last(&mut self, outstanding: impl Fn() -> Owed) -> Result<News, EngineError> {
        loop {
            if let Some(news) = self.hear_at_last(&outstanding)? {
                return Ok(news);
            }
        }
    }

    /// As [`Link::hear`] when the run must not end yet, whatever signals say.
    pub fn hear_at_last(
        &mut self,
        outstanding: impl Fn() -> Owed,
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

    /// Whether the run ends by a training that came to nothing.
    pub fn ends(&self, failure: &Failure) -> bool {
        !failure.diverged || self.plan.config.on_nan == OnNan::End
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
}

/// A report that makes no sense now.
pub fn unexpected(rank: Rank, report: &Report) -> EngineError {
    EngineError::Unexpected {
        rank,
        what: format!("{report:?}").chars().take(200).collect(),
    }
}
