//! The server: one synchronous round after another, each a line per stage of the walk.

use super::contribution::{Contribution, failure};
use super::exchange::{Done, Exchange, Failed, Returned};
use super::gathering::{Gathering, Phase};
use super::global::{Global, finite};
use super::link::{Link, News, unexpected};
use super::post::Post;
use super::{EngineError, asynchronous, forgotten};
use crate::config::{Evaluator, Mode};
use crate::event::{Event, Recorder, RoundDone, State};
use crate::ids::{Rank, Round};
use crate::message::{Content, Label, Order, Part, Reduce, Report, Update};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{Batch, CostModel, Dispatch, DispatchMode, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::{Attended, Members, Pool, Selector};
use crate::stop;
use crate::train::{TrainError, Trainer};
use crate::transport::{Metered, Transport, TransportError};
use crate::weights::{self, Total, Turnout};
use std::sync::Arc;
use std::time::Instant;

/// What a run yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The final model, flat.
    pub weights: Vec<f32>,
    /// Rounds done.
    pub rounds: u32,
    /// The last evaluation.
    pub test: Option<Metrics>,
    /// Why the run ends here.
    pub reason: String,
}

/// Runs the plan to its end as rank 0, from its start or from where it was saved.
///
/// # Errors
/// Any rank's fault; the caller ends the job. Rounds that were recorded stay recorded.
pub fn run<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    on_record(recorder, |recorder| run_to_end(plan, wire, trainer, recorder, saved))
}

/// A run whose records say how it ended, however that was.
pub(super) fn on_record(
    recorder: &mut dyn Recorder,
    run: impl FnOnce(&mut dyn Recorder) -> Result<Outcome, EngineError>,
) -> Result<Outcome, EngineError> {
    let ended = stop::catch(|| run(&mut *recorder));
    let ended = ended.unwrap_or_else(|reason| Err(EngineError::Broken { rank: Rank::SERVER, reason }));
    ended.inspect_err(|fault| {
        let (state, settled) = (fault.standing(), fault.is_settled());
        let event = Event::Ended { state, reason: fault.to_string(), settled };
        // The fault itself is reported; what cannot be written any more is said beside it.
        recorder.record(&event, &[]).unwrap_or_else(|error| log::warn!("{error}"));
    })
}

/// As [`run`], without a word of how it ended.
pub(super) fn run_to_end<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    if plan.mode() == Mode::Async {
        return asynchronous::run(plan, wire, trainer, recorder, saved);
    }
    let mut server = Server::start(plan, wire, trainer, recorder)?;
    if let Some((state, weights)) = saved {
        server.go_on(state, weights)?;
    }
    while server.rounds() < plan.rounds() && !plan.reached(server.test()) {
        match server.round() {
            // The round in hand has changed nothing yet.
            Err(EngineError::EndWanted) => {
                server.save()?;
                return Err(EngineError::EndWanted);
            }
            other => _ = other?,
        }
    }
    server.finish()
}

/// What the passes over a cohort came to.
struct Passed {
    // What the last one yields.
    returned: Returned,
    // Those that were left out in any of them.
    left_out: Vec<Failed>,
    turnout: Turnout,
    // Bits that clients would send in those before the last.
    surveyed: u64,
}

/// The server between two rounds, for callers who decide themselves when to go on; [`run`] is the
/// usual way.
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
    told_shortage: bool,
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
        let keeps = global.shape.kept + plan.method.updates.kept(trainer.layout().trained());
        let mut server = Server {
            post: Post::new(keeps, recorder.keeps_at(), plan.config.keep_checkpoints as usize),
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
            told_shortage: false,
        };
        server.link.announce(server.recorder, server.trainer.layout(), &server.global.weights)?;
        server.began = Instant::now();
        Ok(server)
    }

    /// Goes on where a run was saved.
    ///
    /// # Errors
    /// Weights of another model; states of other parts; workers that are gone.
    pub fn go_on(&mut self, state: State, weights: Vec<f32>) -> Result<(), EngineError> {
        let (found, wanted) = (weights.len(), self.global.weights.len());
        if !self.global.restore(Arc::new(weights), state.memory) {
            return Err(EngineError::OtherModel { found, wanted });
        }
        self.rounds = state.rounds;
        self.clock = state.clock;
        self.updates = state.updates;
        self.test = state.test;
        self.selector.restore(&state.selector).map_err(forgotten("selector"))?;
        self.cost = serde_json::from_value(state.cost).map_err(forgotten("cost model"))?;
        self.post.go_on(&state.kept)?;
        if self.link.plan.reduce() == Reduce::Allreduce {
            let content = Content::nothing().with(Label::Model, Arc::clone(&self.global.weights));
            let content = (0..)
                .zip(&self.global.memory)
                .fold(content, |content, (place, memory)| content.with(Label::Memory(place), Arc::new(memory.clone())));
            for rank in self.link.workers.clone() {
                self.link.send(rank, &Order::Model, content.clone())?;
            }
        }
        Ok(())
    }

    /// Everything that the next round depends on, beside the weights.
    fn state(&mut self) -> Result<State, EngineError> {
        Ok(State {
            rounds: self.rounds,
            clock: self.clock,
            updates: self.updates,
            test: self.test.clone(),
            selector: self.selector.state(),
            cost: serde_json::to_value(&self.cost).unwrap_or_default(),
            memory: self.global.memory.to_vec(),
            kept: self.post.pin()?,
            flight: None,
        })
    }

    fn save(&mut self) -> Result<(), EngineError> {
        let saved = Event::Saved(self.state()?);
        Ok(self.recorder.record(&saved, &self.global.weights)?)
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
        self.link.look_for_end()?;
        let round = Round(self.rounds);
        self.link.round = round;
        let began = Instant::now();
        let attended = self.select(round);
        let planning = began.elapsed().as_secs_f64();
        let workers = self.link.workers.len();
        let carried = self.carried();
        // Only a signal leaves a round and goes on to be saved: then nothing of it shall have happened.
        let passed = self.passes(round, &attended.cohort);
        if passed.is_err() {
            self.selector.undo();
            self.post.forget();
        }
        let Passed { returned, left_out, turnout, surveyed } = passed?;
        let makespan = began.elapsed().as_secs_f64() - planning;
        self.aggregate(round, turnout)?;
        self.post.settle();
        let seconds = began.elapsed().as_secs_f64();
        let schedule = returned.schedule(&self.cost, workers, makespan, planning);
        self.tell_left_out(round, &left_out)?;
        self.learn(round, &returned)?;
        self.clock += attended.virtual_seconds;
        self.updates += u64::from(turnout.counted.clients);
        let evaluating = Instant::now();
        let test = self.evaluate(round)?;
        let done = RoundDone {
            round,
            clients: turnout.counted.clients as usize,
            dropped: attended.dropped,
            late: attended.late,
            diverged: left_out.len(),
            virtual_seconds: attended.virtual_seconds,
            clock: self.clock,
            updates: self.updates,
            staleness: 0.0,
            samples: turnout.counted.samples,
            train_loss: returned.mean_loss(),
            seconds,
            evaluation_seconds: evaluating.elapsed().as_secs_f64(),
            client_bytes: (returned.bits() + surveyed) / 8,
            cluster_bytes: self.carried() - carried,
            schedule,
            model_hash: weights::hash(&self.global.weights),
            test: test.clone(),
        };
        self.recorder.record(&Event::RoundDone(done.clone()), &self.global.weights)?;
        self.rounds += 1;
        self.test = test.or(self.test.take());
        if self.recorder.wants_state() {
            self.save()?;
        }
        Ok(done)
    }

    /// Ends the run on all ranks.
    ///
    /// # Errors
    /// Workers that are gone, and records that cannot be written.
    pub fn finish(mut self) -> Result<Outcome, EngineError> {
        if self.recorder.wants_last_state() {
            self.save()?;
        }
        let reason = self.link.plan.why_at_end(self.rounds, self.test.as_ref());
        let weights = self.global.weights.to_vec();
        let outcome = Outcome { weights, rounds: self.rounds, test: self.test.clone(), reason };
        self.link.finish(self.began, self.trainer.device(), self.recorder, outcome)
    }

    /// Stage 3: the clients of the round whose updates will count.
    fn select(&mut self, round: Round) -> Attended {
        let plan = self.link.plan;
        let mut stream = plan.seed().for_round(Purpose::Select, round);
        let pool = Pool { members: Members::All(plan.clients()), samples: &|client| plan.samples(client) };
        let wanted = plan.attendance().invited(plan.cohort_size(), plan.clients());
        let selected = self.selector.select(round, &pool, wanted, &mut stream);
        if selected.len() < wanted && !self.told_shortage {
            log::warn!(
                "round {round}: {} clients can be selected where {wanted} are wanted (said once)",
                selected.len()
            );
            self.told_shortage = true;
        }
        let jobs = selected.into_iter().map(|client| Job { client, samples: plan.samples(client) }).collect();
        plan.attendance().attend(plan.seed(), round, jobs, plan.cohort_size(), plan.delay())
    }

    /// Stage 4: who trains whom.
    fn schedule(&mut self, cohort: &[Job]) -> Dispatch {
        match self.link.plan.dispatch() {
            DispatchMode::Pull => Dispatch::pull(cohort, &self.link.workers, &self.cost),
            DispatchMode::Planned | DispatchMode::OnePerWorker => {
                Dispatch::planned(self.link.assign(self.scheduler.as_mut(), &self.cost, cohort))
            }
        }
    }

    /// Bytes that the cluster has carried so far, as the server knows of.
    fn carried(&self) -> u64 {
        self.link.wire.bytes_sent() + self.link.wire.bytes_received() + self.post.summed
    }

    /// All passes over the cohort. Who is left out of one is not asked in the next.
    fn passes(&mut self, round: Round, cohort: &[Job]) -> Result<Passed, EngineError> {
        let (mut cohort, mut left_out, mut surveyed) = (cohort.to_vec(), Vec::new(), 0);
        for pass in 0.. {
            let phase = Phase { round, pass, total: total(&cohort) };
            let exchange = Exchange::new(&cohort, self.schedule(&cohort), self.link.plan.reduce());
            let (mut returned, turnout) = self.exchange(phase, exchange)?;
            left_out.append(&mut returned.failed);
            if !self.global.is_before(pass) {
                left_out.sort_unstable_by_key(|failed| failed.failure.client);
                return Ok(Passed { returned, left_out, turnout, surveyed });
            }
            self.global.hear(turnout, self.gathering.sum(pass));
            surveyed += returned.bits();
            cohort.retain(|job| left_out.iter().all(|failed| failed.failure.client != job.client));
        }
        unreachable!("the last pass returns")
    }

    /// Stages 5 to 7: sends orders and takes in what comes back, until the sum is whole.
    fn exchange(&mut self, phase: Phase, mut exchange: Exchange) -> Result<(Returned, Turnout), EngineError> {
        self.gathering.enter(phase);
        self.post.enter();
        self.order(phase, exchange.open())?;
        loop {
            self.collect(phase, &mut exchange)?;
            let turnout = self.turnout(phase, &exchange)?;
            let Err(lost) = self.reduce(phase, turnout)? else { return Ok((exchange.finish(), turnout)) };
            for rank in lost {
                if self.link.lose(rank)? {
                    self.replace(phase, &mut exchange, rank)?;
                }
            }
        }
    }

    /// Until all clients are trained and every worker has handed over its part.
    fn collect(&mut self, phase: Phase, exchange: &mut Exchange) -> Result<(), EngineError> {
        while !exchange.is_complete() {
            match self.link.receive(|| exchange.outstanding())? {
                News::Report(rank, Report::Trained { round, pass, part }, content)
                    if (round, pass) == (phase.round, phase.pass) =>
                {
                    self.post.ended(rank, part.updates.len() + part.failed.len());
                    let part = self.merge(phase, rank, part, &content)?;
                    let next = exchange.note(rank, part);
                    self.order(phase, next.map_err(|what| EngineError::Unexpected { rank, what })?)?;
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => self.replace(phase, exchange, rank)?,
            }
        }
        Ok(())
    }

    /// Who counts, now that all are back. Of faults that end the run that of the first client is told, whoever came
    /// first: it is the same for any number of ranks.
    fn turnout(&self, phase: Phase, exchange: &Exchange) -> Result<Turnout, EngineError> {
        if let Some(Failed { rank, failure, .. }) = exchange.failed().find(|failed| self.link.ends(&failed.failure)) {
            return Err(EngineError::training(*rank, phase.round, failure.clone()));
        }
        let counted = exchange.failed().fold(phase.total, |total, failed| total.without(failed.samples));
        Ok(Turnout { told: phase.total, counted })
    }

    /// The others train what a lost worker has not handed over.
    fn replace(&mut self, phase: Phase, exchange: &mut Exchange, rank: Rank) -> Result<(), EngineError> {
        let again = exchange.lose(rank);
        self.post.lose(rank);
        let event = self.link.loss(phase.round, rank, again.len());
        self.recorder.record(&event, &self.global.weights)?;
        let assigned = self.link.assign(self.scheduler.as_mut(), &self.cost, &again);
        self.order(phase, exchange.reassign(assigned))
    }

    /// Sends orders. Weights go along with the first of a part, unless every rank has them.
    fn order(&mut self, Phase { round, pass, total }: Phase, batches: Vec<Batch>) -> Result<(), EngineError> {
        self.post.put(batches);
        while let Some(Batch { rank, clients, first, last }) = self.post.next() {
            let more = if last { "" } else { ", more may follow" };
            log::trace!("round {round}: rank {rank} trains {} clients{more}", clients.len());
            let start = match self.link.plan.reduce() {
                Reduce::Server | Reduce::Worker if first => self.starting(),
                Reduce::Server | Reduce::Worker | Reduce::Allreduce => Content::nothing(),
            };
            let (errands, content) = self.post.errands(rank, &clients, start)?;
            self.link.send(rank, &Order::Train { round, pass, total, errands, last }, content)?;
        }
        Ok(())
    }

    /// What clients start from.
    fn starting(&self) -> Content {
        let content = Content::nothing().with(Label::Model, Arc::clone(&self.global.weights));
        let told = self.global.told();
        if told.is_empty() { content } else { content.with(Label::Told, Arc::new(told)) }
    }

    /// Adds one client's update, or one worker's partial sum, and takes note of what clients keep. An update that
    /// cannot be added becomes a failure.
    fn merge(&mut self, phase: Phase, rank: Rank, part: Part, content: &Content) -> Result<Part, EngineError> {
        if content.units().is_some_and(|units| !self.gathering.merge(phase.pass, units, &self.global)) {
            return Err(EngineError::Unexpected { rank, what: "a sum that is not of this model".to_owned() });
        }
        let [update] = part.updates[..] else { return Ok(part) };
        let contribution = Contribution::of(update, content);
        let kept = contribution.kept.clone();
        let samples = self.link.plan.samples(update.client);
        match (self.gathering.add(phase, contribution, samples, &self.global), kept) {
            (Ok(()), Some(kept)) => self.post.note(rank, update.client, phase.round, &kept)?,
            (Ok(()), None) => {}
            (Err(fault), _) => {
                // Its worker took what it keeps for settled.
                self.post.distrust(update.client);
                let Update { client, seconds, .. } = update;
                let failed = failure(client, seconds, &TrainError::Unfit(fault), self.trainer.layout());
                return Ok(Part { updates: Vec::new(), failed: vec![failed], ..part });
            }
        }
        Ok(part)
    }

    /// Stage 7, when it is collective: no rank enters the sum before all have trained. When ranks were
    /// lost the sum is not whole, and the answer is which.
    fn reduce(
        &mut self,
        Phase { round, pass, .. }: Phase,
        turnout: Turnout,
    ) -> Result<Result<(), Vec<Rank>>, EngineError> {
        if self.link.plan.reduce() != Reduce::Allreduce {
            return Ok(Ok(()));
        }
        for rank in self.link.workers.clone() {
            self.link.send(rank, &Order::Reduce { round, pass, turnout }, Content::nothing())?;
        }
        let sum = self.gathering.sum(pass);
        match self.link.wire.all_reduce(sum.units()) {
            Ok(reduced) => {
                self.post.summed += (size_of_val(reduced.as_slice()) * self.link.workers.len()) as u64;
                sum.replace(reduced);
                Ok(Ok(()))
            }
            Err(TransportError::Interrupted { lost }) => Ok(Err(lost)),
            Err(error) => Err(error.into()),
        }
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
            self.recorder.record(&Event::LeftOut { round, client, rank, reason }, &self.global.weights)?;
        }
        Ok(())
    }

    /// What the round teaches: times for the scheduler, losses for the selector.
    fn learn(&mut self, round: Round, returned: &Returned) -> Result<(), EngineError> {
        self.cost.forget();
        for &Done { rank, samples, update: Update { client, loss, seconds, bits, .. }, .. } in returned.updates() {
            self.cost.learn(rank, samples, seconds);
            self.selector.learn(client, loss);
            let event = Event::ClientTrained { round, client, rank, samples, loss, seconds, bits };
            self.recorder.record(&event, &self.global.weights)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, round: Round) -> Result<Option<Metrics>, EngineError> {
        match (self.link.plan.evaluates_after(round), self.link.plan.evaluator()) {
            (true, Evaluator::Server) => {
                Ok(Some(self.link.examine(round, &self.global.weights, self.trainer, self.recorder)?))
            }
            (true, Evaluator::Clients) => Ok(Some(self.link.survey(round, &self.global.weights, self.recorder)?)),
            (false, _) => Ok(None),
        }
    }
}

/// What stands behind a cohort.
fn total(cohort: &[Job]) -> Total {
    Total { samples: cohort.iter().map(|job| job.samples).sum(), clients: cohort.len() as u32 }
}
