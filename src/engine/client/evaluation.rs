//! A worker's share of an evaluation: piece after piece of test data, or client after client.

use super::Worker;
use crate::engine::EngineError;
use crate::ids::{ClientId, Round};
use crate::message::{Content, Frame, Label, Report, Scope};
use crate::metrics::Metrics;
use crate::transport::Transport;
use std::sync::Arc;

/// Pieces of test data that are evaluated between two signs of life.
const PIECES: usize = 16;

impl<T: Transport> Worker<'_, T> {
    /// Evaluates the model after a round, and says what came of it.
    pub(super) fn examine(
        &mut self,
        round: Round,
        on: Scope,
        content: &Content,
    ) -> Result<(), EngineError> {
        if let Some(weights) = content.floats(Label::Model) {
            self.examined = Some((round, Arc::clone(weights)));
        }
        // The first share of a round brings its model, unless it is here.
        let weights = match &self.examined {
            Some((at, weights)) if *at == round => Arc::clone(weights),
            _ => Arc::clone(&self.global.weights),
        };
        let metrics = self.evaluate(&weights, on)?;
        self.tell(Frame::bare(&Report::Evaluated { round, metrics }))
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
            let some = first..pieces.end.min(first + PIECES);
            sum.add(&self.trainer.evaluate_pieces(weights, some)?);
            self.pulse.live()?;
        }
        Ok(sum)
    }
}
