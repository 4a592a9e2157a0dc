//! The server: one synchronous round after another, each a line per stage of the walk.

use super::exchange::{Done, Exchange, Trained};
use super::{EngineError, report};
use crate::aggregate::Aggregator;
use crate::config::Plan;
use crate::event::{Event, RankReport, Recorder, RoundDone};
use crate::ids::{Rank, Round};
use crate::message::{Content, Frame, Order, Reduce, Report, Update};
use crate::metrics::Metrics;
use crate::schedule::{Batch, CostModel, Dispatch, DispatchMode, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::{Attended, Pool, Selector};
use crate::train::Trainer;
use crate::transport::{Delivery, Metered, Transport};
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

/// Runs the plan to its end as rank 0.
///
/// # Errors
/// Any rank's fault; the caller ends the job. Rounds that were recorded stay recorded.
pub fn run<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
    recorder: &mut dyn Recorder,
) -> Result<Outcome, EngineError> {
    let workers = wire.workers();
    let mut server = Server {
        global: Arc::new(trainer.initial()),
        sum: ExactSum::new(trainer.layout().length(), 1),
        cost: CostModel::default(),
        plan,
        wire,
        trainer,
        recorder,
        workers,
        selector: plan.selector()?,
        scheduler: plan.scheduler(),
        aggregator: plan.aggregator(),
    };
    server.greet()?;
    let began = Instant::now();
    let mut test = None;
    let mut rounds = 0;
    while rounds < plan.rounds() && !plan.reached(test.as_ref()) {
        test = server.round(Round(rounds))?.or(test);
        rounds += 1;
    }
    server.finish(rounds, began)?;
    Ok(Outcome { weights: server.global.to_vec(), rounds, test })
}

struct Server<'a, T> {
    plan: &'a Plan,
    wire: &'a mut Metered<T>,
    trainer: &'a mut dyn Trainer,
    recorder: &'a mut dyn Recorder,
    workers: Vec<Rank>,
    selector: Box<dyn Selector>,
    scheduler: Box<dyn Scheduler>,
    cost: CostModel,
    aggregator: Box<dyn Aggregator>,
    sum: ExactSum,
    global: Weights,
}

impl<T: Transport> Server<'_, T> {
    fn round(&mut self, round: Round) -> Result<Option<Metrics>, EngineError> {
        let began = Instant::now();
        let attended = self.select(round);
        let cohort = &attended.cohort;
        let samples: u64 = cohort.iter().map(|job| job.samples).sum();
        let dispatch = self.schedule(cohort);
        let planning = began.elapsed().as_secs_f64();
        let trained = self.exchange(round, samples, Exchange::new(cohort, dispatch))?;
        self.reduce(round, samples)?;
        let makespan = began.elapsed().as_secs_f64() - planning;
        self.global = Arc::new(self.aggregator.apply(&self.global, self.sum.mean(&self.global)));
        let seconds = began.elapsed().as_secs_f64();
        let schedule = trained.schedule(&self.cost, self.workers.len(), makespan, planning);
        self.learn(round, &trained)?;
        let evaluating = Instant::now();
        let test = self.evaluate(round)?;
        let done = Event::RoundDone(RoundDone {
            round,
            clients: cohort.len(),
            dropped: attended.dropped,
            late: attended.late,
            virtual_seconds: attended.virtual_seconds,
            samples,
            train_loss: trained.mean_loss(),
            seconds,
            evaluation_seconds: evaluating.elapsed().as_secs_f64(),
            schedule,
            model_hash: weights::hash(&self.global),
            test,
        });
        self.recorder.record(&done, &self.global)?;
        Ok(test)
    }

    /// Stage 3: the clients of the round whose updates will count.
    fn select(&mut self, round: Round) -> Attended {
        let plan = self.plan;
        let mut stream = plan.seed().for_round(Purpose::Select, round);
        let pool = Pool { clients: plan.clients(), samples: &|client| plan.samples(client) };
        let wanted = plan.attendance().invited(plan.cohort_size(), plan.clients());
        let selected = self.selector.select(round, &pool, wanted, &mut stream);
        let jobs = selected.into_iter().map(|client| Job { client, samples: plan.samples(client) }).collect();
        plan.attendance().attend(plan.seed(), round, jobs, plan.cohort_size())
    }

    /// Stage 4: who trains whom.
    fn schedule(&mut self, cohort: &[Job]) -> Dispatch {
        match self.plan.dispatch() {
            DispatchMode::Pull => Dispatch::pull(cohort, &self.workers),
            DispatchMode::Planned | DispatchMode::OnePerWorker => {
                Dispatch::planned(self.scheduler.assign(cohort, &self.cost, &self.workers))
            }
        }
    }

    /// Stages 5 to 7: sends orders and takes in what comes back, until all clients are trained.
    fn exchange(&mut self, round: Round, total: u64, mut exchange: Exchange) -> Result<Trained, EngineError> {
        self.sum.reset(total);
        let start = match self.plan.reduce() {
            Reduce::Allreduce => Content::Nothing,
            Reduce::Server | Reduce::Worker => Content::Weights(Arc::clone(&self.global)),
        };
        for batch in exchange.open() {
            self.order(round, total, batch, start.clone())?;
        }
        while !exchange.is_complete() {
            let (rank, frame) = self.receive()?;
            match frame.decode()? {
                Report::Trained { round: at, updates, last } if at == round => {
                    self.merge(round, &updates, &frame.content)?;
                    let next = exchange.note(rank, updates, last);
                    if let Some(batch) = next.map_err(|what| EngineError::Unexpected { rank, what })? {
                        self.order(round, total, batch, Content::Nothing)?;
                    }
                }
                Report::Failed { round, client, reason } => {
                    return Err(EngineError::Training { rank, client, round, reason });
                }
                other => return Err(unexpected(rank, &other)),
            }
        }
        Ok(exchange.finish())
    }

    fn order(&mut self, round: Round, total: u64, batch: Batch, content: Content) -> Result<(), EngineError> {
        let Batch { rank, clients, last } = batch;
        log::trace!("round {round}: rank {rank} trains {} clients, last {last}", clients.len());
        Ok(self.wire.send(rank, Frame::with(&Order::Train { round, total, clients, last }, content))?)
    }

    /// Adds one client's update, or one worker's partial sum.
    fn merge(&mut self, round: Round, updates: &[Update], content: &Content) -> Result<(), EngineError> {
        match (content, updates) {
            (Content::Weights(weights), [update]) if !Arc::ptr_eq(weights, &self.global) => self
                .sum
                .add(update.client, self.plan.samples(update.client), &self.global, weights)
                .map_err(|fault| EngineError::Sum { round, fault }),
            (Content::Units(units), _) => {
                self.sum.merge(units);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Stage 7, when it is collective: no rank enters the sum before all have trained.
    fn reduce(&mut self, round: Round, total: u64) -> Result<(), EngineError> {
        if self.plan.reduce() == Reduce::Allreduce {
            for &rank in &self.workers {
                self.wire.send(rank, Frame::bare(&Order::Reduce { round, total }))?;
            }
            let mine = Arc::clone(self.sum.units());
            self.sum.replace(self.wire.all_reduce(mine)?);
        }
        Ok(())
    }

    /// What the round teaches: times for the scheduler, losses for the selector.
    fn learn(&mut self, round: Round, trained: &Trained) -> Result<(), EngineError> {
        self.cost.forget();
        for &Done { rank, samples, update: Update { client, loss, seconds } } in trained.updates() {
            self.cost.learn(rank, samples, seconds);
            self.selector.learn(client, loss);
            let event = Event::ClientTrained { round, client, rank, samples, loss, seconds };
            self.recorder.record(&event, &self.global)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, round: Round) -> Result<Option<Metrics>, EngineError> {
        match self.plan.evaluates_after(round) {
            true => Ok(Some(self.trainer.evaluate(&self.global)?)),
            false => Ok(None),
        }
    }

    /// All ranks must have resolved the same plan over the same data.
    fn greet(&mut self) -> Result<(), EngineError> {
        let digest = self.plan.digest();
        for _ in 0..self.workers.len() {
            let (rank, frame) = self.receive()?;
            match frame.decode()? {
                Report::Hello { digest: theirs, reduce } if theirs == digest && reduce == self.plan.reduce() => {}
                Report::Hello { .. } => return Err(EngineError::OtherPlan { rank }),
                other => return Err(unexpected(rank, &other)),
            }
        }
        let parameters = self.trainer.layout().parameters();
        let started = Event::Started { rounds: self.plan.rounds(), workers: self.workers.len(), parameters };
        Ok(self.recorder.record(&started, &self.global)?)
    }

    fn finish(&mut self, rounds: u32, began: Instant) -> Result<(), EngineError> {
        let total_seconds = began.elapsed().as_secs_f64();
        let mut ranks = self.farewell()?;
        ranks.push(report(Rank::SERVER, self.trainer.device(), self.wire.bytes_sent()));
        ranks.sort_by_key(|report| report.rank);
        Ok(self.recorder.record(&Event::Finished { ranks, rounds, total_seconds }, &self.global)?)
    }

    fn farewell(&mut self) -> Result<Vec<RankReport>, EngineError> {
        for &rank in &self.workers {
            self.wire.send(rank, Frame::bare(&Order::Stop))?;
        }
        let mut ranks = Vec::with_capacity(self.workers.len());
        while ranks.len() < self.workers.len() {
            let (rank, frame) = match self.wire.recv()? {
                Delivery::Frame(rank, frame) => (rank, frame),
                // A rank that has said goodbye may leave before the others.
                Delivery::Lost(rank) if ranks.iter().any(|report: &RankReport| report.rank == rank) => continue,
                Delivery::Lost(rank) => return Err(EngineError::Lost(rank)),
            };
            match frame.decode()? {
                Report::Bye(report) => ranks.push(report),
                other => return Err(unexpected(rank, &other)),
            }
        }
        Ok(ranks)
    }

    fn receive(&mut self) -> Result<(Rank, Frame), EngineError> {
        match self.wire.recv()? {
            Delivery::Frame(rank, frame) => Ok((rank, frame)),
            Delivery::Lost(rank) => Err(EngineError::Lost(rank)),
        }
    }
}

fn unexpected(rank: Rank, report: &Report) -> EngineError {
    EngineError::Unexpected { rank, what: format!("{report:?}").chars().take(200).collect() }
}
