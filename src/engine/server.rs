//! The server: one synchronous round after another, each a line per stage of the walk.

use super::contribution::{Change, Contribution};
use super::exchange::{Done, Exchange, Returned};
use super::global::{Global, finite};
use super::link::{Link, News, unexpected};
use super::post::Post;
use super::{EngineError, Outcome, forgotten};
use crate::aggregate::combine::Each;
use crate::config::Evaluator;
use crate::event::{Event, Recorder, RoundDone, State};
use crate::ids::{Rank, Round};
use crate::message::{Content, Label, Order, Reduce, Report, Update};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{Batch, CostModel, Dispatch, DispatchMode, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::{Attended, Members, Pool, Selector};
use crate::train::Trainer;
use crate::transport::{Metered, Transport, TransportError};
use crate::weights::{self, ExactSum, Total};
use std::sync::Arc;
use std::time::Instant;

/// A pass over the cohort of a round.
#[derive(Clone, Copy)]
struct Phase {
    round: Round,
    pass: u8,
    total: Total,
}

/// The server between two rounds, for callers who decide themselves when to go on; [`run()`](super::run()) is the
/// usual way.
pub struct Server<'a, T> {
    link: Link<'a, T>,
    trainer: &'a mut dyn Trainer,
    recorder: &'a mut dyn Recorder,
    selector: Box<dyn Selector>,
    scheduler: Box<dyn Scheduler>,
    cost: CostModel,
    global: Global,
    // A sum for each pass over the cohort.
    sums: Vec<ExactSum>,
    each: Vec<Each>,
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
        let sums = (0..global.passes()).map(|pass| ExactSum::new(global.sections_of(pass).length(), 1)).collect();
        let keeps = global.shape.kept + plan.method.updates.kept(trainer.layout().trained());
        let mut server = Server {
            post: Post::new(keeps, recorder.keeps_at(), plan.config.keep_checkpoints as usize),
            global,
            sums,
            each: Vec::new(),
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

    /// Tells recorders all that the next round depends on.
    ///
    /// # Errors
    /// Records that cannot be written.
    pub(super) fn save(&mut self) -> Result<(), EngineError> {
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
        let cohort = &attended.cohort;
        let samples: u64 = cohort.iter().map(|job| job.samples).sum();
        let total = Total { samples, clients: cohort.len() as u32 };
        let planning = began.elapsed().as_secs_f64();
        let workers = self.link.workers.len();
        let carried = self.carried();
        // Only a signal leaves a round and goes on to be saved: then nothing of it shall have happened.
        let returned = self.passes(round, total, cohort);
        if returned.is_err() {
            self.selector.undo();
            self.post.forget();
        }
        let (returned, surveyed) = returned?;
        let makespan = began.elapsed().as_secs_f64() - planning;
        self.aggregate(round, total)?;
        self.post.settle();
        let seconds = began.elapsed().as_secs_f64();
        let schedule = returned.schedule(&self.cost, workers, makespan, planning);
        self.learn(round, &returned)?;
        self.clock += attended.virtual_seconds;
        self.updates += cohort.len() as u64;
        let evaluating = Instant::now();
        let test = self.evaluate(round)?;
        let done = RoundDone {
            round,
            clients: cohort.len(),
            dropped: attended.dropped,
            late: attended.late,
            virtual_seconds: attended.virtual_seconds,
            clock: self.clock,
            updates: self.updates,
            staleness: 0.0,
            samples,
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
                "round {}: {} clients can be selected where {wanted} are wanted (said once)",
                round.0 + 1,
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

    /// All passes over the cohort; gives what the last one yields, and the bits that clients would send in those before.
    fn passes(&mut self, round: Round, total: Total, cohort: &[Job]) -> Result<(Returned, u64), EngineError> {
        let mut surveyed = 0;
        for pass in 0.. {
            let exchange = Exchange::new(cohort, self.schedule(cohort), self.link.plan.reduce());
            let returned = self.exchange(Phase { round, pass, total }, exchange)?;
            if !self.global.is_before(pass) {
                return Ok((returned, surveyed));
            }
            self.global.hear(&self.sums[usize::from(pass)]);
            surveyed += returned.bits();
        }
        unreachable!("the last pass returns")
    }

    /// Stages 5 to 7: sends orders and takes in what comes back, until the sum is whole.
    fn exchange(&mut self, phase: Phase, mut exchange: Exchange) -> Result<Returned, EngineError> {
        self.sums[usize::from(phase.pass)].reset(phase.total.samples);
        self.post.enter();
        self.order(phase, exchange.open())?;
        loop {
            self.collect(phase, &mut exchange)?;
            let Err(lost) = self.reduce(phase)? else { return Ok(exchange.finish()) };
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
                News::Report(rank, Report::Trained { round, pass, updates, last }, content)
                    if (round, pass) == (phase.round, phase.pass) =>
                {
                    self.merge(phase, rank, &updates, content)?;
                    self.post.ended(rank, updates.len());
                    let next = exchange.note(rank, updates, last);
                    self.order(phase, next.map_err(|what| EngineError::Unexpected { rank, what })?)?;
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => self.replace(phase, exchange, rank)?,
            }
        }
        Ok(())
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
            log::trace!("round {round}: rank {rank} trains {} clients, last {last}", clients.len());
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

    /// Adds one client's update, or one worker's partial sum, and takes note of what clients keep.
    fn merge(&mut self, phase: Phase, rank: Rank, updates: &[Update], content: Content) -> Result<(), EngineError> {
        let sum = &mut self.sums[usize::from(phase.pass)];
        let sections = self.global.sections_of(phase.pass);
        if let Some(units) = content.units() {
            if units.len() != sections.length() {
                return Err(EngineError::Unexpected { rank, what: "a sum that is not of this model".to_owned() });
            }
            sum.merge(units);
        }
        let &[update] = updates else { return Ok(()) };
        let contribution = Contribution::of(update, &content);
        let samples = self.link.plan.samples(update.client);
        let added = contribution.add_to(sum, sections, phase.total, samples, &self.global.weights);
        added.map_err(|fault| EngineError::Sum { round: phase.round, fault })?;
        if let Some(kept) = &contribution.kept {
            self.post.note(rank, update.client, phase.round, kept)?;
        }
        if self.link.plan.method.combine.is_some() {
            let (start, weights) = match contribution.change {
                Change::To(weights) => (Some(Arc::clone(&self.global.weights)), weights),
                Change::By(values) => (None, values),
                Change::Nothing => return Ok(()),
            };
            self.each.push(Each { client: update.client, samples, start, weights });
        }
        Ok(())
    }

    /// Stage 7, when it is collective: no rank enters the sum before all have trained. When ranks were
    /// lost the sum is not whole, and the answer is which.
    fn reduce(&mut self, Phase { round, pass, total }: Phase) -> Result<Result<(), Vec<Rank>>, EngineError> {
        if self.link.plan.reduce() != Reduce::Allreduce {
            return Ok(Ok(()));
        }
        for rank in self.link.workers.clone() {
            self.link.send(rank, &Order::Reduce { round, pass, total }, Content::nothing())?;
        }
        let sum = &mut self.sums[usize::from(pass)];
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
    fn aggregate(&mut self, round: Round, total: Total) -> Result<(), EngineError> {
        self.each.sort_unstable_by_key(|update| update.client);
        let sum = self.sums.last().expect("there is a pass");
        self.global.advance(round, total, sum, &self.each);
        self.each.clear();
        finite(round, &self.global.weights)
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
