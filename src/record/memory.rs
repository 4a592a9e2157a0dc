//! A recorder that keeps events, for tests and callers of the library.

use crate::event::{Event, RecordError, Recorder, RoundDone};

/// Keeps every event.
#[derive(Debug, Default)]
pub struct Memory {
    /// In order.
    pub events: Vec<Event>,
}

impl Memory {
    /// The lines of all rounds.
    pub fn rounds(&self) -> impl Iterator<Item = &RoundDone> {
        self.events.iter().filter_map(|event| match event {
            Event::RoundDone(done) => Some(done),
            _ => None,
        })
    }
}

impl Recorder for Memory {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        self.events.push(event.clone());
        Ok(())
    }
}
