//! The client manager (FedML's LocalAggregator): receives orders, trains the named clients one
//! after another from the same weights, and adds their updates up or sends each on. It knows its
//! data already; orders carry client ids only. It holds one model, one accumulator, one trainer.

use super::contribution::{Change, Contribution, failure};
use super::global::Global;
use super::keeper::Keeper;
use super::pulse::{GLANCE, Pulse};
use super::visit::Visitor;
use super::{EngineError, kept_values, report};
use crate::config::Mode;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Doing, Errand, Frame, Label, Order, Part, Reduce, Report, Scope};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::{DispatchMode, Slowdown};
use crate::stop;
use crate::train::{Task, TrainError, Trainer};
use crate::transport::{Delivery, Metered, Transport, TransportError, host_name};
use crate::weights::{ExactSum, Total, Turnout, Weights};
use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A worker waits longer for the server than the server for workers, by this factor: the server
/// also evaluates and writes.
const SERVER_PATIENCE: u32 = 5;

/// Pieces of test data that are evaluated between two signs of life.
const PIECES: usize = 16;

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
    wire.send(
        Rank::SERVER,
        Frame::bare(&Report::Hello {
            digest: plan.digest(),
            reduce,
            host: host_name(),
        }),
    )?;
    wire.set_patience(plan.round_timeout().map(|limit| limit * SERVER_PATIENCE));
    // Ranks that do not keep the model get it with their orders.
    let initial = if reduce == Reduce::Allreduce {
        trainer.initial()
    } else {
        Vec::new()
    };
    let global = Global::new(plan, trainer.layout(), initial);
    let length = |pass: u8| match reduce {
        Reduce::Server => 0,
        Reduce::Worker | Reduce::Allreduce => global.sections_of(pass).length(),
    };
    let sums = (0..global.passes())
        .map(|pass| ExactSum::new(length(pass), 1))
        .collect();
    let kept = kept_values(plan, trainer.layout());
    let mut worker = Worker {
        sums,
        keeper: Keeper::new(plan, kept, wire.rank())?,
        examined: None,
        told: Vec::new(),
        rate: 1.0,
        global,
        phase: None,
        course: Course::new(None, Instant::now()),
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
    // A sum for each pass over the cohort.
    sums: Vec<ExactSum>,
    // The pass that its sum belongs to.
    phase: Option<(Round, u8)>,
    course: Course,
    // What clients keep.
    keeper: Keeper,
    slowdown: Slowdown,
    reduce: Reduce,
}

/// How far a worker is in a round.
struct Course {
    round: Option<Round>,
    // When its first order came, in async mode that of the run.
    began: Instant,
    pass: u8,
    // Clients that are trained in this pass.
    trained: u32,
}

impl Course {
    fn new(round: Option<Round>, began: Instant) -> Course {
        Course {
            round,
            began,
            pass: 0,
            trained: 0,
        }
    }
}

/// What an order says of a pass.
#[derive(Clone, Copy)]
struct Phase {
    round: Round,
    pass: u8,
    total: Total,
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
                self.rate = rate;
                let phase = Phase { round, pass, total };
                self.open(phase);
                if let Some(weights) = content.floats(Label::Model) {
                    self.global.weights = Arc::clone(weights);
                    self.told = content
                        .floats(Label::Told)
                        .map_or_else(Vec::new, |told| told.to_vec());
                }
                self.enter(phase);
                self.train_all(phase, &errands, last, &content)
            }
            Order::Reduce {
                round,
                pass,
                turnout,
            } => {
                let phase = Phase {
                    round,
                    pass,
                    total: turnout.told,
                };
                self.enter(phase);
                self.reduce(phase, turnout)
            }
            Order::Evaluate { round, on } => {
                if let Some(weights) = content.floats(Label::Model) {
                    self.examined = Some((round, Arc::clone(weights)));
                }
                // The first share of a round brings its model, unless it is here.
                let brought = self
                    .examined
                    .as_ref()
                    .filter(|(at, _)| *at == round)
                    .map(|(_, weights)| weights);
                let weights = Arc::clone(brought.unwrap_or(&self.global.weights));
                let metrics = self.evaluate(&weights, on)?;
                self.tell(Frame::bare(&Report::Evaluated { round, metrics }))
            }
            Order::Model => {
                let memory = |place| {
                    content
                        .floats(Label::Memory(place))
                        .map(|values| values.to_vec())
                };
                let memory = [memory(0), memory(1)].into_iter().flatten().collect();
                let weights = content
                    .floats(Label::Model)
                    .map(Arc::clone)
                    .unwrap_or_default();
                let (found, wanted) = (weights.len(), self.global.weights.len());
                match self.global.restore(weights, memory) {
                    true => Ok(()),
                    false => Err(EngineError::OtherModel { found, wanted }),
                }
            }
            Order::Ping | Order::Stop => Ok(()),
        }
    }

    /// Evaluates piece after piece, or client after client, and gives signs of life between them.
    fn evaluate(&mut self, weights: &[f32], on: Scope) -> Result<Metrics, EngineError> {
        let mut sum = Metrics::default();
        let pieces = match on {
            Scope::Own => 0..self.trainer.pieces(),
            Scope::Pieces(first, end) => first as usize..end as usize,
            Scope::Clients(first, end) => {
                for client in first..end {
                    sum.add(&self.trainer.evaluate_client(weights, ClientId(client))?);
                    self.pulse.live()?;
                }
                return Ok(sum);
            }
        };
        for first in pieces.clone().step_by(PIECES) {
            sum.add(
                &self
                    .trainer
                    .evaluate_pieces(weights, first..pieces.end.min(first + PIECES))?,
            );
            self.pulse.live()?;
        }
        Ok(sum)
    }

    /// Takes part in the collective sum and moves the model as the server does.
    fn reduce(
        &mut self,
        Phase { round, pass, .. }: Phase,
        turnout: Turnout,
    ) -> Result<(), EngineError> {
        let sum = &mut self.sums[usize::from(pass)];
        // A trainer that holds nothing on a GPU is refused by a transport that sums there.
        let held = if self.pulse.wire.sums_on_devices() {
            self.trainer.take_held()
        } else {
            None
        };
        let reduced = match held {
            Some(held) => self.pulse.wire.all_reduce_held(held),
            None => self.pulse.wire.all_reduce(sum.units()),
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

    /// An order of a pass has come; it may be the first.
    fn open(&mut self, Phase { round, pass, .. }: Phase) {
        if self.course.round != Some(round) {
            let goes_on = self.plan.mode() == Mode::Async && self.course.round.is_some();
            let began = if goes_on {
                self.course.began
            } else {
                Instant::now()
            };
            self.course = Course::new(Some(round), began);
        } else if self.course.pass != pass {
            (self.course.pass, self.course.trained) = (pass, 0);
        }
    }

    /// Empties the accumulator when a new pass begins.
    fn enter(&mut self, Phase { round, pass, total }: Phase) {
        if self.phase != Some((round, pass)) {
            self.sums[usize::from(pass)].reset(total.samples);
            self.phase = Some((round, pass));
            if self.reduce == Reduce::Allreduce {
                self.told = self.global.told();
            }
        }
    }

    /// Trains clients and says so: after each when something may follow it, else at the end. One
    /// that cannot be trained leaves the others as they are.
    fn train_all(
        &mut self,
        phase: Phase,
        errands: &[Errand],
        last: bool,
        content: &Content,
    ) -> Result<(), EngineError> {
        let Phase { round, pass, .. } = phase;
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
                    part.failed.push(failure(
                        errand.client,
                        seconds,
                        &error,
                        self.trainer.layout(),
                    ));
                }
            }
            self.course.trained += 1;
            if self.reduce == Reduce::Server || !last || keeps {
                part.last = last && self.reduce == Reduce::Server && place + 1 == errands.len();
                let report = Report::Trained {
                    round,
                    pass,
                    part: std::mem::take(&mut part),
                };
                self.tell(Frame::with(&report, own))?;
            }
        }
        if last && self.reduce != Reduce::Allreduce && self.plan.dispatch() == DispatchMode::Planned
        {
            // Parts follow one another, and each brings its model.
            self.global.weights = Weights::default();
        }
        let told = self.reduce == Reduce::Server && !errands.is_empty();
        if !last || told {
            return Ok(());
        }
        let sum = &mut self.sums[usize::from(pass)];
        if !self.pulse.wire.sums_on_devices() {
            self.trainer.hand_over(sum);
        }
        let content = match self.reduce {
            Reduce::Worker => {
                // Should more follow in this pass, it is another sum.
                self.phase = None;
                Content::nothing().with_units(Label::Units, Arc::clone(sum.units()))
            }
            Reduce::Server | Reduce::Allreduce => Content::nothing(),
        };
        part.last = true;
        self.tell(Frame::with(&Report::Trained { round, pass, part }, content))
    }

    fn tell(&mut self, frame: Frame) -> Result<(), EngineError> {
        Ok(self.pulse.tell(frame)?)
    }

    /// What a client contributes; it has entered the sum unless it is to be sent. Whatever goes
    /// wrong leaves the sum and what the client keeps as they were.
    fn contribute(
        &mut self,
        phase: Phase,
        errand: &Errand,
        content: &Content,
    ) -> Result<Contribution, TrainError> {
        let samples = self.plan.samples(errand.client);
        let kept = self.keeper.of(errand, content)?;
        let mut contribution = self.train(phase, errand.client, kept, errand.kept.is_fresh())?;
        if self.reduce != Reduce::Server {
            let (sections, sum) =
                (self.global.sections_of(phase.pass), &mut self.sums[usize::from(phase.pass)]);
            contribution.add_to(sum, sections, phase.total, samples, &self.global.weights)?;
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
            sum: (self.reduce != Reduce::Server).then(|| &mut self.sums[usize::from(pass)]),
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
        let step = if plan.mode() == Mode::Sync {
            "round"
        } else {
            "training"
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
