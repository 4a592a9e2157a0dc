//! A run from its start to its end, in rounds or without, on record however it ends.

use super::server::Server;
use super::{EngineError, asynchronous};
use crate::config::Mode;
use crate::event::{Event, Recorder, State};
use crate::ids::Rank;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::stop;
use crate::train::Trainer;
use crate::transport::{Metered, Transport};

/// What a run yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The final model, flat.
    pub weights: Vec<f32>,
    /// Rounds done.
    pub rounds: u32,
    /// The last evaluation.
    pub test: Option<Metrics>,
    /// Why the run ends here.
    pub reason: String,
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
    on_record(recorder, |recorder| run_to_end(plan, wire, trainer, recorder, saved))
}

/// A run whose records say how it ended, however that was.
pub(super) fn on_record(
    recorder: &mut dyn Recorder,
    run: impl FnOnce(&mut dyn Recorder) -> Result<Outcome, EngineError>,
) -> Result<Outcome, EngineError> {
    let ended = stop::catch(|| run(&mut *recorder));
    let ended = ended.unwrap_or_else(|reason| {
        Err(EngineError::Broken {
            rank: Rank::SERVER,
            reason,
        })
    });
    ended.inspect_err(|fault| {
        let (state, settled) = (fault.standing(), fault.is_settled());
        let event = Event::Ended {
            state,
            reason: fault.to_string(),
            settled,
        };
        // The fault itself is reported; what cannot be written any more is said beside it.
        recorder
            .record(&event, &[])
            .unwrap_or_else(|error| log::warn!("{error}"));
    })
}

/// As [`run`], without a word of how it ended.
pub(super) fn run_to_end<T: Transport>(
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
    while !plan.is_over(server.rounds(), server.test()) {
        match server.advance() {
            // The round in hand has changed nothing yet.
            Err(EngineError::EndWanted) => {
                server.save()?;
                return Err(EngineError::EndWanted);
            }
            other => other?,
        }
    }
    server.finish()
}
