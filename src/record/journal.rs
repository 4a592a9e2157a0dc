//! `journal.jsonl`: every event as one line of JSON, on disk before a round counts as done.

use super::fault;
use crate::event::{Event, RecordError, Recorder};
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
}

impl Recorder for Journal {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
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
