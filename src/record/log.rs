//! One log line per round.

use crate::event::{Event, RecordError, Recorder};
use crate::ids::counted;
use crate::metrics::Metrics;

/// Writes rounds to the log.
pub struct RoundLog {
    /// Rounds planned.
    pub rounds: u32,
}

impl Recorder for RoundLog {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        match event {
            Event::Started { rounds, workers, parameters, .. } => {
                let (workers, rounds) = (counted(*workers, "worker"), counted(*rounds as usize, "round"));
                log::info!("{workers} on this plan: {rounds}, {parameters} parameters");
            }
            Event::RoundDone(done) => {
                let test = done.test.as_ref().map_or_else(String::new, |test| format!(" test {}", described(test)));
                let (round, rounds) = (done.round.0 + 1, self.rounds);
                if done.clients == 0 {
                    log::warn!("round {round}/{rounds}: no client took part, and the model stays as it was");
                }
                let (loss, seconds, hash) = (done.train_loss, done.seconds, &done.model_hash);
                log::info!("round {round}/{rounds}: {seconds:.3} s, train loss {loss:.4},{test} model {hash}");
            }
            Event::Lost { round, rank, host, clients } => log::warn!(
                "round {}: rank {rank} on {host} is lost; the others train its {clients} clients",
                round.0 + 1
            ),
            Event::ClientTrained { .. } | Event::Arrived(_) | Event::Saved(_) | Event::Finished { .. } => {}
        }
        Ok(())
    }
}

/// Loss and the other metrics, as far as the task has them.
fn described(test: &Metrics) -> String {
    let shown = test.shown().into_iter().map(|(name, value)| format!("{name} {value:.4}"));
    shown.collect::<Vec<_>>().join(" ")
}
