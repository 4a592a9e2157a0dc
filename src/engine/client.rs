//! The client manager (FedML's LocalAggregator): receives orders, trains the named clients one
//! after another from the same weights, and adds their updates up or sends each on. It knows its
//! data already; orders carry client ids only. It holds one model, one accumulator, one trainer.

mod accumulators;
mod course;
mod evaluation;
mod training;

use super::global::Global;
use super::keeper::Keeper;
use super::phase::Phase;
use super::pulse::Pulse;
use super::{EngineError, kept_values, report};
use crate::config::Mode;
use crate::ids::{Rank, Round};
use crate::message::{Content, Frame, Label, Order, Reduce, Report};
use crate::plan::Plan;
use crate::schedule::Slowdown;
use crate::train::Trainer;
use crate::transport::{Delivery, Metered, Transport, TransportError, host_name};
use crate::weights::{Turnout, Weights};
use accumulators::Accumulators;
use course::Course;
use std::sync::Arc;
use std::time::Instant;

/// A worker waits longer for the server than the server for workers, by this factor: the server
/// also evaluates and writes.
const SERVER_PATIENCE: u32 = 5;

/// Serves the server until it says stop.
///
/// # Errors
/// When the server is gone or a message cannot be read. A client that cannot be trained is reported
/// to the server, which leaves it out or ends the job.
pub fn serve<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
) -> Result<(), EngineError> {
    let reduce = plan.reduce();
    let hello = Report::Hello {
        digest: plan.digest(),
        reduce,
        host: host_name(),
    };
    wire.send(Rank::SERVER, Frame::bare(&hello))?;
    wire.set_patience(plan.round_timeout().map(|limit| limit * SERVER_PATIENCE));
    // Ranks that do not keep the model get it with their orders.
    let initial = if reduce == Reduce::Allreduce {
        trainer.initial()
    } else {
        Vec::new()
    };
    let global = Global::new(plan, trainer.layout(), initial);
    let kept = kept_values(plan, trainer.layout());
    let mut worker = Worker {
        sums: Accumulators::new(plan, &global, wire),
        keeper: Keeper::new(plan, kept, wire.rank())?,
        examined: None,
        told: Vec::new(),
        rate: 1.0,
        global,
        phase: None,
        course: Course::new(),
        slowdown: plan.slowdown(),
        pulse: Pulse::new(wire, plan.round_timeout()),
        plan,
        reduce,
        trainer,
    };
    while let Some((order, content)) = worker.receive()? {
        worker.obey(order, content)?;
    }
    let wire = &worker.pulse.wire;
    let last = Report::Bye(report(wire.rank(), worker.trainer.device(), wire.bytes_sent()));
    worker.tell(Frame::bare(&last))
}

struct Worker<'a, T> {
    plan: &'a Plan,
    pulse: Pulse<'a, T>,
    trainer: &'a mut dyn Trainer,
    global: Global,
    // The model that is evaluated after a round, where it came with the order.
    examined: Option<(Round, Weights)>,
    // What clients are told in the pass in hand.
    told: Vec<f32>,
    // What the learning rate is multiplied with in it.
    rate: f64,
    sums: Accumulators,
    // The pass that its sum belongs to.
    phase: Option<(Round, u8)>,
    course: Course,
    // What clients keep.
    keeper: Keeper,
    slowdown: Slowdown,
    reduce: Reduce,
}

impl<T: Transport> Worker<'_, T> {
    /// The next order, none when the run is over.
    fn receive(&mut self) -> Result<Option<(Order, Content)>, EngineError> {
        let heard = Instant::now();
        loop {
            let Some(delivery) = self.pulse.receive()? else { return Ok(None) };
            match delivery {
                Delivery::Frame(Rank::SERVER, frame) => match frame.decode()? {
                    Order::Stop => return Ok(None),
                    order => return Ok(Some((order, frame.content))),
                },
                Delivery::Lost(Rank::SERVER) => {
                    return Err(TransportError::Gone(Rank::SERVER).into());
                }
                Delivery::Silence if heard.elapsed().as_secs_f64() > self.patience() => {
                    return Err(EngineError::ServerSilent {
                        seconds: self.patience(),
                    });
                }
                Delivery::Frame(..)
                | Delivery::Lost(_)
                | Delivery::EndWanted
                | Delivery::Silence => {}
            }
        }
    }

    /// Seconds without a word of the server that are too many.
    fn patience(&self) -> f64 {
        self.plan
            .round_timeout()
            .map_or(f64::INFINITY, |limit| (limit * SERVER_PATIENCE).as_secs_f64())
    }

    fn obey(&mut self, order: Order, content: Content) -> Result<(), EngineError> {
        if !matches!(order, Order::Evaluate { .. } | Order::Ping) {
            self.examined = None;
        }
        match order {
            Order::Train {
                round,
                pass,
                total,
                rate,
                errands,
                last,
            } => {
                let phase = Phase { round, pass, total };
                self.rate = rate;
                self.course.open(phase, self.plan.mode() == Mode::Async);
                self.start_from(&content);
                self.enter(phase);
                self.train_all(phase, &errands, last, &content)
            }
            Order::Reduce {
                round,
                pass,
                turnout,
            } => {
                let total = turnout.told;
                let phase = Phase { round, pass, total };
                self.enter(phase);
                self.reduce(phase, turnout)
            }
            Order::Evaluate { round, on } => self.examine(round, on, &content),
            Order::Model => self.take_over(&content),
            Order::Ping | Order::Stop => Ok(()),
        }
    }

    /// What clients start from, where it came along.
    fn start_from(&mut self, content: &Content) {
        let Some(weights) = content.floats(Label::Model) else { return };
        self.global.weights = Arc::clone(weights);
        self.told = match content.floats(Label::Told) {
            Some(told) => told.to_vec(),
            None => Vec::new(),
        };
    }

    /// The model to go on from, and what algorithm and server step remember.
    fn take_over(&mut self, content: &Content) -> Result<(), EngineError> {
        let mut memory = Vec::new();
        for place in 0..2 {
            if let Some(values) = content.floats(Label::Memory(place)) {
                memory.push(values.to_vec());
            }
        }
        let weights = content.floats(Label::Model).cloned().unwrap_or_default();
        let (found, wanted) = (weights.len(), self.global.weights.len());
        if self.global.restore(weights, memory) {
            Ok(())
        } else {
            Err(EngineError::OtherModel { found, wanted })
        }
    }

    /// Takes part in the collective sum and moves the model as the server does.
    fn reduce(
        &mut self,
        Phase { round, pass, .. }: Phase,
        turnout: Turnout,
    ) -> Result<(), EngineError> {
        // Who takes part has sums of its own.
        let Some(sum) = self.sums.own(pass) else { return Ok(()) };
        let wire = &mut self.pulse.wire;
        // A trainer that holds nothing on a GPU is refused by a transport that sums there.
        let held = match wire.sums_on_devices() {
            true => self.trainer.take_held(),
            false => None,
        };
        let reduced = match held {
            Some(held) => wire.all_reduce_held(held),
            None => wire.all_reduce(sum.units()),
        };
        match reduced {
            // The server says how it goes on: what was added so far stays.
            Err(TransportError::Interrupted { .. }) => return Ok(()),
            reduced => sum.replace(reduced?),
        }
        match self.global.is_before(pass) {
            true => self.global.hear(turnout, sum),
            false => self.global.advance(round, turnout, sum, &[]),
        }
        Ok(())
    }

    /// Empties the accumulator when a new pass begins.
    fn enter(&mut self, Phase { round, pass, total }: Phase) {
        if self.phase != Some((round, pass)) {
            if let Some(sum) = self.sums.own(pass) {
                sum.reset(total.samples);
            }
            self.phase = Some((round, pass));
            if self.reduce == Reduce::Allreduce {
                self.told = self.global.told();
            }
        }
    }

    fn tell(&mut self, frame: Frame) -> Result<(), EngineError> {
        Ok(self.pulse.tell(frame)?)
    }
}
