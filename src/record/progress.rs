//! A progress bar with the time left, for terminals.

use crate::event::{Event, RecordError, Recorder};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows rounds done, time left and the newest figures.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over so many rounds, on stderr.
    pub fn new(rounds: u32) -> Progress {
        let bar = ProgressBar::new(u64::from(rounds));
        let template = "round {pos}/{len} {wide_bar} {msg} {elapsed} (left {eta})";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar }
    }
}

impl Recorder for Progress {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        match event {
            Event::RoundDone(done) => {
                if done.clients == 0 {
                    self.bar.println(format!("no client took part in round {}", done.round.0 + 1));
                }
                if let Some(test) = &done.test {
                    self.bar.set_message(format!("accuracy {:.4}", test.accuracy()));
                }
                self.bar.inc(1);
            }
            Event::Lost { rank, host, .. } => {
                self.bar.println(format!("rank {rank} on {host} is lost; the others go on"))
            }
            Event::Finished { .. } => self.bar.finish(),
            Event::Started { .. } | Event::ClientTrained { .. } | Event::Arrived(_) | Event::Saved(_) => {}
        }
        Ok(())
    }
}
