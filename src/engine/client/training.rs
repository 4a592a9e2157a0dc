//! The clients of an order, one after another from the same weights: each is trained, its change
//! enters the worker's sum or travels by itself, and the server hears of it.

use super::Worker;
use crate::config::Mode;
use crate::engine::EngineError;
use crate::engine::contribution::{Change, Contribution, failure};
use crate::engine::phase::Phase;
use crate::engine::pulse::GLANCE;
use crate::engine::visit::Visitor;
use crate::ids::ClientId;
use crate::message::{Content, Doing, Errand, Frame, Label, Part, Reduce, Report};
use crate::schedule::DispatchMode;
use crate::stop;
use crate::train::{Task, TrainError};
use crate::transport::Transport;
use crate::weights::Weights;
use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

impl<T: Transport> Worker<'_, T> {
    /// Trains clients and says so: after each when something may follow it, else at the end. One
    /// that cannot be trained leaves the others as they are.
    pub(super) fn train_all(
        &mut self,
        phase: Phase,
        errands: &[Errand],
        last: bool,
        content: &Content,
    ) -> Result<(), EngineError> {
        let mut part = Part::default();
        for (place, errand) in errands.iter().enumerate() {
            self.pulse.turn_to(Doing {
                client: errand.client,
                trained: self.course.trained,
            })?;
            let began = Instant::now();
            let (mut own, mut keeps) = (Content::nothing(), false);
            match self.contribute(phase, errand, content) {
                Ok(contribution) => {
                    keeps = contribution.kept.is_some();
                    own = contribution.content();
                    part.updates.push(contribution.update);
                }
                // Nobody waits for it, nor for those that come after it.
                Err(_) if self.pulse.is_over() => return Ok(()),
                Err(error) => {
                    let seconds = began.elapsed().as_secs_f64();
                    let layout = self.trainer.layout();
                    part.failed
                        .push(failure(errand.client, seconds, &error, layout));
                }
            }
            self.course.trained += 1;
            if self.reduce == Reduce::Server || !last || keeps {
                part.last = last && self.reduce == Reduce::Server && place + 1 == errands.len();
                self.tell_trained(phase, std::mem::take(&mut part), own)?;
            }
        }
        if !last {
            return Ok(());
        }
        if self.reduce != Reduce::Allreduce && self.plan.dispatch() == DispatchMode::Planned {
            // Parts follow one another, and each brings its model.
            self.global.weights = Weights::default();
        }
        if self.reduce == Reduce::Server && !errands.is_empty() {
            // The last client's report has said so.
            return Ok(());
        }
        self.hand_over(phase, part)
    }

    /// The end of a worker's part of a pass, with its sum where that travels.
    fn hand_over(&mut self, phase: Phase, mut part: Part) -> Result<(), EngineError> {
        let mut content = Content::nothing();
        if let Some(sum) = self.sums.own(phase.pass) {
            if !self.pulse.wire.sums_on_devices() {
                self.trainer.hand_over(sum);
            }
            if self.reduce == Reduce::Worker {
                // Should more follow in this pass, it is another sum.
                self.phase = None;
                content = content.with_units(Label::Units, Arc::clone(sum.units()));
            }
        }
        part.last = true;
        self.tell_trained(phase, part, content)
    }

    fn tell_trained(
        &mut self,
        Phase { round, pass, .. }: Phase,
        part: Part,
        content: Content,
    ) -> Result<(), EngineError> {
        self.tell(Frame::with(&Report::Trained { round, pass, part }, content))
    }

    /// What a client contributes; it has entered the sum unless it is to be sent. Whatever goes
    /// wrong in its training leaves the sum and what it keeps as they were.
    fn contribute(
        &mut self,
        phase: Phase,
        errand: &Errand,
        content: &Content,
    ) -> Result<Contribution, TrainError> {
        let samples = self.plan.samples(errand.client);
        let kept = self.keeper.of(errand, content)?;
        let mut contribution = self.train(phase, errand.client, kept, errand.kept.is_fresh())?;
        if let Some(sum) = self.sums.of(phase.pass) {
            let sections = self.global.sections_of(phase.pass);
            contribution.add_to(sum, sections, phase.total, samples, &self.global.weights)?;
            // The server needs no more than to hear of it.
            if let Some(sum) = self.sums.shared(phase.pass) {
                self.trainer.hand_over(sum);
            }
            contribution = Contribution {
                change: Change::Nothing,
                said: Vec::new(),
                ..contribution
            };
        }
        if let Some(kept) = contribution.kept.take() {
            contribution.kept = self.keeper.note(errand, phase.round, kept)?;
        }
        Ok(contribution)
    }

    /// Trains one client, or asks it what comes before training. A panic becomes a reason too; when
    /// the server is gone, so does that nobody waits for it any more.
    fn train(
        &mut self,
        phase: Phase,
        client: ClientId,
        mut kept: Vec<f32>,
        fresh: bool,
    ) -> Result<Contribution, TrainError> {
        let (plan, began, rank) = (self.plan, Instant::now(), self.pulse.wire.rank());
        let start = self.course.began.elapsed().as_secs_f64();
        let Phase { round, pass, total } = phase;
        let pulse = RefCell::new(&mut self.pulse);
        let alive = || pulse.borrow_mut().beat();
        let task = Task::new(round, client, &self.global.weights)
            .heard_by(&alive)
            .at_rate(self.rate);
        let mut visitor = Visitor {
            plan,
            total,
            global: &self.global,
            told: &self.told,
            trainer: &mut *self.trainer,
            // Sums are made here, unless updates are to be sent.
            sum: self.sums.of(pass),
        };
        let trained = stop::catch(|| match self.global.is_before(pass) {
            true => visitor.survey(task, &mut kept, fresh),
            false => visitor.train(task, &mut kept, fresh),
        });
        let mut contribution = trained.map_err(TrainError::Failed)??;
        // Emulates a slower machine.
        let factor = self.slowdown.factor(rank, round, plan.rounds());
        linger(began.elapsed().mul_f64(factor.max(1.0) - 1.0), &task);
        linger(plan.nap(client, round).unwrap_or_default(), &task);
        let seconds = began.elapsed().as_secs_f64();
        let loss = contribution.update.loss;
        let step = match plan.mode() {
            Mode::Sync => "round",
            Mode::Async => "training",
        };
        log::debug!("{step} {round} client {client}: loss {loss:.4}, {seconds:.3} s");
        (contribution.update.start, contribution.update.seconds) = (start, seconds);
        if self.keeper.length() > 0 && !self.global.is_before(pass) {
            contribution.kept = Some(Arc::new(kept));
        }
        Ok(contribution)
    }
}

/// Sleeps, and goes on to give signs of life.
fn linger(time: Duration, task: &Task<'_>) {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(GLANCE));
        task.alive();
    }
}
