//! `--json`: what happens in a run, on standard output, for programs that start it.

use crate::event::{Event, RecordError, Recorder};
use crate::record::Journal;
use std::io::{self, BufWriter, Stdout, Write};

/// Prints events as the journal has them.
pub(super) struct Events {
    out: BufWriter<Stdout>,
}

impl Events {
    /// Those that are still to come.
    pub(super) fn new() -> Events {
        Events {
            out: BufWriter::new(io::stdout()),
        }
    }

    fn print(&mut self, event: &Event) -> io::Result<()> {
        let Some(line) = Journal::line(event)? else { return Ok(()) };
        self.out.write_all(&line)?;
        // Clients come in crowds, and their round after them.
        if matches!(event, Event::ClientTrained(_) | Event::Arrived(_)) {
            Ok(())
        } else {
            self.out.flush()
        }
    }
}

impl Recorder for Events {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        // The work counts, not who reads.
        let _ = self.print(event);
        Ok(())
    }
}
