//! Memory in both senses: a recorder that keeps events, for tests and callers of the library, and
//! this process's peak.

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

/// Largest resident memory of this process so far in MiB; 0 where the system does not say.
pub fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
