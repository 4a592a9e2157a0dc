//! `summary.json`: the run in a few figures.

use super::fault;
use crate::config::Mode;
use crate::event::{Event, RankReport, RecordError, Recorder};
use crate::files::write_whole;
use crate::ids::Rank;
use crate::metrics::{Metrics, Target, median};
use crate::plan::Plan;
use crate::weights;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The content of `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Name of the model.
    pub model: String,
    /// Name of the data set.
    pub dataset: String,
    /// Fingerprint of the plan and its data.
    pub plan_digest: String,
    /// Rounds done.
    pub rounds: u32,
    /// Share of test samples predicted right, from 0 to 1.
    pub final_test_accuracy: f64,
    /// Mean test loss in nats.
    pub final_test_loss: f64,
    /// Every metric of the last evaluation by name, as the task has them.
    pub final_test: BTreeMap<String, f64>,
    /// First round (from 1) after which the target was there.
    pub target_reached_in_round: Option<u32>,
    /// Hash of the final model.
    pub model_hash: String,
    /// Median seconds of a round, evaluation excluded.
    pub median_round_seconds: f64,
    /// Median efficiency of the schedule: the least makespan over the real one; none without rounds.
    pub median_efficiency: Option<f64>,
    /// Emulated slowdowns of workers, one after another when the run went on with another one: times are
    /// then not those of the machine.
    pub worker_slowdowns: Vec<String>,
    /// Updates that counted.
    pub updates: u64,
    /// Updates that were dropped because they were too stale.
    pub dropped_updates: u64,
    /// Times that a selected client dropped out (`--drop_rate`).
    pub dropped_clients: u64,
    /// Times that a selected client came too late, or was not needed any more (`--over_select`).
    pub late_clients: u64,
    /// How many updates had which staleness, from 0 up; one number in sync mode.
    pub staleness_histogram: Vec<u64>,
    /// Seconds on the run's virtual clock.
    pub virtual_seconds: f64,
    /// Share of the run that workers spent on training, from 0 to 1.
    pub worker_utilisation: f64,
    /// Seconds of all rounds, evaluation included.
    pub total_seconds: f64,
    /// Bytes of message content that all ranks sent since the run began or went on.
    pub bytes_sent: u64,
    /// Largest resident memory of each rank in MiB.
    pub peak_rss_mib: Vec<f64>,
    /// Workers that were lost on the way.
    pub lost_workers: Vec<Rank>,
    /// Each rank's own report.
    pub ranks: Vec<RankReport>,
}

/// Collects the figures and writes them at the end.
pub struct SummaryFile {
    path: PathBuf,
    target: Option<Target>,
    metrics: &'static [&'static str],
    mode: Mode,
    summary: Summary,
    seconds: Vec<f64>,
    efficiency: Vec<f64>,
    trained: f64,
    workers: usize,
}

impl SummaryFile {
    /// Will write to `path`.
    pub fn new(path: PathBuf, plan: &Plan) -> Self {
        let summary = Summary {
            model: plan.config.model.clone(),
            dataset: plan.config.dataset.clone(),
            plan_digest: plan.digest(),
            ..Summary::default()
        };
        SummaryFile {
            path,
            target: plan.target(),
            metrics: plan.dataset.facts.task.metrics(),
            mode: plan.mode(),
            summary,
            seconds: Vec::new(),
            efficiency: Vec::new(),
            trained: 0.0,
            workers: 1,
        }
    }

    fn note_update(&mut self, staleness: usize, seconds: f64) {
        let histogram = &mut self.summary.staleness_histogram;
        histogram.resize(histogram.len().max(staleness + 1), 0);
        histogram[staleness] += 1;
        self.trained += seconds;
    }

    fn note_test(&mut self, round: u32, test: &Metrics) {
        self.summary.final_test_accuracy = test.accuracy();
        self.summary.final_test_loss = test.loss();
        let known = self.metrics.iter().filter_map(|name| Some(((*name).to_owned(), test.value(name)?)));
        self.summary.final_test = known.collect();
        if self.target.as_ref().is_some_and(|target| target.is_reached(test)) {
            self.summary.target_reached_in_round.get_or_insert(round + 1);
        }
    }
}

impl Recorder for SummaryFile {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        match event {
            Event::RoundDone(done) => {
                self.seconds.push(done.seconds);
                self.summary.total_seconds += done.seconds + done.evaluation_seconds;
                self.efficiency.extend(done.schedule.efficiency);
                self.summary.virtual_seconds = done.clock;
                self.summary.updates = done.updates;
                self.summary.late_clients += done.late as u64;
                if self.mode == Mode::Sync {
                    self.summary.dropped_clients += done.dropped as u64;
                }
                done.test.iter().for_each(|test| self.note_test(done.round.0, test));
                Ok(())
            }
            Event::Finished { ranks, rounds, .. } => {
                let summary = Summary {
                    rounds: *rounds,
                    model_hash: weights::hash(weights),
                    median_round_seconds: median(&self.seconds),
                    median_efficiency: (!self.efficiency.is_empty()).then(|| median(&self.efficiency)),
                    worker_utilisation: self.trained / (self.workers as f64 * self.summary.total_seconds).max(1e-9),
                    bytes_sent: ranks.iter().map(|report| report.bytes_sent).sum(),
                    peak_rss_mib: ranks.iter().map(|report| report.peak_rss_mib).collect(),
                    ranks: ranks.clone(),
                    ..self.summary.clone()
                };
                let text = serde_json::to_string_pretty(&summary).map_err(|error| fault(&self.path, error))?;
                write_whole(&self.path, text.as_bytes()).map_err(|error| fault(&self.path, error))
            }
            Event::Started { workers, worker_slowdown, .. } => {
                self.workers = *workers;
                let known = &mut self.summary.worker_slowdowns;
                known.extend(worker_slowdown.clone().filter(|slowdown| known.last() != Some(slowdown)));
                Ok(())
            }
            Event::ClientTrained { seconds, .. } => {
                self.note_update(0, *seconds);
                Ok(())
            }
            Event::Lost { rank, .. } => {
                self.summary.lost_workers.push(*rank);
                Ok(())
            }
            Event::Saved(_) => Ok(()),
            Event::Arrived(arrived) => {
                self.summary.dropped_updates += u64::from(arrived.weight.is_none());
                self.note_update(arrived.staleness as usize, arrived.seconds);
                Ok(())
            }
        }
    }
}
