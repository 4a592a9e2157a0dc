//! The server: one synchronous round after another, each a line per stage of the walk.

use super::{EngineError, report};
use crate::aggregate::Aggregator;
use crate::config::Plan;
use crate::event::{Event, RankReport, Recorder, RoundDone};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Frame, Order, Report, Update};
use crate::metrics::Metrics;
use crate::schedule::{Balanced, Job, Scheduler};
use crate::seed::Purpose;
use crate::select::Selector;
use crate::train::Trainer;
use crate::transport::{Delivery, Metered, Transport};
use crate::weights::{self, ExactSum};
use std::collections::BTreeSet;
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
        plan,
        wire,
        trainer,
        recorder,
        workers,
        selector: plan.selector(),
        scheduler: Box::new(Balanced),
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
    aggregator: Box<dyn Aggregator>,
    global: Arc<Vec<f32>>,
}

/// A cohort's updates, summed as they arrive.
struct Merged {
    sum: ExactSum,
    waiting: BTreeSet<ClientId>,
    losses: Vec<(ClientId, f64)>,
}

impl<T: Transport> Server<'_, T> {
    fn round(&mut self, round: Round) -> Result<Option<Metrics>, EngineError> {
        let began = Instant::now();
        let cohort = self.select(round);
        let samples: u64 = cohort.iter().map(|job| job.samples).sum();
        let assigned = self.scheduler.assign(&cohort, &self.workers);
        self.dispatch(round, assigned)?;
        let merged = self.collect(round, &cohort, samples)?;
        self.global = Arc::new(self.aggregator.apply(&self.global, merged.sum.mean(&self.global)));
        let seconds = began.elapsed().as_secs_f64();
        let evaluating = Instant::now();
        let test = self.evaluate(round)?;
        let done = Event::RoundDone(RoundDone {
            round,
            clients: cohort.len(),
            samples,
            train_loss: mean_loss(merged.losses, &cohort, samples),
            seconds,
            evaluation_seconds: evaluating.elapsed().as_secs_f64(),
            model_hash: weights::hash(&self.global),
            test,
        });
        self.recorder.record(&done, &self.global)?;
        Ok(test)
    }

    fn select(&mut self, round: Round) -> Vec<Job> {
        let mut stream = self.plan.seed().for_round(Purpose::Select, round);
        let cohort = self.selector.select(round, self.plan.clients(), self.plan.cohort_size(), &mut stream);
        cohort.into_iter().map(|client| Job { client, samples: self.plan.samples(client) }).collect()
    }

    fn dispatch(&mut self, round: Round, assigned: Vec<(Rank, Vec<ClientId>)>) -> Result<(), EngineError> {
        for (rank, clients) in assigned.into_iter().filter(|(_, clients)| !clients.is_empty()) {
            log::trace!("round {round}: rank {rank} trains {} clients", clients.len());
            self.wire.send(rank, Frame::with(&Order::Train { round, clients }, Arc::clone(&self.global)))?;
        }
        Ok(())
    }

    fn collect(&mut self, round: Round, cohort: &[Job], samples: u64) -> Result<Merged, EngineError> {
        let mut merged = Merged {
            sum: ExactSum::new(self.global.len(), samples),
            waiting: cohort.iter().map(|job| job.client).collect(),
            losses: Vec::with_capacity(cohort.len()),
        };
        while !merged.waiting.is_empty() {
            let (rank, frame) = self.receive()?;
            match frame.decode()? {
                Report::Update(update) if update.round == round && merged.waiting.remove(&update.client) => {
                    self.merge(&mut merged, rank, update, &frame)?;
                }
                Report::Failed { round, client, reason } => {
                    return Err(EngineError::Training { rank, client, round, reason });
                }
                other => return Err(unexpected(rank, &other)),
            }
        }
        Ok(merged)
    }

    fn merge(&mut self, merged: &mut Merged, rank: Rank, update: Update, frame: &Frame) -> Result<(), EngineError> {
        let Update { round, client, samples, loss, seconds } = update;
        merged
            .sum
            .add(client, self.plan.samples(client), &self.global, &frame.weights)
            .map_err(|source| EngineError::Sum { round, source })?;
        merged.losses.push((client, loss));
        let event = Event::ClientTrained { round, client, rank, samples, loss, seconds };
        Ok(self.recorder.record(&event, &self.global)?)
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
                Report::Hello { digest: theirs } if theirs == digest => {}
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

/// Summed in the order of client ids, so that it does not depend on who arrived first.
fn mean_loss(mut losses: Vec<(ClientId, f64)>, cohort: &[Job], samples: u64) -> f64 {
    losses.sort_unstable_by_key(|(client, _)| *client);
    let weighted = losses.iter().zip(cohort).map(|((_, loss), job)| loss * job.samples as f64);
    weighted.sum::<f64>() / samples.max(1) as f64
}

fn unexpected(rank: Rank, report: &Report) -> EngineError {
    EngineError::Unexpected { rank, what: format!("{report:?}").chars().take(200).collect() }
}
