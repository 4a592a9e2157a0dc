//! A whole job in one process: every rank has a thread.

use super::client;
use super::error::EngineError;
use super::evaluation::evaluate;
use super::run::{Outcome, on_record, run_to_end};
use crate::event::{Recorder, State};
use crate::ids::Rank;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::stop;
use crate::train::{TrainError, Trainer};
use crate::transport::local::{self, Local};
use crate::transport::{Metered, Transport, TransportError};
use crate::weights::Weights;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// Makes a rank's trainer, on the thread that will use it.
type MakeTrainer = dyn Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Send + Sync;

/// A whole job in one process: a server and `workers` client managers on threads. `make` makes a
/// rank's trainer, on the thread that will use it. After a fault nobody waits for threads that
/// still train: they find that the server is gone when they are done.
///
/// # Errors
/// As [`run()`](super::run()); the first fault of the server, of a worker whose trainer cannot be
/// made, or of the worker whose loss ended the server's run.
pub fn run_local(
    plan: &Plan,
    workers: usize,
    make: impl Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Send + Sync + 'static,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    on_record(recorder, |recorder| {
        in_process(plan, workers, make, |wire, trainer| {
            run_to_end(plan, wire, trainer, recorder, saved)
        })
    })
}

/// Evaluates a model as [`evaluate()`](super::evaluate()) does, with workers on threads.
///
/// # Errors
/// As those of [`run_local`].
pub fn evaluate_local(
    plan: &Plan,
    workers: usize,
    make: impl Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Send + Sync + 'static,
    weights: &Weights,
    recorder: &mut dyn Recorder,
) -> Result<Metrics, EngineError> {
    in_process(plan, workers, make, |wire, trainer| {
        evaluate(plan, wire, trainer, weights, recorder)
    })
}

/// What a server does, on this thread, with workers on others.
fn in_process<T>(
    plan: &Plan,
    workers: usize,
    make: impl Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Send + Sync + 'static,
    serve: impl FnOnce(&mut Metered<Local>, &mut dyn Trainer) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let mut ends = local::ranks(workers + 1).into_iter();
    let server = ends.next().expect("the server's end");
    let job = Arc::new(Job {
        plan: plan.clone(),
        make: Box::new(make),
        left: AtomicUsize::new(workers),
    });
    let (made, news) = channel();
    let workers = ends.map(|end| start(&job, end, made.clone()));
    let workers: Vec<Worker> = workers.collect::<Result<_, _>>()?;
    drop(made);
    let mut trainer = job.trainer(Rank::SERVER)?;
    news.iter().collect::<Result<(), EngineError>>()?;
    let mut wire = Metered::new(server);
    let served = serve(&mut wire, trainer.as_mut());
    drop(wire);
    match served {
        // What ended the last worker tells more than that it is gone.
        Err(lost @ EngineError::Lost { .. }) => Err(last_words(workers).unwrap_or(lost)),
        Err(fault) => Err(fault),
        Ok(done) => {
            if let Some(fault) = last_words(workers) {
                log::warn!("{fault}");
            }
            Ok(done)
        }
    }
}

/// A worker's thread, and the fault that ended it if it was the last one.
type Worker = JoinHandle<Option<EngineError>>;

/// Waits for all workers. The fault of the last one is still to be told.
fn last_words(workers: Vec<Worker>) -> Option<EngineError> {
    let ended = workers.into_iter().map(JoinHandle::join);
    ended.filter_map(|fault| fault.ok().flatten()).last()
}

/// Starts a worker, which tells once whether it has a trainer.
fn start(
    job: &Arc<Job>,
    end: Local,
    made: Sender<Result<(), EngineError>>,
) -> Result<Worker, EngineError> {
    let (rank, job) = (end.rank(), Arc::clone(job));
    // What it logs names it so.
    let thread = thread::Builder::new().name(format!("rank {rank}"));
    let started = thread.spawn(move || job.work(end, made));
    started.map_err(|error| broken(rank, format!("no thread for it: {error}")))
}

fn broken(rank: Rank, reason: String) -> EngineError {
    EngineError::Broken { rank, reason }
}

/// What all threads share.
struct Job {
    plan: Plan,
    make: Box<MakeTrainer>,
    /// How many workers no fault has ended.
    left: AtomicUsize,
}

impl Job {
    /// A worker, from its trainer to its last word.
    fn work(&self, end: Local, made: Sender<Result<(), EngineError>>) -> Option<EngineError> {
        let rank = end.rank();
        // Whether anybody waits for the news is told by the end of the channel.
        let told = |news| _ = made.send(news);
        let mut trainer = self.trainer(rank).map_err(|fault| told(Err(fault))).ok()?;
        told(Ok(()));
        drop(made);
        let served =
            stop::catch(|| client::serve(&self.plan, &mut Metered::new(end), trainer.as_mut()));
        let fault = served
            .unwrap_or_else(|reason| Err(broken(rank, reason)))
            .err()
            .filter(is_own)?;
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Some(fault);
        }
        log::warn!("{fault}");
        None
    }

    /// A rank's trainer. A panic while it is made is a fault like any other.
    fn trainer(&self, rank: Rank) -> Result<Box<dyn Trainer>, EngineError> {
        let made = stop::catch(|| (self.make)(rank)).map_err(|reason| broken(rank, reason))?;
        let trainer = made.map_err(|error| broken(rank, error.to_string()))?;
        let covered = self.plan.check_cover(trainer.layout());
        covered.map_err(|error| broken(rank, error.to_string()))?;
        Ok(trainer)
    }
}

/// Whether a worker's fault is its own: that the server is gone is not.
fn is_own(fault: &EngineError) -> bool {
    !matches!(fault, EngineError::Transport(TransportError::Gone(_)))
}
