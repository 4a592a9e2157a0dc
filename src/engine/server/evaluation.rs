//! Stage 9 of a round: how good the model is. Where nothing waits for the answer the server finds
//! it while the next round is trained, and all ranks do what is left when that ends.

use super::Server;
use crate::config::Evaluator;
use crate::engine::EngineError;
use crate::engine::examination::Examination;
use crate::event::{Event, RoundDone};
use crate::ids::Round;
use crate::metrics::Metrics;
use crate::transport::Transport;
use crate::weights::Weights;
use std::sync::Arc;
use std::time::Instant;

/// A worker that asks while the server evaluates a piece waits for a quarter of a client's training
/// at most.
const ATTENTIVE: f64 = 0.25;

/// How long things take, as far as the last round told.
#[derive(Default)]
pub(super) struct Paces {
    /// The shortest training of a client.
    pub(super) client: Option<f64>,
    /// What the server takes for a piece of an evaluation.
    piece: Option<f64>,
}

/// A round that is done but for its evaluation.
pub(super) struct Open {
    pub(super) done: RoundDone,
    // The model after it.
    weights: Weights,
    examination: Examination,
}

impl Open {
    /// Nothing is evaluated yet, on so many pieces of test data.
    pub(super) fn new(done: RoundDone, weights: &Weights, pieces: usize) -> Open {
        Open {
            done,
            weights: Arc::clone(weights),
            examination: Examination::new(pieces),
        }
    }
}

impl<T: Transport> Server<'_, T> {
    /// Whether a round's evaluation may go on during the next one, without keeping workers waiting.
    pub(super) fn evaluates_meanwhile(&self, round: Round) -> bool {
        let Paces {
            client: Some(client),
            piece: Some(piece),
        } = self.paces
        else {
            return false;
        };
        piece <= ATTENTIVE * client && self.link.plan.evaluates_meanwhile(round)
    }

    /// Whether there is something to do while nobody has news.
    pub(super) fn is_evaluating(&self) -> bool {
        self.open.is_some()
    }

    /// The server does a piece of the evaluation that is open, if there is one and the run shall go
    /// on.
    pub(super) fn evaluate_meanwhile(&mut self) -> Result<(), EngineError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        self.link.look_for_end()?;
        open.examination.step(&open.weights, self.trainer)?;
        if open.examination.is_over() {
            self.settle()
        } else {
            Ok(())
        }
    }

    /// Ends the evaluation that is open, if there is one.
    pub(super) fn settle(&mut self) -> Result<(), EngineError> {
        match self.open.take() {
            // Workers may have moved on.
            Some(open) => self.close(open, true).map(drop),
            None => Ok(()),
        }
    }

    /// Evaluates a round, and puts it on record; without its evaluation when that fails. The model
    /// travels to workers that keep it, if theirs may be another.
    pub(super) fn close(
        &mut self,
        mut open: Open,
        travels: bool,
    ) -> Result<RoundDone, EngineError> {
        let (began, carried) = (Instant::now(), self.carried());
        let evaluated = self.evaluate(&mut open, travels);
        let Open {
            mut done, weights, ..
        } = open;
        done.evaluation_seconds = began.elapsed().as_secs_f64();
        done.cluster_bytes += self.carried() - carried;
        let failed =
            evaluated.map(|(test, training)| (done.test, done.training) = (test, training));
        self.recorder
            .record(&Event::RoundDone(done.clone()), &weights)?;
        failed?;
        if done.test.is_some() {
            self.test.clone_from(&done.test);
        }
        self.fall_back(done.test.as_ref())?;
        Ok(done)
    }

    /// Puts a round on record whose evaluation is cut short. A run that goes on from here evaluates
    /// it then.
    pub(super) fn cut_short(&mut self) -> Result<(), EngineError> {
        let Some(Open { done, weights, .. }) = &self.open else { return Ok(()) };
        Ok(self
            .recorder
            .record(&Event::RoundDone(done.clone()), weights)?)
    }

    /// On test data, and on what clients train on where that is asked for.
    fn evaluate(
        &mut self,
        open: &mut Open,
        travels: bool,
    ) -> Result<(Option<Metrics>, Option<Metrics>), EngineError> {
        let (round, plan) = (open.done.round, self.link.plan);
        if !plan.evaluates_after(round) {
            return Ok((None, None));
        }
        let Open {
            weights,
            examination,
            ..
        } = open;
        let test = match plan.evaluator() {
            Evaluator::Server => {
                self.link.examine(
                    round,
                    weights,
                    examination,
                    travels,
                    self.trainer,
                    self.recorder,
                )?;
                self.paces.piece = examination.pace();
                examination.sum().clone()
            }
            Evaluator::Clients => self.link.survey(round, weights, self.recorder)?,
        };
        let training = match plan.config.evaluate_training {
            true => Some(self.link.appraise(round, weights, self.recorder)?),
            false => None,
        };
        Ok((Some(test), training))
    }

    /// After an evaluation that is no better than the best the run goes on from that, if it shall.
    fn fall_back(&mut self, test: Option<&Metrics>) -> Result<(), EngineError> {
        let (Some(fallback), Some(test)) = (&mut self.fallback, test) else {
            return Ok(());
        };
        let Some((test, weights)) = fallback.judge(test, &self.global.weights) else {
            return Ok(());
        };
        let (metric, value) = test.lead();
        log::info!(
            "the model is no better than the best so far \
             ({metric} {value:.4}), from which the run goes on"
        );
        (self.test, self.global.weights) = (Some(test), weights);
        self.tell_model()
    }
}
