//! The server: one synchronous round after another, each a line per stage of the walk.

mod evaluation;
mod lessons;
mod passes;
mod saved;

use super::fallback::Fallback;
use super::gathering::Gathering;
use super::global::{Global, finite};
use super::link::Link;
use super::post::Post;
use super::states::States;
use super::stopwatch::Stopwatch;
use super::{EngineError, Outcome, kept_values};
use crate::event::{Recorder, RoundDone};
use crate::ids::Round;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{CostModel, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::{Attended, Draw, Members, Pool, Selector};
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
            gathering: Gathering::new(plan, &global, wire),
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
            fallback: fallback(plan),
        };
        let (layout, weights) = (server.trainer.layout(), &server.global.weights);
        server.link.announce(server.recorder, layout, weights)?;
        server.began = Instant::now();
        Ok(server)
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
        let (workers, carried) = (self.link.workers.len(), self.carried());
        let Passed {
            returned,
            left_out,
            turnout,
            surveyed,
        } = self.pass_or_undo(round, &attended.cohort)?;
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
            epsilon: self.epsilon(),
            model_hash: weights::hash(&self.global.weights),
            ..RoundDone::default()
        };
        Ok(Open::new(done, &self.global.weights, self.trainer.pieces()))
    }

    /// All passes over the cohort. Only a signal leaves a round and goes on to be saved: then
    /// nothing of it shall have happened.
    fn pass_or_undo(&mut self, round: Round, cohort: &[Job]) -> Result<Passed, EngineError> {
        let passed = self
            .link
            .look_for_end()
            .and_then(|()| self.passes(round, cohort));
        if passed.is_err() {
            self.selector.undo();
            self.post.states.forget();
            self.cut_short()?;
        }
        passed
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
        let is_short = selected.len() < wanted && self.selector.draw() != Draw::Independent;
        if is_short && !self.told_shortage {
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

    /// What is given away of each client so far, if that is bounded.
    fn epsilon(&self) -> Option<f64> {
        let privacy = self.link.plan.privacy.as_ref()?;
        Some(privacy.epsilon(self.rounds)).filter(|epsilon| epsilon.is_finite())
    }

    /// Bytes that the cluster has carried so far, as the server knows of.
    fn carried(&self) -> u64 {
        self.link.wire.bytes_sent() + self.link.wire.bytes_received() + self.post.summed
    }

    /// Stage 8: the global model moves.
    fn aggregate(&mut self, round: Round, turnout: Turnout) -> Result<(), EngineError> {
        let (mut sum, each) = self.gathering.result();
        self.global.advance(round, turnout, &mut sum, each);
        drop(sum);
        finite(round, &self.global.weights)
    }
}

/// The best model, where the run falls back on it.
fn fallback(plan: &Plan) -> Option<Fallback> {
    let wanted = plan.config.fall_back;
    wanted.then(|| Fallback::new(plan.target().as_ref()))
}

/// Where what clients keep is: with their data, if that stays where it is.
fn states(plan: &Plan, keeps: usize, path: Option<PathBuf>) -> States {
    let checkpoints = plan.config.keep_checkpoints as usize;
    match plan.homes() {
        Some(_) if keeps > 0 => States::at_homes(path.as_deref(), checkpoints),
        _ => States::here(keeps, path, checkpoints),
    }
}
