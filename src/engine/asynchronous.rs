//! The server without rounds: as many clients as wished are in training, every arrival may move the
//! model, and the freed place is taken by another client with the model as it is then.
//!
//! Under the virtual clock the delay model says who arrives when. Trainings are sent to workers as
//! soon as they are known, the ones that are needed first come first, and an arrival is taken in
//! when its turn comes: so the result is the same for any number of workers, and they are all busy.

mod moves;
mod posting;
mod saved;

use super::flight::{Flight, Key};
use super::link::Link;
use super::stopwatch::Stopwatch;
use super::{EngineError, Outcome};
use crate::aggregate::arrivals::Arrivals;
use crate::event::{Recorder, State};
use crate::ids::Rank;
use crate::message::Update;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{Chooser, Clock};
use crate::train::Trainer;
use crate::transport::{Metered, Transport};
use crate::weights::Weights;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Runs the plan to its end as rank 0.
pub fn run<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    let mut server = Server::start(plan, wire, trainer, recorder)?;
    if let Some((state, weights)) = saved {
        server.go_on(state, weights)?;
    }
    while !plan.is_over(server.version, server.test.as_ref()) {
        match server.step() {
            Err(EngineError::EndWanted) => {
                server.save()?;
                return Err(EngineError::EndWanted);
            }
            other => other?,
        }
    }
    server.finish()
}

struct Server<'a, T> {
    link: Link<'a, T>,
    trainer: &'a mut dyn Trainer,
    recorder: &'a mut dyn Recorder,
    global: Weights,
    flight: Flight,
    chooser: Chooser,
    rule: Box<dyn Arrivals>,
    // Trainings that each worker holds, by number.
    held: BTreeMap<Rank, BTreeSet<u32>>,
    // When each worker got its first order, in seconds of the run.
    engaged: BTreeMap<Rank, f64>,
    began: Instant,
    // Seconds on the run's clock when this process began.
    clock_before: f64,
    // Seconds that the run had taken when this process began.
    taken_before: f64,
    // What has arrived since the model moved.
    pending: Pending,
    // How often the model has moved.
    version: u32,
    moved_at: f64,
    // Since the model moved last.
    stopwatch: Stopwatch,
    updates: u64,
    // Bytes that the cluster had carried when the model moved last.
    carried_before: u64,
    test: Option<Metrics>,
}

/// Arrivals between two moves of the model.
#[derive(Default)]
struct Pending {
    clients: usize,
    samples: u64,
    dropped: usize,
    diverged: usize,
    // Trainings that diverged, one after another.
    in_vain: usize,
    loss: f64,
    staleness: f64,
    bits: u64,
}

/// An update, and what it makes of the model.
struct Mixed {
    update: Update,
    staleness: u32,
    // None when it is too old to count.
    weight: Option<f64>,
    moved: Option<Vec<f32>>,
}

impl Pending {
    /// Whether work would be lost if the run ended here: what was only dropped or left out is a
    /// figure.
    fn has_work(&self) -> bool {
        self.clients > 0
    }
}

impl<'a, T: Transport> Server<'a, T> {
    /// Waits for all workers; nothing is in training yet.
    fn start(
        plan: &'a Plan,
        wire: &'a mut Metered<T>,
        trainer: &'a mut dyn Trainer,
        recorder: &'a mut dyn Recorder,
    ) -> Result<Self, EngineError> {
        let global: Weights = Arc::new(trainer.initial());
        let link = Link::open(plan, wire)?;
        link.announce(recorder, trainer.layout(), &global)?;
        let nothing = |&rank: &Rank| (rank, BTreeSet::new());
        Ok(Server {
            held: link.workers.iter().map(nothing).collect(),
            engaged: BTreeMap::new(),
            link,
            trainer,
            recorder,
            global,
            flight: Flight::default(),
            chooser: plan.chooser()?,
            rule: plan.arrivals(),
            began: Instant::now(),
            clock_before: 0.0,
            taken_before: 0.0,
            pending: Pending::default(),
            version: 0,
            moved_at: 0.0,
            stopwatch: Stopwatch::start(),
            updates: 0,
            carried_before: 0,
            test: None,
        })
    }

    /// One event: an arrival, or a deadline.
    fn step(&mut self) -> Result<(), EngineError> {
        if !self.pending.has_work() {
            self.link.look_for_end()?;
        }
        let free = self.rule.refills_at_once()
            || self.flight.tasks.is_empty()
            || self.pending.clients == 0;
        if free && self.instant_is_over() {
            self.refill();
        }
        self.send_out()?;
        let key = self.next_arrival()?;
        let deadline = self
            .rule
            .deadline(self.moved_at)
            .filter(|_| self.pending.clients > 0);
        match (key, deadline) {
            (key, Some(deadline))
                if key.is_none_or(|(time, _)| f64::from_bits(time) > deadline) =>
            {
                self.flight.now = deadline.max(self.flight.now);
                let moved = self.rule.due(&self.global);
                self.move_to(moved)
            }
            (Some(key), _) => self.arrive(key),
            (None, _) => Err(EngineError::Idle),
        }
    }

    /// Those that arrive at the same instant are all taken in before others start: they start with
    /// what the instant has made of the model.
    fn instant_is_over(&self) -> bool {
        let more = self
            .flight
            .first()
            .is_some_and(|(time, _)| f64::from_bits(time) <= self.flight.now);
        !more || self.link.plan.clock() == Clock::Real
    }

    fn refill(&mut self) {
        let plan = self.link.plan;
        let (busy, samples) = (self.flight.busy(), |client| plan.samples(client));
        for client in self.chooser.choose(self.version, &busy, &samples) {
            let samples = plan.samples(client);
            let seconds = |task| plan.delay().seconds(plan.seed(), client, task, samples);
            self.flight
                .launch(client, self.version, &self.global, seconds);
        }
    }

    /// Whose turn it is to arrive: by the delay model, or whoever is there first.
    fn next_arrival(&mut self) -> Result<Option<Key>, EngineError> {
        match self.link.plan.clock() {
            Clock::Virtual => Ok(self.flight.first()),
            Clock::Real if self.flight.tasks.is_empty() => Ok(None),
            Clock::Real => {
                while self.flight.results.is_empty() {
                    self.take_in()?;
                }
                Ok(self.arrives_now())
            }
        }
    }

    /// Under the real clock what has come first arrives now, whatever was planned.
    fn arrives_now(&mut self) -> Option<Key> {
        self.flight.now = self.clock_before + self.began.elapsed().as_secs_f64();
        let number = *self.flight.results.keys().next()?;
        let planned = self.flight.numbered(number)?;
        let task = self.flight.tasks.remove(&planned)?;
        let key = (self.flight.now.to_bits(), number);
        self.flight.tasks.insert(key, task);
        Some(key)
    }

    /// Seconds that the run has taken.
    fn taken(&self) -> f64 {
        self.taken_before + self.began.elapsed().as_secs_f64()
    }

    /// Bytes that the cluster has carried so far.
    fn carried(&self) -> u64 {
        self.link.wire.bytes_sent() + self.link.wire.bytes_received()
    }

    fn finish(mut self) -> Result<Outcome, EngineError> {
        if self.recorder.wants_last_state() {
            self.save()?;
        }
        let reason = self.link.plan.why_at_end(self.version, self.test.as_ref());
        let outcome = Outcome {
            weights: self.global.to_vec(),
            rounds: self.version,
            test: self.test.clone(),
            reason,
        };
        self.link
            .finish(self.began, self.trainer.device(), self.recorder, outcome)
    }
}
