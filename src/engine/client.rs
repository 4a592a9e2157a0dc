//! The client manager (FedML's LocalAggregator): receives orders, trains the named clients one after
//! another from the same weights, and adds their updates up or sends each on. It knows its data
//! already; orders carry client ids only. It holds one model, one accumulator, one trainer.

use super::{EngineError, report};
use crate::aggregate::{Aggregator, Merged};
use crate::config::Plan;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Frame, Order, Reduce, Report, Update};
use crate::schedule::Slowdown;
use crate::stop;
use crate::train::{Task, TrainError, Trained, Trainer};
use crate::transport::{Delivery, Metered, Transport, TransportError, host_name};
use crate::weights::{ExactSum, Weights};
use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Signs of life in the time that the server waits for one.
const BEATS: u32 = 4;
/// The longest sleep between two of them.
const GLANCE: Duration = Duration::from_millis(100);
/// A worker waits longer for the server than the server for workers, by this factor: the server also
/// evaluates and writes.
const SERVER_PATIENCE: u32 = 5;

/// Serves the server until it says stop.
///
/// # Errors
/// When the server is gone or a message cannot be read. A client that cannot be trained is reported
/// to the server, which ends the job.
pub fn serve<T: Transport>(plan: &Plan, wire: &mut Metered<T>, trainer: &mut dyn Trainer) -> Result<(), EngineError> {
    let reduce = plan.reduce();
    wire.send(Rank::SERVER, Frame::bare(&Report::Hello { digest: plan.digest(), reduce, host: host_name() }))?;
    wire.set_patience(plan.round_timeout().map(|limit| limit * SERVER_PATIENCE));
    let length = trainer.layout().length();
    let mut worker = Worker {
        global: if reduce == Reduce::Allreduce { Arc::new(trainer.initial()) } else { Arc::default() },
        sum: ExactSum::new(if reduce == Reduce::Server { 0 } else { length }, 1),
        round: None,
        aggregator: plan.aggregator(),
        slowdown: plan.slowdown(),
        told: Instant::now(),
        plan,
        reduce,
        wire,
        trainer,
    };
    while let Some((order, content)) = worker.receive()? {
        worker.obey(order, content)?;
    }
    let last = Report::Bye(report(wire.rank(), trainer.device(), wire.bytes_sent()));
    Ok(wire.send(Rank::SERVER, Frame::bare(&last))?)
}

struct Worker<'a, T> {
    plan: &'a Plan,
    wire: &'a mut Metered<T>,
    trainer: &'a mut dyn Trainer,
    global: Weights,
    sum: ExactSum,
    // The round that `sum` belongs to.
    round: Option<Round>,
    aggregator: Box<dyn Aggregator>,
    slowdown: Slowdown,
    reduce: Reduce,
    // When the server heard something of this rank last.
    told: Instant,
}

impl<T: Transport> Worker<'_, T> {
    /// The next order, none when the run is over.
    fn receive(&mut self) -> Result<Option<(Order, Content)>, EngineError> {
        let heard = Instant::now();
        loop {
            match self.wire.recv()? {
                Delivery::Frame(Rank::SERVER, frame) => match frame.decode()? {
                    Order::Stop => return Ok(None),
                    order => return Ok(Some((order, frame.content))),
                },
                Delivery::Lost(Rank::SERVER) => return Err(TransportError::Gone(Rank::SERVER).into()),
                Delivery::Silence if heard.elapsed().as_secs_f64() > self.patience() => {
                    return Err(EngineError::ServerSilent { seconds: self.patience() });
                }
                Delivery::Frame(..) | Delivery::Lost(_) | Delivery::EndWanted | Delivery::Silence => {}
            }
        }
    }

    /// Seconds without a word of the server that are too many.
    fn patience(&self) -> f64 {
        self.plan.round_timeout().map_or(f64::INFINITY, |limit| (limit * SERVER_PATIENCE).as_secs_f64())
    }

    fn obey(&mut self, order: Order, content: Content) -> Result<(), EngineError> {
        let weights = match content {
            Content::Weights(weights) => weights,
            _ => Arc::clone(&self.global),
        };
        if !matches!(order, Order::Evaluate { .. }) {
            self.global = Arc::clone(&weights);
        }
        match order {
            Order::Train { round, total, clients, last } => {
                self.enter(round, total);
                self.train_all(round, &clients, last)
            }
            Order::Reduce { round, total } => {
                self.enter(round, total);
                self.reduce()
            }
            Order::Evaluate { round } => {
                let metrics = self.trainer.evaluate(&weights)?;
                self.tell(Frame::bare(&Report::Evaluated { round, metrics }))
            }
            Order::Model { aggregator } => {
                self.aggregator.restore(aggregator);
                Ok(())
            }
            Order::Ping | Order::Stop => Ok(()),
        }
    }

    /// Takes part in the collective sum and moves the model as the server does.
    fn reduce(&mut self) -> Result<(), EngineError> {
        // A trainer that holds nothing on a GPU is refused by a transport that sums there.
        let held = if self.wire.sums_on_devices() { self.trainer.take_held() } else { None };
        let sum = match held {
            Some(held) => self.wire.all_reduce_held(held),
            None => self.wire.all_reduce(self.sum.units()),
        };
        let sum = match sum {
            // The server says how it goes on: what was added so far stays.
            Err(TransportError::Interrupted { .. }) => return Ok(()),
            sum => sum?,
        };
        self.sum.replace(sum);
        let mean = Merged::Mean(self.sum.mean(&self.global));
        self.global = Arc::new(self.aggregator.apply(&self.global, mean));
        Ok(())
    }

    /// Empties the accumulator when a new round begins.
    fn enter(&mut self, round: Round, total: u64) {
        if self.round != Some(round) {
            self.sum.reset(total);
            self.round = Some(round);
        }
    }

    /// Trains clients and says so: after each when something may follow it, else at the end.
    fn train_all(&mut self, round: Round, clients: &[ClientId], last: bool) -> Result<(), EngineError> {
        let mut updates = Vec::with_capacity(clients.len());
        for (place, &client) in clients.iter().enumerate() {
            let (update, weights) = match self.train(round, client) {
                Ok(trained) => trained,
                Err(reason) => {
                    let failed = Report::Failed { round, client, reason };
                    return self.tell(Frame::bare(&failed));
                }
            };
            updates.push(update);
            if self.reduce == Reduce::Server || !last {
                let done = last && place + 1 == clients.len();
                let report = Report::Trained { round, updates: std::mem::take(&mut updates), last: done };
                self.tell(Frame::with(&report, weights))?;
            }
        }
        let told = self.reduce == Reduce::Server && !clients.is_empty();
        if !last || told {
            return Ok(());
        }
        if !self.wire.sums_on_devices() {
            self.trainer.hand_over(&mut self.sum);
        }
        let content = match self.reduce {
            Reduce::Worker => {
                // Should more follow in this round, it is another sum.
                self.round = None;
                Content::Units(Arc::clone(self.sum.units()))
            }
            Reduce::Server | Reduce::Allreduce => Content::Nothing,
        };
        self.tell(Frame::with(&Report::Trained { round, updates, last }, content))
    }

    fn tell(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.told = Instant::now();
        Ok(self.wire.send(Rank::SERVER, frame)?)
    }

    /// Trains one client. Its weights enter the sum, or come back to be sent. Whatever goes wrong, a
    /// panic too, becomes a reason.
    fn train(&mut self, round: Round, client: ClientId) -> Result<(Update, Content), String> {
        let (plan, began, rank) = (self.plan, Instant::now(), self.wire.rank());
        let samples = plan.samples(client);
        let beat = RefCell::new((&mut *self.wire, &mut self.told));
        let alive = || {
            let (wire, last) = &mut *beat.borrow_mut();
            if plan.round_timeout().is_some_and(|limit| last.elapsed() > limit / BEATS) {
                **last = Instant::now();
                // A server that is gone is noticed by the next report.
                let _ = wire.send(Rank::SERVER, Frame::bare(&Report::Alive));
            }
        };
        let task = Task::new(round, client, &self.global).heard_by(&alive);
        let trained = stop::catch(|| match self.reduce {
            Reduce::Server => {
                let Trained { weights, loss } = self.trainer.train(&task)?;
                Ok((loss, Content::Weights(weights)))
            }
            Reduce::Worker | Reduce::Allreduce => {
                let loss = self.trainer.train_into(&task, samples, &mut self.sum)?;
                Ok((loss, Content::Nothing))
            }
        });
        let (loss, content) = trained?.map_err(|error: TrainError| error.to_string())?;
        // Emulates a slower machine.
        let factor = self.slowdown.factor(rank, round, plan.rounds());
        linger(began.elapsed().mul_f64(factor.max(1.0) - 1.0), &task);
        linger(plan.nap(client, round).unwrap_or_default(), &task);
        let seconds = began.elapsed().as_secs_f64();
        log::debug!("round {round} client {client}: loss {loss:.4}, {seconds:.3} s");
        Ok((Update { client, loss, seconds }, content))
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
