//! A whole job in one process: every rank has a thread.

use super::client::serve;
use super::error::EngineError;
use super::run::{Outcome, on_record, run_to_end};
use crate::event::{Recorder, State};
use crate::ids::Rank;
use crate::plan::Plan;
use crate::stop;
use crate::train::{TrainError, Trainer};
use crate::transport::local::{self, Local};
use crate::transport::{Metered, Transport, TransportError};
use std::thread;

/// Makes a rank's trainer, on the thread that will use it.
pub type MakeTrainer<'a> = dyn Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Sync + 'a;

/// A whole job in one process: a server and `workers` client managers on threads.
///
/// # Errors
/// As [`run()`](super::run()); the first fault of the server, or of a worker whose loss ended the
/// server's run.
pub fn run_local(
    plan: &Plan,
    workers: usize,
    make: &MakeTrainer<'_>,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    on_record(recorder, |recorder| run_in_process(plan, workers, make, recorder, saved))
}

fn run_in_process(
    plan: &Plan,
    workers: usize,
    make: &MakeTrainer<'_>,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    let mut ends = local::ranks(workers + 1).into_iter();
    let server = ends.next().expect("the server's end");
    thread::scope(|scope| {
        let workers: Vec<_> = ends
            .map(|end| scope.spawn(move || work(plan, end, make)))
            .collect();
        let run = trainer(plan, make, Rank::SERVER).and_then(|mut trainer| {
            run_to_end(plan, &mut Metered::new(server), trainer.as_mut(), recorder, saved)
        });
        if matches!(run, Err(EngineError::EndWanted)) {
            log::info!("a signal asks for the end: clients in training are left");
        }
        let ended = workers
            .into_iter()
            .filter_map(|worker| worker.join().ok()?.err());
        let mut faults = ended.filter(is_own);
        let run = match run {
            // What ended the last worker tells more than that it is gone.
            Err(EngineError::Lost { rank, host }) => {
                Err(faults.next().unwrap_or(EngineError::Lost { rank, host }))
            }
            run => run,
        };
        faults.for_each(|fault| log::warn!("{fault}"));
        run
    })
}

/// Whether a worker's fault is its own: that the server is gone is not.
fn is_own(fault: &EngineError) -> bool {
    !matches!(fault, EngineError::Transport(TransportError::Gone(_)))
}

/// A worker, from its trainer to its last word.
fn work(plan: &Plan, end: Local, make: &MakeTrainer<'_>) -> Result<(), EngineError> {
    let rank = end.rank();
    let mut trainer = trainer(plan, make, rank)?;
    stop::catch(|| serve(plan, &mut Metered::new(end), trainer.as_mut()))
        .map_err(|reason| EngineError::Broken { rank, reason })?
}

/// A rank's trainer. A panic while it is made is a fault like any other.
fn trainer(
    plan: &Plan,
    make: &MakeTrainer<'_>,
    rank: Rank,
) -> Result<Box<dyn Trainer>, EngineError> {
    let broken = |reason: String| EngineError::Broken { rank, reason };
    let made = stop::catch(|| make(rank)).map_err(broken)?;
    let trainer = made.map_err(|error| broken(error.to_string()))?;
    plan.check_cover(trainer.layout())
        .map_err(|error| broken(error.to_string()))?;
    Ok(trainer)
}
