//! `accuracy.txt` and `time.txt`: what the async-FL framework leaves behind, one number per
//! evaluation.

use super::fault;
use super::lines::Lines;
use crate::event::{Event, RecordError, Recorder};
use std::io::Write;
use std::path::Path;

/// The files' names.
pub const ACCURACY: &str = "accuracy.txt";
pub const TIME: &str = "time.txt";

/// Appends to both files.
pub struct AsyncFl {
    accuracy: Lines,
    time: Lines,
}

impl AsyncFl {
    /// Starts both files empty.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn create(folder: &Path) -> Result<AsyncFl, RecordError> {
        Ok(AsyncFl {
            accuracy: empty(folder, ACCURACY)?,
            time: empty(folder, TIME)?,
        })
    }
}

fn empty(folder: &Path, name: &str) -> Result<Lines, RecordError> {
    let path = folder.join(name);
    Lines::create(path.clone()).map_err(|error| fault(&path, error))
}

impl Recorder for AsyncFl {
    /// Accuracy in percent, and seconds on the run's clock.
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        let Event::RoundDone(done) = event else { return Ok(()) };
        let Some(test) = &done.test else { return Ok(()) };
        for (lines, value) in [
            (&mut self.accuracy, test.accuracy() * 100.0),
            (&mut self.time, done.clock),
        ] {
            let written = writeln!(lines, "{value}").and_then(|()| lines.settle());
            written.map_err(|error| fault(lines.path(), error))?;
        }
        Ok(())
    }
}
