//! The server: one synchronous round after another, each a line per stage of the walk.

mod evaluation;
mod passes;

use super::exchange::{Done, Failed, Returned};
use super::fallback::Fallback;
use super::gathering::Gathering;
use super::global::{Global, finite};
use super::link::Link;
use super::post::Post;
use super::states::States;
use super::stopwatch::Stopwatch;
use super::{EngineError, Outcome, forgotten, kept_values};
use crate::event::{Event, Recorder, RoundDone, State, Trained};
use crate::ids::Round;
use crate::message::{Content, Label, Order, Reduce, Update};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{CostModel, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::{Attended, Members, Pool, Selector};
use crate::train::Trainer;
use crate::transport::{Metered, Transport};
use crate::weights::{self, Turnout};
use evaluation::{Open, Paces};
use passes::Passed;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// The server between two rounds, for callers who decide themselves when to go on;
/// [`run()`](super::run()) is the usual way.
pub struct Server<'a, T> {
    link: Link<'a, T>,
    trainer: &'a mut dyn Trainer,
    recorder: &'a mut dyn Recorder,
    selector: Box<dyn Selector>,
    scheduler: Box<dyn Scheduler>,
    cost: CostModel,
    global: Global,
    gathering: Gathering,
    post: Post,
    began: Instant,
    rounds: u32,
    clock: f64,
    updates: u64,
    test: Option<Metrics>,
    // The last round, while it is evaluated.
    open: Option<Open>,
    paces: Paces,
    told_shortage: bool,
    stopwatch: Stopwatch,
    // The best model, where the run falls back on it.
    fallback: Option<Fallback>,
}

impl<'a, T: Transport> Server<'a, T> {
    /// Waits for all workers and makes sure that they follow the same plan.
    ///
    /// # Errors
    /// Workers with another plan; workers or records that fail.
    pub fn start(
        plan: &'a Plan,
        wire: &'a mut Metered<T>,
        trainer: &'a mut dyn Trainer,
        recorder: &'a mut dyn Recorder,
    ) -> Result<Self, EngineError> {
        let initial = trainer.initial();
        let global = Global::new(plan, trainer.layout(), initial);
        let keeps = kept_values(plan, trainer.layout());
        let mut server = Server {
            post: Post::new(states(plan, keeps, recorder.keeps_at())),
            gathering: Gathering::new(plan, &global),
            global,
            selector: plan.selector()?,
            scheduler: plan.scheduler(),
            cost: CostModel::default(),
            link: Link::open(plan, wire)?,
            trainer,
            recorder,
            began: Instant::now(),
            rounds: 0,
            clock: 0.0,
            updates: 0,
            test: None,
            open: None,
            paces: Paces::default(),
            told_shortage: false,
            stopwatch: Stopwatch::start(),
            fallback: plan
                .config
                .fall_back
                .then(|| Fallback::new(plan.target().as_ref())),
        };
        server
            .link
            .announce(server.recorder, server.trainer.layout(), &server.global.weights)?;
        server.began = Instant::now();
        Ok(server)
    }

    /// Goes on where a run was saved.
    ///
    /// # Errors
    /// Weights of another model; states of other parts; workers that are gone.
    pub fn go_on(&mut self, state: State, weights: Vec<f32>) -> Result<(), EngineError> {
        self.post.states.go_on(&state)?;
        let (found, wanted) = (weights.len(), self.global.weights.len());
        let mut memory = state.memory;
        let best = memory
            .drain(self.global.memory.len().min(memory.len())..)
            .next();
        if !self.global.restore(Arc::new(weights), memory) {
            return Err(EngineError::OtherModel { found, wanted });
        }
        if let Some(fallback) = &mut self.fallback {
            let best = best.map_or_else(|| Arc::clone(&self.global.weights), Arc::new);
            fallback.restore(state.test.as_ref(), best);
        }
        self.rounds = state.rounds;
        self.clock = state.clock;
        self.updates = state.updates;
        self.test = state.test;
        self.open = state
            .open
            .map(|done| Open::new(*done, &self.global.weights, self.trainer.pieces()));
        self.selector
            .restore(&state.selector)
            .map_err(forgotten("selector"))?;
        self.cost = serde_json::from_value(state.cost).map_err(forgotten("cost model"))?;
        self.tell_model()
    }

    /// Ranks that keep the model themselves take it over.
    fn tell_model(&mut self) -> Result<(), EngineError> {
        if self.link.plan.reduce() == Reduce::Allreduce {
            let content = Content::nothing().with(Label::Model, Arc::clone(&self.global.weights));
            let content =
                (0..)
                    .zip(&self.global.memory)
                    .fold(content, |content, (place, memory)| {
                        content.with(Label::Memory(place), Arc::new(memory.clone()))
                    });
            for rank in self.link.workers.clone() {
                self.link.send(rank, &Order::Model, content.clone())?;
            }
        }
        Ok(())
    }

    /// Everything that the next round depends on, beside the weights.
    fn state(&mut self) -> Result<State, EngineError> {
        let (kept, kept_in) = self.post.states.pin()?;
        let best = self
            .fallback
            .iter()
            .filter_map(|fallback| fallback.other_than(&self.global.weights));
        let memory = self
            .global
            .memory
            .iter()
            .chain(best.map(Arc::as_ref))
            .cloned()
            .collect();
        Ok(State {
            rounds: self.rounds,
            clock: self.clock,
            updates: self.updates,
            test: self.test.clone(),
            open: self.open.as_ref().map(|open| Box::new(open.done.clone())),
            selector: self.selector.state(),
            cost: serde_json::to_value(&self.cost).unwrap_or_default(),
            memory,
            kept,
            kept_in,
            flight: None,
            taken: 0.0,
        })
    }

    /// Tells recorders all that the next round depends on.
    ///
    /// # Errors
    /// Records that cannot be written.
    pub(super) fn save(&mut self) -> Result<(), EngineError> {
        let saved = Event::Saved(self.state()?);
        Ok(self.recorder.record(&saved, &self.global.weights)?)
    }

    fn save_if_wanted(&mut self) -> Result<(), EngineError> {
        if self.recorder.wants_state() {
            self.save()
        } else {
            Ok(())
        }
    }

    /// Rounds done.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The last evaluation.
    pub fn test(&self) -> Option<&Metrics> {
        self.test.as_ref()
    }

    /// The global model, flat.
    pub fn weights(&self) -> &[f32] {
        &self.global.weights
    }

    /// One round, through all stages of the walk; gives its line.
    ///
    /// # Errors
    /// Any rank's fault, and records that cannot be written.
    pub fn round(&mut self) -> Result<RoundDone, EngineError> {
        let open = self.train()?;
        let done = self.close(open, false)?;
        self.save_if_wanted()?;
        Ok(done)
    }

    /// One round, whose evaluation may go on during the next one.
    pub(super) fn advance(&mut self) -> Result<(), EngineError> {
        let open = self.train()?;
        match self.evaluates_meanwhile(open.done.round) {
            true => self.open = Some(open),
            false => _ = self.close(open, false)?,
        }
        self.save_if_wanted()
    }

    /// Stages 3 to 8: the model moves.
    fn train(&mut self) -> Result<Open, EngineError> {
        let round = Round(self.rounds);
        self.link.round = round;
        self.stopwatch = Stopwatch::start();
        let began = Instant::now();
        let attended = self.select(round);
        let planning = began.elapsed().as_secs_f64();
        let workers = self.link.workers.len();
        let carried = self.carried();
        // Only a signal leaves a round and goes on to be saved: then nothing of it shall have
        // happened.
        let passed = self
            .link
            .look_for_end()
            .and_then(|()| self.passes(round, &attended.cohort));
        if passed.is_err() {
            self.selector.undo();
            self.post.states.forget();
            self.cut_short()?;
        }
        let Passed {
            returned,
            left_out,
            turnout,
            surveyed,
        } = passed?;
        let makespan = began.elapsed().as_secs_f64() - planning;
        let cluster_bytes = self.carried() - carried;
        self.settle()?;
        let aggregating = Instant::now();
        self.aggregate(round, turnout)?;
        self.post.states.settle();
        let seconds = planning + makespan + aggregating.elapsed().as_secs_f64();
        let schedule = returned.schedule(&self.cost, workers, makespan, planning);
        self.tell_left_out(round, &left_out)?;
        self.learn(round, &returned)?;
        self.clock += attended.virtual_seconds;
        self.updates += u64::from(turnout.counted.clients);
        self.rounds += 1;
        let done = RoundDone {
            round,
            clients: turnout.counted.clients as usize,
            dropped: attended.dropped,
            late: attended.late,
            diverged: left_out.len(),
            virtual_seconds: attended.virtual_seconds,
            clock: self.clock,
            updates: self.updates,
            samples: turnout.counted.samples,
            train_loss: returned.mean_loss(),
            seconds,
            client_bytes: (returned.bits() + surveyed) / 8,
            cluster_bytes,
            schedule,
            model_hash: weights::hash(&self.global.weights),
            ..RoundDone::default()
        };
        Ok(Open::new(done, &self.global.weights, self.trainer.pieces()))
    }

    /// Ends the run on all ranks.
    ///
    /// # Errors
    /// Workers that are gone, and records that cannot be written.
    pub fn finish(mut self) -> Result<Outcome, EngineError> {
        self.settle()?;
        if self.recorder.wants_last_state() {
            self.save()?;
        }
        let reason = self.link.plan.why_at_end(self.rounds, self.test.as_ref());
        let weights = Arc::unwrap_or_clone(mem::take(&mut self.global.weights));
        let outcome = Outcome {
            weights,
            rounds: self.rounds,
            test: self.test.clone(),
            reason,
        };
        self.link
            .finish(self.began, self.trainer.device(), self.recorder, outcome)
    }

    /// Stage 3: the clients of the round whose updates will count.
    fn select(&mut self, round: Round) -> Attended {
        let plan = self.link.plan;
        let mut stream = plan.seed().for_round(Purpose::Select, round);
        let pool = Pool {
            members: Members::All(plan.clients()),
            samples: &|client| plan.samples(client),
        };
        let wanted = plan
            .attendance()
            .invited(plan.cohort_size(), plan.clients());
        let selected = self.selector.select(round, &pool, wanted, &mut stream);
        if selected.len() < wanted && !self.told_shortage {
            log::warn!(
                "round {round}: {} clients can be selected where {wanted} are wanted (said once)",
                selected.len()
            );
            self.told_shortage = true;
        }
        let jobs = selected
            .into_iter()
            .map(|client| Job {
                client,
                samples: plan.samples(client),
            })
            .collect();
        plan.attendance()
            .attend(plan.seed(), round, jobs, plan.cohort_size(), plan.delay())
    }

    /// Bytes that the cluster has carried so far, as the server knows of.
    fn carried(&self) -> u64 {
        self.link.wire.bytes_sent() + self.link.wire.bytes_received() + self.post.summed
    }

    /// Stage 8: the global model moves.
    fn aggregate(&mut self, round: Round, turnout: Turnout) -> Result<(), EngineError> {
        let (sum, each) = self.gathering.result();
        self.global.advance(round, turnout, sum, each);
        finite(round, &self.global.weights)
    }

    /// Says who was left out of the round.
    fn tell_left_out(&mut self, round: Round, left_out: &[Failed]) -> Result<(), EngineError> {
        for Failed { rank, failure, .. } in left_out {
            let (client, rank, reason) = (failure.client, *rank, failure.reason.clone());
            self.recorder.record(
                &Event::LeftOut {
                    round,
                    client,
                    rank,
                    reason,
                },
                &self.global.weights,
            )?;
        }
        Ok(())
    }

    /// What the round teaches: times for the scheduler, losses for the selector.
    fn learn(&mut self, round: Round, returned: &Returned) -> Result<(), EngineError> {
        self.cost.forget();
        self.paces.client = returned
            .updates()
            .iter()
            .map(|done| done.update.seconds)
            .reduce(f64::min);
        for &Done {
            rank,
            samples,
            update:
                Update {
                    client,
                    loss,
                    start,
                    seconds,
                    bits,
                    ..
                },
            ..
        } in returned.updates()
        {
            self.cost.learn(rank, samples, seconds);
            self.selector.learn(client, loss);
            let trained = Trained {
                round,
                client,
                rank,
                samples,
                loss,
                start,
                seconds,
                bits,
            };
            self.recorder
                .record(&Event::ClientTrained(trained), &self.global.weights)?;
        }
        Ok(())
    }
}

/// Where what clients keep is: with their data, if that stays where it is.
fn states(plan: &Plan, keeps: usize, path: Option<PathBuf>) -> States {
    let checkpoints = plan.config.keep_checkpoints as usize;
    match plan.homes() {
        Some(_) if keeps > 0 => States::at_homes(path.as_deref(), checkpoints),
        _ => States::here(keeps, path, checkpoints),
    }
}
