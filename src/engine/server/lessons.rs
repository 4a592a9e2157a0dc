//! What a round leaves behind when its model has moved: who was left out of it goes on record, and
//! its times and losses teach the scheduler and the selector for the rounds to come.

use super::Server;
use crate::engine::EngineError;
use crate::engine::exchange::{Done, Failed, Returned};
use crate::event::{Event, Trained};
use crate::ids::Round;
use crate::transport::Transport;

impl<T: Transport> Server<'_, T> {
    /// Says who was left out of the round.
    pub(super) fn tell_left_out(
        &mut self,
        round: Round,
        left_out: &[Failed],
    ) -> Result<(), EngineError> {
        for Failed { rank, failure, .. } in left_out {
            let left_out = Event::LeftOut {
                round,
                client: failure.client,
                rank: *rank,
                reason: failure.reason.clone(),
            };
            self.recorder.record(&left_out, &self.global.weights)?;
        }
        Ok(())
    }

    /// What the round teaches: times for the scheduler, losses for the selector.
    pub(super) fn learn(&mut self, round: Round, returned: &Returned) -> Result<(), EngineError> {
        self.cost.forget();
        self.paces.client = returned
            .updates()
            .iter()
            .map(|done| done.update.seconds)
            .reduce(f64::min);
        for &Done {
            rank,
            samples,
            update,
            ..
        } in returned.updates()
        {
            self.cost.learn(rank, samples, update.seconds);
            self.selector.learn(update.client, update.loss);
            let trained = Trained {
                round,
                client: update.client,
                rank,
                samples,
                loss: update.loss,
                start: update.start,
                seconds: update.seconds,
                bits: update.bits,
            };
            self.recorder
                .record(&Event::ClientTrained(trained), &self.global.weights)?;
        }
        Ok(())
    }
}
