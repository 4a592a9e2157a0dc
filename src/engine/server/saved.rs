//! What a run is saved as between two rounds, and how it goes on from there: nothing else decides
//! what comes next, so a run that goes on is the run that never stopped.

use super::Server;
use super::evaluation::Open;
use crate::engine::{EngineError, forgotten};
use crate::event::{Event, State};
use crate::message::{Content, Label, Order, Reduce};
use crate::transport::Transport;
use std::sync::Arc;

impl<T: Transport> Server<'_, T> {
    /// Goes on where a run was saved.
    ///
    /// # Errors
    /// Weights of another model; states of other parts; workers that are gone.
    pub fn go_on(&mut self, state: State, weights: Vec<f32>) -> Result<(), EngineError> {
        self.post.states.go_on(&state)?;
        let (found, wanted) = (weights.len(), self.global.weights.len());
        let mut memory = state.memory;
        // The best model follows what is remembered, where the run falls back on it.
        let remembered = self.global.memory.len().min(memory.len());
        let best = memory.drain(remembered..).next();
        if !self.global.restore(Arc::new(weights), memory) {
            return Err(EngineError::OtherModel { found, wanted });
        }
        if let Some(fallback) = &mut self.fallback {
            let best = best.map_or_else(|| Arc::clone(&self.global.weights), Arc::new);
            fallback.restore(state.test.as_ref(), best);
        }
        self.rounds = state.rounds;
        self.clock = state.clock;
        self.updates = state.updates;
        self.test = state.test;
        self.open = state
            .open
            .map(|done| Open::new(*done, &self.global.weights, self.trainer.pieces()));
        self.selector
            .restore(&state.selector)
            .map_err(forgotten("selector"))?;
        self.cost = serde_json::from_value(state.cost).map_err(forgotten("cost model"))?;
        self.tell_model()
    }

    /// Ranks that keep the model themselves take it over.
    pub(super) fn tell_model(&mut self) -> Result<(), EngineError> {
        if self.link.plan.reduce() != Reduce::Allreduce {
            return Ok(());
        }
        let mut content = Content::nothing().with(Label::Model, Arc::clone(&self.global.weights));
        for (place, memory) in (0..).zip(&self.global.memory) {
            content = content.with(Label::Memory(place), Arc::new(memory.clone()));
        }
        for rank in self.link.workers.clone() {
            self.link.send(rank, &Order::Model, content.clone())?;
        }
        Ok(())
    }

    /// Everything that the next round depends on, beside the weights.
    fn state(&mut self) -> Result<State, EngineError> {
        let (kept, kept_in) = self.post.states.pin()?;
        let mut memory = self.global.memory.to_vec();
        if let Some(fallback) = &self.fallback {
            let best = fallback.other_than(&self.global.weights);
            memory.extend(best.map(|best| best.to_vec()));
        }
        Ok(State {
            rounds: self.rounds,
            clock: self.clock,
            updates: self.updates,
            test: self.test.clone(),
            open: self.open.as_ref().map(|open| Box::new(open.done.clone())),
            selector: self.selector.state(),
            cost: serde_json::to_value(&self.cost).unwrap_or_default(),
            memory,
            kept,
            kept_in,
            flight: None,
            taken: 0.0,
        })
    }

    /// Tells recorders all that the next round depends on.
    ///
    /// # Errors
    /// Records that cannot be written.
    pub(in crate::engine) fn save(&mut self) -> Result<(), EngineError> {
        let saved = Event::Saved(self.state()?);
        Ok(self.recorder.record(&saved, &self.global.weights)?)
    }

    pub(super) fn save_if_wanted(&mut self) -> Result<(), EngineError> {
        if self.recorder.wants_state() {
            self.save()
        } else {
            Ok(())
        }
    }
}
