//! `journal.jsonl`: every event as one line of JSON, on disk before a round counts as done.

use super::fault;
use crate::event::{Event, RecordError, Recorder};
use crate::files::write_whole;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Appends events to a file.
pub struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Journal {
    /// Starts an empty journal.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: PathBuf) -> Result<Journal, RecordError> {
        let file = File::create(&path).map_err(|error| fault(&path, error))?;
        Ok(Journal { path, file: BufWriter::new(file) })
    }

    /// Goes on with a journal after so many rounds; what came later, or is torn, is cut off. Gives what
    /// is kept.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn resume(path: PathBuf, rounds: u32) -> Result<(Journal, Vec<Event>), RecordError> {
        let text = std::fs::read_to_string(&path).map_err(|error| fault(&path, error))?;
        let mut kept = String::new();
        let mut events = Vec::new();
        for line in text.lines().take(if rounds == 0 { 0 } else { usize::MAX }) {
            let Ok(event) = serde_json::from_str::<Event>(line) else { break };
            kept += line;
            kept.push('\n');
            let last = matches!(&event, Event::RoundDone(done) if done.round.0 + 1 == rounds);
            events.push(event);
            if last {
                break;
            }
        }
        write_whole(&path, kept.as_bytes()).map_err(|error| fault(&path, error))?;
        let file = File::options().append(true).open(&path).map_err(|error| fault(&path, error))?;
        Ok((Journal { path, file: BufWriter::new(file) }, events))
    }
}

impl Recorder for Journal {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        if matches!(event, Event::Saved(_)) {
            return Ok(());
        }
        let mut write = || {
            serde_json::to_writer(&mut self.file, event)?;
            self.file.write_all(b"\n")?;
            match event {
                Event::ClientTrained { .. } | Event::Arrived(_) => Ok(()),
                _ => self.file.flush().and_then(|()| self.file.get_ref().sync_data()),
            }
        };
        write().map_err(|error| fault(&self.path, error))
    }
}
