//! One log line per round.

use crate::event::{Event, RecordError, Recorder, RoundDone, Started};
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
            Event::Started(Started { rounds, workers, parameters, .. }) => {
                let (workers, rounds) = (counted(*workers, "worker"), counted(*rounds as usize, "round"));
                log::info!("{workers} on this plan: {rounds}, {parameters} parameters");
            }
            Event::RoundDone(done) => {
                let test = done.test.as_ref().map_or_else(String::new, |test| format!(" test {}", described(test)));
                let training = done.training.as_ref();
                let training =
                    training.map_or_else(String::new, |metrics| format!(" on training data {}", described(metrics)));
                let (round, rounds) = (done.round, self.rounds);
                notes(done).iter().for_each(|note| log::warn!("{note}"));
                let loss =
                    done.train_loss.map_or("nobody trained".to_owned(), |loss| format!("train loss {}", shown(loss)));
                let (seconds, hash) = (done.seconds, &done.model_hash);
                log::info!("round {round}/{rounds}: {seconds:.3} s, {loss},{test}{training} model {hash}");
            }
            Event::LeftOut { round, client, rank, reason } => {
                log::warn!("round {round}: client {client} on rank {rank} is left out: {reason}");
            }
            Event::Lost { round, rank, host, clients } => {
                log::warn!("round {round}: rank {rank} on {host} is lost; the others train its {clients} clients");
            }
            Event::Finished { reason, .. } => log::info!("the run ends: {reason}"),
            Event::ClientTrained(_)
            | Event::Underway(_)
            | Event::Missing { .. }
            | Event::Arrived(_)
            | Event::Saved(_)
            | Event::Ended { .. } => {}
        }
        Ok(())
    }
}

/// A figure in few letters, however large.
fn shown(value: f64) -> String {
    if value.abs() < 1e9 { format!("{value:.4}") } else { format!("{value:.4e}") }
}

/// What people should hear of a round whatever else is shown.
pub(super) fn notes(done: &RoundDone) -> Vec<String> {
    let round = done.round;
    let empty =
        (done.clients == 0).then(|| format!("round {round}: no client took part, and the model stays as it was"));
    let diverged = done.test.iter().flat_map(|test| {
        let named = test.diverged().into_iter();
        named.map(move |name| (name, test.value(name).unwrap_or(f64::NAN)))
    });
    let diverged = diverged.map(|(name, value)| {
        format!("round {round}: the test {name} is {value} (hint: training diverged; lower --lr or --server_lr)")
    });
    empty.into_iter().chain(diverged).collect()
}

/// Loss and the other metrics, as far as the task has them.
fn described(test: &Metrics) -> String {
    let shown = test.shown().into_iter().map(|(name, value)| format!("{name} {}", shown(value)));
    shown.collect::<Vec<_>>().join(" ")
}
