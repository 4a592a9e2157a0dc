//! The run's folder, which only the server has.

use crate::event::Recorder;
use crate::plan::Plan;
use crate::record::checkpoint::{self, Saved};
use crate::record::{Progress, RoundLog, RunFolder, checkpoints};
use crate::train::Trainer;
use anyhow::Result;
use std::io::{self, IsTerminal};

/// What only the server needs.
pub(crate) struct ServerPart {
    pub(crate) folder: RunFolder,
    pub(crate) recorders: Vec<Box<dyn Recorder>>,
    pub(crate) saved: Option<Saved>,
}

/// The folder, for this process alone.
pub(super) fn claim(plan: &Plan) -> Result<RunFolder> {
    Ok(RunFolder::claim(&plan.config)?)
}

/// What the run goes on from, if it does.
pub(super) fn saved(plan: &Plan) -> Result<Option<Saved>> {
    let Some(folder) = &plan.config.resume else { return Ok(None) };
    Ok(Some(checkpoint::newest(&checkpoints(folder), plan)?))
}

/// All that writes into the run's folder.
pub(super) fn server_part(
    plan: &Plan,
    trainer: &dyn Trainer,
    folder: RunFolder,
    saved: Option<Saved>,
) -> Result<ServerPart> {
    if let Some(path) = &plan.config.partition_save {
        plan.partition.save(path)?;
    }
    folder.prepare(&plan.config)?;
    log::info!("results go to {}", folder.path().display());
    let rounds = plan.rounds();
    let done = saved.as_ref().map(|saved| saved.state.rounds);
    if let Some(done) = done {
        log::info!("going on after round {done} of {rounds}");
    }
    let mut recorders = folder.recorders(plan, trainer.layout(), done)?;
    recorders.push(progress(rounds));
    Ok(ServerPart { folder, recorders, saved })
}

/// A bar for people, lines for logs.
fn progress(rounds: u32) -> Box<dyn Recorder> {
    if io::stderr().is_terminal() {
        return Box::new(Progress::new(rounds));
    }
    Box::new(RoundLog { rounds })
}
