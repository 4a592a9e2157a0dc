//! The evaluation of a model outside a run, divided among ranks as in one.

use super::EngineError;
use super::examination::Examination;
use super::link::Link;
use crate::config::Evaluator;
use crate::event::Recorder;
use crate::ids::Round;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::train::Trainer;
use crate::transport::{Metered, Transport};
use crate::weights::Weights;

/// Evaluates a model as rank 0, while the other ranks [`super::serve`]; it ends them.
///
/// # Errors
/// Any rank's fault; the caller ends the job.
pub fn evaluate<T: Transport>(
    plan: &Plan,
    wire: &mut Metered<T>,
    trainer: &mut dyn Trainer,
    weights: &Weights,
    recorder: &mut dyn Recorder,
) -> Result<Metrics, EngineError> {
    let mut link = Link::open(plan, wire)?;
    let round = Round(0);
    let metrics = match plan.evaluator() {
        Evaluator::Server => {
            let mut examination = Examination::new(trainer.pieces());
            link.examine(round, weights, &mut examination, true, trainer, recorder)?;
            examination.sum().clone()
        }
        Evaluator::Clients => link.survey(round, weights, recorder)?,
    };
    let (_, fault) = link.close(trainer.device())?;
    fault.map_or(Ok(metrics), Err)
}
