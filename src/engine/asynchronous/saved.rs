//! What a run without rounds is saved as, right after the model has moved, and how it goes on from
//! there.

use super::Server;
use crate::engine::flight::Flight;
use crate::engine::{EngineError, forgotten};
use crate::event::{Event, InFlight, State};
use crate::ids::Round;
use crate::transport::Transport;
use std::sync::Arc;

impl<T: Transport> Server<'_, T> {
    /// Goes on where a run was saved.
    pub(super) fn go_on(&mut self, state: State, weights: Vec<f32>) -> Result<(), EngineError> {
        let (found, wanted) = (weights.len(), self.global.len());
        let saved = state.flight.unwrap_or_default();
        if found != wanted || saved.starts.values().any(|start| start.len() != wanted) {
            return Err(EngineError::OtherModel { found, wanted });
        }
        let Some(flight) = Flight::restore(&saved, state.clock) else {
            return Err(EngineError::Forgotten {
                part: "trainings under way",
                reason: "the model that one of them started from is missing".to_owned(),
            });
        };
        self.flight = flight;
        self.chooser
            .restore(&saved.chooser)
            .map_err(forgotten("choice of clients"))?;
        self.rule
            .restore(&saved.rule)
            .map_err(forgotten("aggregator"))?;
        self.global = Arc::new(weights);
        self.version = state.rounds;
        self.link.round = Round(self.version);
        self.moved_at = saved.moved_at;
        self.clock_before = state.clock;
        self.taken_before = state.taken;
        self.updates = state.updates;
        self.test = state.test;
        Ok(())
    }

    /// Everything that follows depends on this, right after the model has moved.
    pub(super) fn save(&mut self) -> Result<(), EngineError> {
        let flight = InFlight {
            moved_at: self.moved_at,
            chooser: self.chooser.state(),
            rule: self.rule.state(),
            ..self.flight.save()
        };
        let state = State {
            rounds: self.version,
            clock: self.flight.now,
            taken: self.taken(),
            updates: self.updates,
            test: self.test.clone(),
            open: None,
            flight: Some(flight),
            ..State::default()
        };
        Ok(self.recorder.record(&Event::Saved(state), &self.global)?)
    }
}
