//! The run's folder, which only the server has.

use crate::event::{Event, Recorder, Standing, State};
use crate::metrics::Target;
use crate::plan::Plan;
use crate::record::checkpoint::{self, CheckpointError, Saved};
use crate::record::{Environment, RunFolder, Summary, SummaryFile, Whole, checkpoints};
use crate::screen::Screen;
use crate::train::Trainer;
use anyhow::{Error, Result};

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

/// What is there of the run that is to go on.
pub(super) enum Past {
    /// Nothing is to go on.
    None,
    /// It goes on from here.
    Saved(Saved),
    /// It is finished already.
    Finished(Summary),
}

/// What the run goes on from, if it does. What is done is never taken back.
pub(super) fn past(plan: &Plan) -> Result<Past> {
    let Some(folder) = &plan.config.resume else { return Ok(Past::None) };
    let summary = Summary::read(folder).unwrap_or_else(|error| {
        log::warn!("{error}; what is done is told by the checkpoints");
        None
    });
    let finished = summary.filter(|summary| summary.state == Standing::Finished);
    let saved = checkpoint::newest(&checkpoints(folder), plan);
    let wanted = plan.rounds();
    match (saved, finished) {
        // Without checkpoints the summary alone knows.
        (Err(CheckpointError::None(_)), Some(summary)) if summary.rounds == wanted => {
            Ok(Past::Finished(summary))
        }
        (saved, finished) => {
            let saved = saved?;
            let told = finished.as_ref().map_or(0, |summary| summary.rounds);
            let done = saved.state.rounds.max(told);
            if done > wanted {
                return Err(CheckpointError::Shorter {
                    folder: folder.clone(),
                    done,
                    wanted,
                }
                .into());
            }
            let over = done == wanted || plan.reached(saved.state.test.as_ref());
            Ok(match finished {
                Some(summary) if over => Past::Finished(summary),
                _ => Past::Saved(saved),
            })
        }
    }
}

/// All that writes into the run's folder.
pub(super) fn server_part(
    plan: &Plan,
    job: Option<&str>,
    trainer: &dyn Trainer,
    mut folder: RunFolder,
    saved: Option<Saved>,
    environment: &Environment,
    screen: Screen,
) -> Result<ServerPart> {
    folder.prepare(&plan.config, job)?;
    folder.note(environment)?;
    let state = saved.as_ref().map(|saved| &saved.state);
    let mut recorders =
        begin(plan, trainer, &folder, state).inspect_err(|error| refused(plan, &folder, error))?;
    let target = plan.target();
    let done = state.map_or(0, |state| state.rounds);
    recorders.extend(screen.recorders(&plan.config, target.as_ref().map(Target::name), done));
    Ok(ServerPart {
        folder,
        recorders,
        saved,
    })
}

/// A new run that is refused when its folder is there already says so in it.
fn refused(plan: &Plan, folder: &RunFolder, error: &Error) {
    if plan.config.resume.is_none() {
        let event = Event::Ended {
            state: Standing::Failed,
            reason: format!("{error:#}"),
            settled: true,
        };
        // The refusal itself is reported.
        let _ = SummaryFile::new(folder.path(), plan).record(&event, &[]);
    }
}

/// All that is written before the first round, and what writes it down; the run goes on after so
/// many rounds, if any.
fn begin(
    plan: &Plan,
    trainer: &dyn Trainer,
    folder: &RunFolder,
    saved: Option<&State>,
) -> Result<Vec<Box<dyn Recorder>>> {
    if let Some(path) = plan.save_partition()? {
        log::info!("the partition is in {}", path.display());
    }
    log::info!("results go to {}", folder.path().display());
    let rounds = plan.rounds();
    if let Some(State { rounds: done, .. }) = saved {
        log::info!("going on after round {done} of {rounds}");
    }
    let whole = Whole {
        layout: trainer.layout().clone(),
        frozen: trainer.frozen(),
    };
    Ok(folder.recorders(plan, &whole, saved)?)
}
