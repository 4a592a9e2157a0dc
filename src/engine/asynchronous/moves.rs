//! Arrivals, one after another, and how they move the model.

use super::super::contribution::failure;
use super::super::flight::{Flying, Key};
use super::super::global::finite;
use super::super::stopwatch::Stopwatch;
use super::{EngineError, Mixed, Server};
use crate::aggregate::arrivals::{self, Arrival};
use crate::event::{Arrived, Event, RoundDone, Schedule};
use crate::ids::{Rank, Round};
use crate::message::{Failure, Update};
use crate::train::TrainError;
use crate::transport::Transport;
use crate::weights::{self, Weights};
use std::sync::Arc;
use std::time::Instant;

impl<T: Transport> Server<'_, T> {
    /// A training's turn has come.
    pub(super) fn arrive(&mut self, key: Key) -> Result<(), EngineError> {
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
            let arrival = Arrival {
                client,
                samples,
                staleness,
                weight,
                now,
                start: task.start,
                weights,
            };
            let mixed =
                arrivals::sound(&arrival).and_then(|()| self.rule.arrive(&self.global, &arrival));
            moved = mixed.map_err(|fault| {
                failure(client, update.seconds, &TrainError::Unfit(fault), self.trainer.layout())
            })?;
        }
        Ok(Mixed {
            update,
            staleness,
            weight,
            moved,
        })
    }

    /// Takes note of an update, and moves the model if it does.
    fn count(&mut self, rank: Rank, mixed: Mixed) -> Result<(), EngineError> {
        let Mixed {
            update,
            staleness,
            weight,
            moved,
        } = mixed;
        let Update {
            client,
            loss,
            start,
            seconds,
            bits,
            ..
        } = update;
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
            start: self.engaged.get(&rank).map(|engaged| engaged + start),
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
        let left_out = Event::LeftOut {
            round,
            client,
            rank,
            reason,
        };
        self.recorder.record(&left_out, &self.global)?;
        let trainings = self.pending.in_vain;
        let all = self.link.plan.clients() + self.link.plan.config.concurrency as usize;
        if trainings > all {
            Err(EngineError::InVain { trainings })
        } else {
            Ok(())
        }
    }

    /// The model moves, if it does.
    pub(super) fn move_to(&mut self, moved: Option<Vec<f32>>) -> Result<(), EngineError> {
        let Some(moved) = moved else { return Ok(()) };
        let (plan, round) = (self.link.plan, Round(self.version));
        finite(round, &moved)?;
        self.global = Arc::new(moved);
        let seconds = self.stopwatch.seconds();
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
            epsilon: None,
            schedule: Schedule::default(),
            model_hash: weights::hash(&self.global),
            test: test.clone(),
            training: None,
        };
        self.carried_before = self.carried();
        self.version += 1;
        self.link.round = Round(self.version);
        self.moved_at = self.flight.now;
        self.stopwatch = Stopwatch::start();
        self.test = test.or(self.test.take());
        self.recorder
            .record(&Event::RoundDone(done), &self.global)?;
        match self.recorder.wants_state() {
            true => self.save(),
            false => Ok(()),
        }
    }
}
