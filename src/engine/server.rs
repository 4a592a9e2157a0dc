//! The server: one synchronous round after another, each a line per stage of the walk.

use super::exchange::{Done, Exchange, Returned};
use super::link::{Link, News, unexpected};
use super::{EngineError, asynchronous, forgotten};
use crate::aggregate::{Aggregator, Each, Merge, Merged};
use crate::config::{Evaluator, Mode, Plan};
use crate::event::{Event, Recorder, RoundDone, State};
use crate::ids::{Rank, Round};
use crate::message::{Content, Order, Reduce, Report, Update};
use crate::metrics::Metrics;
use crate::schedule::{Batch, CostModel, Dispatch, DispatchMode, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::{Attended, Members, Pool, Selector};
use crate::train::Trainer;
use crate::transport::{Metered, Transport, TransportError};
use crate::weights::{self, ExactSum, Weights};
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

/// The server between two rounds, for callers who decide themselves when to go on; [`run`] is the
/// usual way.
pub struct Server<'a, T> {
    link: Link<'a, T>,
    trainer: &'a mut dyn Trainer,
    recorder: &'a mut dyn Recorder,
    selector: Box<dyn Selector>,
    scheduler: Box<dyn Scheduler>,
    cost: CostModel,
    aggregator: Box<dyn Aggregator>,
    sum: ExactSum,
    each: Vec<Each>,
    global: Weights,
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
        let mut server = Server {
            global: Arc::new(trainer.initial()),
            sum: ExactSum::new(trainer.layout().length(), 1),
            each: Vec::new(),
            selector: plan.selector()?,
            scheduler: plan.scheduler(),
            cost: CostModel::default(),
            aggregator: plan.aggregator(),
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
        server.link.announce(server.recorder, server.trainer.layout(), &server.global)?;
        server.began = Instant::now();
        Ok(server)
    }

    /// Goes on where a run was saved.
    ///
    /// # Errors
    /// Weights of another model; states of other parts; workers that are gone.
    pub fn go_on(&mut self, state: State, weights: Vec<f32>) -> Result<(), EngineError> {
        let (found, wanted) = (weights.len(), self.global.len());
        if found != wanted {
            return Err(EngineError::OtherModel { found, wanted });
        }
        self.global = Arc::new(weights);
        self.rounds = state.rounds;
        self.clock = state.clock;
        self.updates = state.updates;
        self.test = state.test;
        self.selector.restore(&state.selector).map_err(forgotten("selector"))?;
        self.cost = serde_json::from_value(state.cost).map_err(forgotten("cost model"))?;
        if self.link.plan.reduce() == Reduce::Allreduce {
            let order = Order::Model { aggregator: state.aggregator.clone() };
            for rank in self.link.workers.clone() {
                self.link.send(rank, &order, Content::Weights(Arc::clone(&self.global)))?;
            }
        }
        self.aggregator.restore(state.aggregator);
        Ok(())
    }

    /// Everything that the next round depends on, beside the weights.
    fn state(&self) -> State {
        State {
            rounds: self.rounds,
            clock: self.clock,
            updates: self.updates,
            test: self.test,
            selector: self.selector.state(),
            cost: serde_json::to_value(&self.cost).unwrap_or_default(),
            aggregator: self.aggregator.state(),
            flight: None,
        }
    }

    fn save(&mut self) -> Result<(), EngineError> {
        let saved = Event::Saved(self.state());
        Ok(self.recorder.record(&saved, &self.global)?)
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
        &self.global
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
        let dispatch = self.schedule(cohort);
        let planning = began.elapsed().as_secs_f64();
        let exchange = Exchange::new(cohort, dispatch, self.link.plan.reduce());
        let workers = self.link.workers.len();
        // Only a signal leaves a round and goes on to be saved: then nothing of it shall have happened.
        let returned = self.exchange(round, samples, exchange);
        if returned.is_err() {
            self.selector.undo();
        }
        let returned = returned?;
        let makespan = began.elapsed().as_secs_f64() - planning;
        self.aggregate();
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
            schedule,
            model_hash: weights::hash(&self.global),
            test,
        };
        self.recorder.record(&Event::RoundDone(done.clone()), &self.global)?;
        self.rounds += 1;
        self.test = test.or(self.test);
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
        let outcome = Outcome { weights: self.global.to_vec(), rounds: self.rounds, test: self.test };
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

    /// Stages 5 to 7: sends orders and takes in what comes back, until the sum is whole.
    fn exchange(&mut self, round: Round, total: u64, mut exchange: Exchange) -> Result<Returned, EngineError> {
        self.sum.reset(total);
        self.order(round, total, exchange.open())?;
        loop {
            self.collect(round, total, &mut exchange)?;
            let Err(lost) = self.reduce(round, total)? else { return Ok(exchange.finish()) };
            for rank in lost {
                if self.link.lose(rank)? {
                    self.replace(round, total, &mut exchange, rank)?;
                }
            }
        }
    }

    /// Until all clients are trained and every worker has handed over its part.
    fn collect(&mut self, round: Round, total: u64, exchange: &mut Exchange) -> Result<(), EngineError> {
        while !exchange.is_complete() {
            match self.link.receive(|| exchange.outstanding())? {
                News::Report(rank, Report::Trained { round: at, updates, last }, content) if at == round => {
                    self.merge(round, rank, &updates, content)?;
                    let next = exchange.note(rank, updates, last);
                    self.order(round, total, next.map_err(|what| EngineError::Unexpected { rank, what })?)?;
                }
                News::Report(rank, other, _) => return Err(unexpected(rank, &other)),
                News::Lost(rank) => self.replace(round, total, exchange, rank)?,
            }
        }
        Ok(())
    }

    /// The others train what a lost worker has not handed over.
    fn replace(&mut self, round: Round, total: u64, exchange: &mut Exchange, rank: Rank) -> Result<(), EngineError> {
        let again = exchange.lose(rank);
        let event = self.link.loss(round, rank, again.len());
        self.recorder.record(&event, &self.global)?;
        let assigned = self.link.assign(self.scheduler.as_mut(), &self.cost, &again);
        self.order(round, total, exchange.reassign(assigned))
    }

    /// Sends orders. Weights go along with the first of a part, unless every rank has them.
    fn order(&mut self, round: Round, total: u64, batches: Vec<Batch>) -> Result<(), EngineError> {
        for Batch { rank, clients, first, last } in batches {
            log::trace!("round {round}: rank {rank} trains {} clients, last {last}", clients.len());
            let start = match self.link.plan.reduce() {
                Reduce::Server | Reduce::Worker if first => Content::Weights(Arc::clone(&self.global)),
                Reduce::Server | Reduce::Worker | Reduce::Allreduce => Content::Nothing,
            };
            self.link.send(rank, &Order::Train { round, total, clients, last }, start)?;
        }
        Ok(())
    }

    /// Adds one client's update, or one worker's partial sum.
    fn merge(&mut self, round: Round, rank: Rank, updates: &[Update], content: Content) -> Result<(), EngineError> {
        match (content, updates) {
            (Content::Weights(weights), &[Update { client, .. }]) => {
                let samples = self.link.plan.samples(client);
                let added = self.sum.add(client, samples, &self.global, &weights);
                if self.aggregator.merge() == Merge::Each {
                    self.each.push(Each { client, samples, weights });
                }
                added.map_err(|fault| EngineError::Sum { round, fault })
            }
            (Content::Units(units), _) if units.len() == self.global.len() => {
                self.sum.merge(&units);
                Ok(())
            }
            (Content::Nothing, _) => Ok(()),
            (Content::Units(_) | Content::Weights(_), _) => {
                Err(EngineError::Unexpected { rank, what: "a sum or weights that are not of this model".to_owned() })
            }
        }
    }

    /// Stage 7, when it is collective: no rank enters the sum before all have trained. When ranks were
    /// lost the sum is not whole, and the answer is which.
    fn reduce(&mut self, round: Round, total: u64) -> Result<Result<(), Vec<Rank>>, EngineError> {
        if self.link.plan.reduce() != Reduce::Allreduce {
            return Ok(Ok(()));
        }
        for rank in self.link.workers.clone() {
            self.link.send(rank, &Order::Reduce { round, total }, Content::Nothing)?;
        }
        match self.link.wire.all_reduce(self.sum.units()) {
            Ok(sum) => {
                self.sum.replace(sum);
                Ok(Ok(()))
            }
            Err(TransportError::Interrupted { lost }) => Ok(Err(lost)),
            Err(error) => Err(error.into()),
        }
    }

    /// Stage 8: the global model moves.
    fn aggregate(&mut self) {
        self.each.sort_unstable_by_key(|update| update.client);
        let merged = match self.aggregator.merge() {
            Merge::Sum => Merged::Mean(self.sum.mean(&self.global)),
            Merge::Each => Merged::Each(&self.each),
        };
        self.global = Arc::new(self.aggregator.apply(&self.global, merged));
        self.each.clear();
    }

    /// What the round teaches: times for the scheduler, losses for the selector.
    fn learn(&mut self, round: Round, returned: &Returned) -> Result<(), EngineError> {
        self.cost.forget();
        for &Done { rank, samples, update: Update { client, loss, seconds }, .. } in returned.updates() {
            self.cost.learn(rank, samples, seconds);
            self.selector.learn(client, loss);
            let event = Event::ClientTrained { round, client, rank, samples, loss, seconds };
            self.recorder.record(&event, &self.global)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, round: Round) -> Result<Option<Metrics>, EngineError> {
        match (self.link.plan.evaluates_after(round), self.link.plan.evaluator()) {
            (true, Evaluator::Server) => Ok(Some(self.trainer.evaluate(&self.global)?)),
            (true, Evaluator::Clients) => Ok(Some(self.link.survey(round, &self.global, self.recorder)?)),
            (false, _) => Ok(None),
        }
    }
}
