//! `summary.json`: the run in a few figures.

use super::{fault, unread};
use crate::event::{RankReport, RecordError, Standing};
use crate::files;
use crate::ids::Rank;
use crate::metrics::{ACCURACY, LOSS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The file's name.
pub const SUMMARY: &str = "summary.json";

/// The content of `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// How the run stands.
    pub state: Standing,
    /// Why it ended, in words.
    pub reason: String,
    /// Whether another attempt from the same state would end alike.
    pub settled: bool,
    /// Name of the model.
    pub model: String,
    /// Name of the data set.
    pub dataset: String,
    /// Fingerprint of the plan and its data.
    pub plan_digest: String,
    /// Fingerprint of the data and of how it is divided; empty in those of older programs.
    pub data_digest: String,
    /// Rounds done.
    pub rounds: u32,
    /// Rounds planned; 0 in summaries of older programs.
    pub planned: u32,
    /// Share of test samples predicted right, from 0 to 1.
    #[serde(with = "crate::number")]
    pub final_test_accuracy: f64,
    /// Mean test loss in nats.
    #[serde(with = "crate::number")]
    pub final_test_loss: f64,
    /// Every metric of the last evaluation by name, as the task has them.
    #[serde(with = "crate::number")]
    pub final_test: BTreeMap<String, f64>,
    /// The round (from 1) after which the target's metric, or the accuracy, was best.
    pub best_round: Option<u64>,
    /// That metric's name and value.
    #[serde(with = "crate::number")]
    pub best_test: BTreeMap<String, f64>,
    /// First round (from 1) after which the target was there.
    pub target_reached_in_round: Option<u32>,
    /// Hash of the final model.
    pub model_hash: String,
    /// Median seconds of a round, evaluation excluded.
    #[serde(with = "crate::number")]
    pub median_round_seconds: f64,
    /// Median efficiency of the schedule: the least makespan over the real one; none without
    /// rounds.
    #[serde(with = "crate::number")]
    pub median_efficiency: Option<f64>,
    /// Emulated slowdowns of workers, one after another when the run went on with another one:
    /// times are then not those of the machine.
    pub worker_slowdowns: Vec<String>,
    /// Updates that counted.
    pub updates: u64,
    /// Updates that were dropped because they were too stale.
    pub dropped_updates: u64,
    /// Times that a selected client dropped out (`--drop_rate`).
    pub dropped_clients: u64,
    /// Times that a selected client came too late, or was not needed any more (`--over_select`).
    pub late_clients: u64,
    /// Times that a client was left out because its training diverged (`--on_nan skip`).
    pub diverged_clients: u64,
    /// What is given away of each client, at most (`--update noise`).
    #[serde(with = "crate::number", skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Rounds that a privacy budget has room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affordable: Option<u32>,
    /// How many updates had which staleness, from 0 up; one number in sync mode.
    pub staleness_histogram: Vec<u64>,
    /// Seconds on the run's virtual clock.
    #[serde(with = "crate::number")]
    pub virtual_seconds: f64,
    /// Share of the run that workers spent on training, from 0 to 1.
    #[serde(with = "crate::number")]
    pub worker_utilisation: f64,
    /// Seconds of all rounds, evaluation included.
    #[serde(with = "crate::number")]
    pub total_seconds: f64,
    /// Bytes of message content that all ranks sent since the run began or went on.
    pub bytes_sent: u64,
    /// Largest resident memory of each rank in MiB.
    #[serde(with = "crate::number")]
    pub peak_rss_mib: Vec<f64>,
    /// Workers that were lost on the way.
    pub lost_workers: Vec<Rank>,
    /// Each rank's own report.
    pub ranks: Vec<RankReport>,
}

impl Summary {
    /// The summary in a run's folder; none where there is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Summary>, RecordError> {
        let path = folder.join(SUMMARY);
        let bytes = match files::bytes(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| unread(&path, error))?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| unread(&path, error))
    }

    /// Writes it into a run's folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), RecordError> {
        let path = folder.join(SUMMARY);
        let text = serde_json::to_string_pretty(self).map_err(|error| fault(&path, error))?;
        files::write_whole(&path, text.as_bytes()).map_err(|error| fault(&path, error))
    }

    /// The metric that says most of the last evaluation.
    pub fn lead(&self) -> (&'static str, f64) {
        match self.final_test.is_empty() || self.final_test.contains_key(ACCURACY) {
            true => (ACCURACY, self.final_test_accuracy),
            false => (LOSS, self.final_test_loss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_older_programs_are_of_finished_runs() {
        let older: Summary =
            serde_json::from_str(r#"{"rounds": 3, "final_test_loss": null}"#).expect("readable");
        assert!(older.state == Standing::Finished && older.final_test_loss.is_nan());
    }
}
