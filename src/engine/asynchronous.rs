//! The server without rounds: as many clients as wished are in training, every arrival may move the
//! model, and the freed place is taken by another client with the model as it is then.
//!
//! Under the virtual clock the delay model says who arrives when. Trainings are sent to workers as
//! soon as they are known, the ones that are needed first come first, and an arrival is taken in
//! when its turn comes: so the result is the same for any number of workers, and they are all busy.

mod moves;

use super::flight::{Came, Flight, Key};
use super::link::{Link, News, unexpected};
use super::stopwatch::Stopwatch;
use super::{EngineError, Outcome, forgotten};
use crate::aggregate::arrivals::Arrivals;
use crate::event::{Event, InFlight, Lane, Recorder, State, Underway};
use crate::ids::{Rank, Round};
use crate::message::{Content, Errand, Keeps, Label, Order, Part, Report, Update};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{Chooser, Clock};
use crate::train::Trainer;
use crate::transport::{Metered, Transport};
use crate::weights::{Total, Weights};
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
        held: link
            .workers
            .iter()
            .map(|&rank| (rank, BTreeSet::new()))
            .collect(),
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
    };
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

/// The number of a training and what came of it, of a report that tells one.
fn came(report: &Report, content: &Content) -> Option<(u32, Came)> {
    let Report::Trained {
        round,
        part: Part {
            updates, failed, ..
        },
        ..
    } = report
    else {
        return None;
    };
    let came = match (&updates[..], &failed[..], content.floats(Label::Model)) {
        ([update], [], Some(weights)) => Ok((*update, Arc::clone(weights))),
        ([], [failure], _) => Err(failure.clone()),
        _ => return None,
    };
    Some((round.0, came))
}

impl Pending {
    /// Whether work would be lost if the run ended here: what was only dropped or left out is a
    /// figure.
    fn has_work(&self) -> bool {
        self.clients > 0
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
        self.flight =
            Flight::restore(&saved, state.clock).ok_or_else(|| EngineError::Forgotten {
                part: "trainings under way",
                reason: "the model that one of them started from is missing".to_owned(),
            })?;
        self.chooser
            .restore(&saved.chooser)
            .map_err(forgotten("choice of clients"))?;
        self.rule
            .restore(&saved.rule)
            .map_err(forgotten("aggregator"))?;
        self.global = Arc::new(weights);
        self.version = state.rounds;
        self.link.round = Round(self.version);
        self.moved_at = saved.moved_at;
        self.clock_before = state.clock;
        self.taken_before = state.taken;
        self.updates = state.updates;
        self.test = state.test;
        Ok(())
    }

    /// Everything that follows depends on this, right after the model has moved.
    fn save(&mut self) -> Result<(), EngineError> {
        let (chooser, rule) = (self.chooser.state(), self.rule.state());
        let flight = InFlight {
            moved_at: self.moved_at,
            chooser,
            rule,
            ..self.flight.save()
        };
        let state = State {
            rounds: self.version,
            clock: self.flight.now,
            taken: self.taken(),
            updates: self.updates,
            test: self.test.clone(),
            open: None,
            flight: Some(flight),
            ..State::default()
        };
        Ok(self.recorder.record(&Event::Saved(state), &self.global)?)
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
        for client in self
            .chooser
            .choose(self.version, &self.flight.busy(), &|client| plan.samples(client))
        {
            let samples = plan.samples(client);
            let seconds = |task| plan.delay().seconds(plan.seed(), client, task, samples);
            self.flight
                .launch(client, self.version, &self.global, seconds);
        }
    }

    /// Gives waiting trainings to the workers that have least to do, the earliest arrival first.
    fn send_out(&mut self) -> Result<(), EngineError> {
        while let Some((key, rank)) = self.next_to_send() {
            self.held.entry(rank).or_default().insert(key.1);
            let now = self.taken();
            self.engaged.entry(rank).or_insert(now);
            self.flight.unsent.remove(&key);
            let task = &self.flight.tasks[&key];
            let errands = vec![Errand {
                client: task.client,
                kept: Keeps::Nothing,
            }];
            let total = Total {
                samples: 1,
                clients: 1,
            };
            let rate = self.link.plan.rate(Round(task.version));
            let order = Order::Train {
                round: Round(key.1),
                pass: 0,
                total,
                rate,
                errands,
                last: true,
            };
            self.link.send(
                rank,
                &order,
                Content::nothing().with(Label::Model, Arc::clone(&task.start)),
            )?;
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
            Some(_) => self.flight.unsent.iter().find_map(|key| {
                Some((*key, free(&self.link.able(self.flight.tasks[key].client))?))
            }),
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
                let number = self
                    .flight
                    .results
                    .keys()
                    .next()
                    .copied()
                    .unwrap_or_default();
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
            let clients = held
                .iter()
                .filter_map(|number| self.flight.numbered(*number));
            (*rank, clients.map(|key| self.flight.tasks[&key].client).collect())
        };
        let owing = || {
            self.held
                .iter()
                .filter(|(_, held)| !held.is_empty())
                .map(owed)
                .collect()
        };
        // What has arrived since the last move is not lost: the next move comes before the end.
        let news = if self.pending.has_work() {
            self.link.hear_at_last(owing)
        } else {
            self.link.hear(owing)
        };
        let news = news?;
        self.tell_underway()?;
        let Some(news) = news else { return Ok(()) };
        match news {
            News::Report(rank, report, content) => match came(&report, &content) {
                Some((number, came))
                    if self
                        .held
                        .get_mut(&rank)
                        .is_some_and(|held| held.remove(&number)) =>
                {
                    self.flight.results.insert(number, (rank, came));
                    self.send_out()
                }
                _ => Err(unexpected(rank, &report)),
            },
            News::Lost(rank) => self.replace(rank),
        }
    }

    /// Says what is in training where the model has not moved for long.
    fn tell_underway(&mut self) -> Result<(), EngineError> {
        let Some(seconds) = self.stopwatch.rings() else { return Ok(()) };
        let lane = |&rank: &Rank| {
            let first = self
                .held
                .get(&rank)
                .and_then(|held| self.flight.numbered(*held.first()?));
            Lane {
                rank,
                client: first.map(|key| self.flight.tasks[&key].client),
                done: 0,
            }
        };
        let underway = Underway {
            round: Round(self.version),
            seconds,
            clients: self.flight.tasks.len(),
            done: self.pending.clients,
            workers: self.link.workers.iter().map(lane).collect(),
        };
        Ok(self
            .recorder
            .record(&Event::Underway(underway), &self.global)?)
    }

    /// The others train what a lost worker held.
    fn replace(&mut self, rank: Rank) -> Result<(), EngineError> {
        let numbers = self.held.remove(&rank).unwrap_or_default();
        let again: Vec<Key> = numbers
            .iter()
            .filter_map(|number| self.flight.numbered(*number))
            .collect();
        self.flight.unsent.extend(again);
        let event = self.link.loss(Round(self.version), rank, numbers.len());
        self.recorder.record(&event, &self.global)?;
        self.send_out()
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
