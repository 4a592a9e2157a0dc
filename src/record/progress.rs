//! A progress bar with the time left, for terminals.

use super::log::notes;
use crate::event::{Event, RecordError, Recorder};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows rounds done, time left and the newest figures.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over so many rounds, on stderr, of which some are `done`.
    pub fn new(rounds: u32, done: u32) -> Progress {
        let bar = ProgressBar::new(u64::from(rounds));
        let template = "round {pos}/{len} {wide_bar} {msg} {elapsed} (left {eta})";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(u64::from(done));
        // The time left follows from the rounds of this process.
        bar.reset_eta();
        Progress { bar }
    }
}

impl Recorder for Progress {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        match event {
            Event::RoundDone(done) => {
                notes(done).into_iter().for_each(|note| self.bar.println(note));
                if let Some(test) = &done.test {
                    self.bar.set_message(format!("accuracy {:.4}", test.accuracy()));
                }
                self.bar.set_position(u64::from(done.round.0) + 1);
            }
            Event::LeftOut { round, client, .. } => {
                self.bar.println(format!("round {round}: client {client} diverged and is left out"))
            }
            Event::Lost { rank, host, .. } => {
                self.bar.println(format!("rank {rank} on {host} is lost; the others go on"))
            }
            Event::Finished { reason, .. } => {
                self.bar.finish();
                self.bar.println(format!("the run ends: {reason}"));
            }
            Event::Ended { .. } => self.bar.abandon(),
            Event::Started(_)
            | Event::ClientTrained(_)
            | Event::Underway(_)
            | Event::Missing { .. }
            | Event::Arrived(_)
            | Event::Saved(_) => {}
        }
        Ok(())
    }
}
