//! The server without rounds: as many clients as wished are in training, every arrival may move the
//! model, and the freed place is taken by another client with the model as it is then.
//!
//! Under the virtual clock the delay model says who arrives when. Trainings are sent to workers as soon
//! as they are known, the ones that are needed first come first, and an arrival is taken in when its
//! turn comes: so the result is the same for any number of workers, and they are all busy.

use super::contribution::failure;
use super::flight::{Came, Flight, Flying, Key};
use super::global::finite;
use super::link::{Link, News, unexpected};
use super::{EngineError, Outcome, forgotten};
use crate::aggregate::arrivals::{self, Arrival, Arrivals};
use crate::event::{Arrived, Event, InFlight, Recorder, RoundDone, Schedule, State};
use crate::ids::{Rank, Round};
use crate::message::{Content, Errand, Failure, Keeps, Label, Order, Part, Report, Update};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{Chooser, Clock};
use crate::train::{TrainError, Trainer};
use crate::transport::{Metered, Transport};
use crate::weights::{self, Total, Weights};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Trainings that a worker holds: one under way and one that waits.
const DEPTH: usize = 2;

/// Runs the plan to its end as rank 0.
pub fn run<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    let global: Weights = Arc::new(trainer.initial());
    let link = Link::open(plan, wire)?;
    link.announce(recorder, trainer.layout(), &global)?;
    let mut server = Server {
        held: link.workers.iter().map(|&rank| (rank, BTreeSet::new())).collect(),
        link,
        trainer,
        recorder,
        global,
        flight: Flight::default(),
        chooser: plan.chooser()?,
        rule: plan.arrivals(),
        began: Instant::now(),
        clock_before: 0.0,
        pending: Pending::default(),
        version: 0,
        moved_at: 0.0,
        moved_when: Instant::now(),
        updates: 0,
        carried_before: 0,
        test: None,
    };
    if let Some((state, weights)) = saved {
        server.go_on(state, weights)?;
    }
    while server.version < plan.rounds() && !plan.reached(server.test.as_ref()) {
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
    began: Instant,
    // Seconds on the run's clock when this process began.
    clock_before: f64,
    // What has arrived since the model moved.
    pending: Pending,
    // How often the model has moved.
    version: u32,
    moved_at: f64,
    moved_when: Instant,
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

/// The number of a training and what came of it, of a report that tells one.
fn came(report: &Report, content: &Content) -> Option<(u32, Came)> {
    let Report::Trained { round, part: Part { updates, failed, .. }, .. } = report else { return None };
    let came = match (&updates[..], &failed[..], content.floats(Label::Model)) {
        ([update], [], Some(weights)) => Ok((*update, Arc::clone(weights))),
        ([], [failure], _) => Err(failure.clone()),
        _ => return None,
    };
    Some((round.0, came))
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.clients + self.dropped + self.diverged == 0
    }
}

impl<T: Transport> Server<'_, T> {
    /// Goes on where a run was saved.
    fn go_on(&mut self, state: State, weights: Vec<f32>) -> Result<(), EngineError> {
        let (found, wanted) = (weights.len(), self.global.len());
        let saved = state.flight.unwrap_or_default();
        if found != wanted || saved.starts.values().any(|start| start.len() != wanted) {
            return Err(EngineError::OtherModel { found, wanted });
        }
        self.flight = Flight::restore(&saved, state.clock).ok_or_else(|| EngineError::Forgotten {
            part: "trainings under way",
            reason: "the model that one of them started from is missing".to_owned(),
        })?;
        self.chooser.restore(&saved.chooser).map_err(forgotten("choice of clients"))?;
        self.rule.restore(&saved.rule).map_err(forgotten("aggregator"))?;
        self.global = Arc::new(weights);
        self.version = state.rounds;
        self.link.round = Round(self.version);
        self.moved_at = saved.moved_at;
        self.clock_before = state.clock;
        self.updates = state.updates;
        self.test = state.test;
        Ok(())
    }

    /// Everything that follows depends on this, right after the model has moved.
    fn save(&mut self) -> Result<(), EngineError> {
        let (chooser, rule) = (self.chooser.state(), self.rule.state());
        let flight = InFlight { moved_at: self.moved_at, chooser, rule, ..self.flight.save() };
        let state = State {
            rounds: self.version,
            clock: self.flight.now,
            updates: self.updates,
            test: self.test.clone(),
            flight: Some(flight),
            ..State::default()
        };
        Ok(self.recorder.record(&Event::Saved(state), &self.global)?)
    }

    /// One event: an arrival, or a deadline.
    fn step(&mut self) -> Result<(), EngineError> {
        if self.pending.is_empty() {
            self.link.look_for_end()?;
        }
        let free = self.rule.refills_at_once() || self.flight.tasks.is_empty() || self.pending.clients == 0;
        if free && self.instant_is_over() {
            self.refill();
        }
        self.send_out()?;
        let key = self.next_arrival()?;
        let deadline = self.rule.deadline(self.moved_at).filter(|_| self.pending.clients > 0);
        match (key, deadline) {
            (key, Some(deadline)) if key.is_none_or(|(time, _)| f64::from_bits(time) > deadline) => {
                self.flight.now = deadline.max(self.flight.now);
                let moved = self.rule.due(&self.global);
                self.move_to(moved)
            }
            (Some(key), _) => self.arrive(key),
            (None, _) => Err(EngineError::Idle),
        }
    }

    /// Those that arrive at the same instant are all taken in before others start: they start with what
    /// the instant has made of the model.
    fn instant_is_over(&self) -> bool {
        let more = self.flight.first().is_some_and(|(time, _)| f64::from_bits(time) <= self.flight.now);
        !more || self.link.plan.clock() == Clock::Real
    }

    fn refill(&mut self) {
        let plan = self.link.plan;
        for client in self.chooser.choose(self.version, &self.flight.busy(), &|client| plan.samples(client)) {
            let samples = plan.samples(client);
            let seconds = |task| plan.delay().seconds(plan.seed(), client, task, samples);
            self.flight.launch(client, self.version, &self.global, seconds);
        }
    }

    /// Gives waiting trainings to the workers that have least to do, the earliest arrival first.
    fn send_out(&mut self) -> Result<(), EngineError> {
        while let Some((key, rank)) = self.next_to_send() {
            self.held.entry(rank).or_default().insert(key.1);
            self.flight.unsent.remove(&key);
            let task = &self.flight.tasks[&key];
            let errands = vec![Errand { client: task.client, kept: Keeps::Nothing }];
            let total = Total { samples: 1, clients: 1 };
            let order = Order::Train { round: Round(key.1), pass: 0, total, errands, last: true };
            self.link.send(rank, &order, Content::nothing().with(Label::Model, Arc::clone(&task.start)))?;
        }
        Ok(())
    }

    /// The earliest arrival for which a worker has room, and that worker.
    fn next_to_send(&self) -> Option<(Key, Rank)> {
        let room = |rank: &Rank| self.held.get(rank).map_or(0, BTreeSet::len);
        let free = |ranks: &[Rank]| {
            let least = ranks.iter().copied().min_by_key(|rank| (room(rank), *rank));
            least.filter(|rank| room(rank) < DEPTH)
        };
        match self.link.plan.homes() {
            None => Some((*self.flight.unsent.first()?, free(&self.link.workers)?)),
            Some(_) => self
                .flight
                .unsent
                .iter()
                .find_map(|key| Some((*key, free(&self.link.able(self.flight.tasks[key].client))?))),
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
                self.flight.now = self.clock_before + self.began.elapsed().as_secs_f64();
                let number = self.flight.results.keys().next().copied().unwrap_or_default();
                let key = self.flight.numbered(number);
                // Under the real clock it arrives now, whatever was planned.
                let task = key.and_then(|key| self.flight.tasks.remove(&key));
                Ok(task.map(|task| {
                    let key = (self.flight.now.to_bits(), number);
                    self.flight.tasks.insert(key, task);
                    key
                }))
            }
        }
    }

    /// Takes in one report.
    fn take_in(&mut self) -> Result<(), EngineError> {
        let owed = |(rank, held): (&Rank, &BTreeSet<u32>)| {
            let clients = held.iter().filter_map(|number| self.flight.numbered(*number));
            (*rank, clients.map(|key| self.flight.tasks[&key].client).collect())
        };
        let owing = || self.held.iter().filter(|(_, held)| !held.is_empty()).map(owed).collect();
        // What has arrived since the last move is not lost: the next move comes before the end.
        let news = match self.pending.is_empty() {
            true => self.link.receive(owing),
            false => self.link.receive_at_last(owing),
        };
        match news? {
            News::Report(rank, report, content) => match came(&report, &content) {
                Some((number, came)) if self.held.get_mut(&rank).is_some_and(|held| held.remove(&number)) => {
                    self.flight.results.insert(number, (rank, came));
                    self.send_out()
                }
                _ => Err(unexpected(rank, &report)),
            },
            News::Lost(rank) => self.replace(rank),
        }
    }

    /// The others train what a lost worker held.
    fn replace(&mut self, rank: Rank) -> Result<(), EngineError> {
        let numbers = self.held.remove(&rank).unwrap_or_default();
        let again: Vec<Key> = numbers.iter().filter_map(|number| self.flight.numbered(*number)).collect();
        self.flight.unsent.extend(again);
        let event = self.link.loss(Round(self.version), rank, numbers.len());
        self.recorder.record(&event, &self.global)?;
        self.send_out()
    }

    /// A training's turn has come.
    fn arrive(&mut self, key: Key) -> Result<(), EngineError> {
        let (rank, came) = loop {
            match self.flight.results.remove(&key.1) {
                Some(result) => break result,
                None => self.take_in()?,
            }
        };
        let Some(task) = self.flight.tasks.remove(&key) else { return Ok(()) };
        self.flight.now = f64::from_bits(key.0).max(self.flight.now);
        match came.and_then(|(update, weights)| self.mix(task, update, weights)) {
            Ok(mixed) => self.count(rank, mixed),
            Err(failure) => self.leave_out(rank, key.1, failure),
        }
    }

    /// What an update makes of the model, unless it is too old to count.
    fn mix(&mut self, task: Flying, update: Update, weights: Weights) -> Result<Mixed, Failure> {
        let (plan, now) = (self.link.plan, self.flight.now);
        let staleness = self.version - task.version;
        let weight = plan.stale_weight(staleness);
        let mut moved = None;
        if let Some(weight) = weight {
            let (client, samples) = (update.client, plan.samples(update.client));
            let arrival = Arrival { client, samples, staleness, weight, now, start: task.start, weights };
            let mixed = arrivals::sound(&arrival).and_then(|()| self.rule.arrive(&self.global, &arrival));
            moved = mixed
                .map_err(|fault| failure(client, update.seconds, &TrainError::Unfit(fault), self.trainer.layout()))?;
        }
        Ok(Mixed { update, staleness, weight, moved })
    }

    /// Takes note of an update, and moves the model if it does.
    fn count(&mut self, rank: Rank, mixed: Mixed) -> Result<(), EngineError> {
        let Mixed { update, staleness, weight, moved } = mixed;
        let Update { client, loss, seconds, bits, .. } = update;
        self.updates += u64::from(weight.is_some());
        self.pending.in_vain = 0;
        self.pending.bits += bits;
        self.chooser.learn(client, loss);
        let arrived = Event::Arrived(Arrived {
            update: self.updates,
            client,
            rank,
            staleness,
            weight,
            clock: self.flight.now,
            loss,
            seconds,
            in_flight: self.flight.tasks.len(),
        });
        self.recorder.record(&arrived, &self.global)?;
        if weight.is_none() {
            self.pending.dropped += 1;
            return Ok(());
        }
        let samples = self.link.plan.samples(client);
        self.pending.clients += 1;
        self.pending.samples += samples;
        self.pending.loss += loss * samples as f64;
        self.pending.staleness += f64::from(staleness);
        self.move_to(moved)
    }

    /// A training came to nothing: the run ends, or goes on without it.
    fn leave_out(&mut self, rank: Rank, number: u32, failure: Failure) -> Result<(), EngineError> {
        let round = Round(self.version);
        if self.link.ends(&failure) {
            let reason = format!("{} (training {} of the run)", failure.reason, Round(number));
            return Err(EngineError::training(rank, round, Failure { reason, ..failure }));
        }
        self.pending.diverged += 1;
        self.pending.in_vain += 1;
        let Failure { client, reason, .. } = failure;
        self.recorder.record(&Event::LeftOut { round, client, rank, reason }, &self.global)?;
        let trainings = self.pending.in_vain;
        let all = self.link.plan.clients() + self.link.plan.config.concurrency as usize;
        if trainings > all { Err(EngineError::InVain { trainings }) } else { Ok(()) }
    }

    /// The model moves, if it does.
    fn move_to(&mut self, moved: Option<Vec<f32>>) -> Result<(), EngineError> {
        let Some(moved) = moved else { return Ok(()) };
        let (plan, round) = (self.link.plan, Round(self.version));
        finite(round, &moved)?;
        self.global = Arc::new(moved);
        let seconds = self.moved_when.elapsed().as_secs_f64();
        let evaluating = Instant::now();
        let test = match plan.evaluates_after(round) {
            true => Some(self.trainer.evaluate(&self.global)?),
            false => None,
        };
        let pending = std::mem::take(&mut self.pending);
        let done = RoundDone {
            round,
            clients: pending.clients,
            dropped: pending.dropped,
            late: 0,
            diverged: pending.diverged,
            virtual_seconds: self.flight.now - self.moved_at,
            clock: self.flight.now,
            updates: self.updates,
            staleness: pending.staleness / pending.clients.max(1) as f64,
            samples: pending.samples,
            train_loss: (pending.samples > 0).then(|| pending.loss / pending.samples as f64),
            seconds,
            evaluation_seconds: evaluating.elapsed().as_secs_f64(),
            client_bytes: pending.bits / 8,
            cluster_bytes: self.carried() - self.carried_before,
            schedule: Schedule::default(),
            model_hash: weights::hash(&self.global),
            test: test.clone(),
        };
        self.carried_before = self.carried();
        self.version += 1;
        self.link.round = Round(self.version);
        self.moved_at = self.flight.now;
        self.moved_when = Instant::now();
        self.test = test.or(self.test.take());
        self.recorder.record(&Event::RoundDone(done), &self.global)?;
        match self.recorder.wants_state() {
            true => self.save(),
            false => Ok(()),
        }
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
        let outcome = Outcome { weights: self.global.to_vec(), rounds: self.version, test: self.test.clone(), reason };
        self.link.finish(self.began, self.trainer.device(), self.recorder, outcome)
    }
}
