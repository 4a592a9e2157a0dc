//! `summary.json`: the run in a few figures.

use super::best::Best;
use super::{fault, unread};
use crate::config::Mode;
use crate::event::{Event, RankReport, RecordError, Recorder, RoundDone, Standing, Started};
use crate::files;
use crate::ids::Rank;
use crate::metrics::{ACCURACY, LOSS, Metrics, Target, median};
use crate::plan::Plan;
use crate::weights;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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

/// Collects the figures and writes them at the end.
pub struct SummaryFile {
    folder: PathBuf,
    target: Option<Target>,
    metrics: &'static [&'static str],
    mode: Mode,
    summary: Summary,
    best: Best,
    seconds: Vec<f64>,
    efficiency: Vec<f64>,
    trained: f64,
    workers: usize,
    // Seconds of all workers, whether they trained or not.
    offered: f64,
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

impl SummaryFile {
    /// Will write to the run's folder.
    pub fn new(folder: &Path, plan: &Plan) -> Self {
        let summary = Summary {
            state: Standing::Running,
            model: plan.config.model.to_string(),
            dataset: plan.config.dataset.to_string(),
            plan_digest: plan.digest(),
            data_digest: plan.data_digest(),
            ..Summary::default()
        };
        SummaryFile {
            folder: folder.to_owned(),
            target: plan.target(),
            metrics: plan.dataset.facts.task.metrics(),
            mode: plan.mode(),
            summary,
            best: Best::of(plan.target().as_ref()),
            seconds: Vec::new(),
            efficiency: Vec::new(),
            trained: 0.0,
            workers: 1,
            offered: 0.0,
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
        let known = self
            .metrics
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), test.value(name)?)));
        self.summary.final_test = known.collect();
        if self
            .target
            .as_ref()
            .is_some_and(|target| target.is_reached(test))
        {
            self.summary
                .target_reached_in_round
                .get_or_insert(round + 1);
        }
    }
}

impl SummaryFile {
    fn note_round(&mut self, done: &RoundDone) {
        let seconds = done.seconds + done.evaluation_seconds;
        self.seconds.push(done.seconds);
        self.efficiency.extend(done.schedule.efficiency);
        self.offered += self.workers as f64 * seconds;
        let summary = &mut self.summary;
        summary.rounds = done.round.0 + 1;
        summary.model_hash.clone_from(&done.model_hash);
        summary.total_seconds += seconds;
        summary.virtual_seconds = done.clock;
        summary.updates = done.updates;
        summary.late_clients += done.late as u64;
        summary.diverged_clients += done.diverged as u64;
        if self.mode == Mode::Sync {
            summary.dropped_clients += done.dropped as u64;
        }
        done.test
            .iter()
            .for_each(|test| self.note_test(done.round.0, test));
        if self.best.note(done)
            && let Some((metric, round, value)) = self.best.found()
        {
            self.summary.best_round = Some(round.number());
            self.summary.best_test = [(metric.to_owned(), value)].into();
        }
    }

    /// Writes how the run stands, in figures.
    fn write(&self) -> Result<(), RecordError> {
        let summary = Summary {
            median_round_seconds: median(&self.seconds),
            median_efficiency: (!self.efficiency.is_empty()).then(|| median(&self.efficiency)),
            worker_utilisation: if self.offered > 0.0 {
                self.trained / self.offered
            } else {
                0.0
            },
            ..self.summary.clone()
        };
        summary.write(&self.folder)
    }
}

impl Recorder for SummaryFile {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        match event {
            Event::Started(Started {
                rounds,
                workers,
                worker_slowdown,
                ..
            }) => {
                self.workers = *workers;
                self.summary.planned = *rounds;
                let known = &mut self.summary.worker_slowdowns;
                known.extend(
                    worker_slowdown
                        .clone()
                        .filter(|slowdown| known.last() != Some(slowdown)),
                );
                // From now on the folder holds a run that is not finished.
                return self.write();
            }
            Event::RoundDone(done) => self.note_round(done),
            Event::ClientTrained(trained) => self.note_update(0, trained.seconds),
            Event::Arrived(arrived) => {
                self.summary.dropped_updates += u64::from(arrived.weight.is_none());
                self.note_update(arrived.staleness as usize, arrived.seconds);
            }
            Event::Lost { rank, .. } => self.summary.lost_workers.push(*rank),
            Event::Finished {
                reason,
                ranks,
                rounds,
                ..
            } => {
                self.summary = Summary {
                    state: Standing::Finished,
                    reason: reason.clone(),
                    rounds: *rounds,
                    model_hash: weights::hash(weights),
                    bytes_sent: ranks.iter().map(|report| report.bytes_sent).sum(),
                    peak_rss_mib: ranks.iter().map(|report| report.peak_rss_mib).collect(),
                    ranks: ranks.clone(),
                    ..self.summary.clone()
                };
                return self.write();
            }
            Event::Ended {
                state,
                reason,
                settled,
            } => {
                self.summary.state = *state;
                self.summary.settled = *settled;
                self.summary.reason.clone_from(reason);
                return self.write();
            }
            Event::Saved(_)
            | Event::Underway(_)
            | Event::LeftOut { .. }
            | Event::Missing { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::event::Schedule;
    use crate::ids::Round;

    #[test]
    fn a_run_that_fails_says_so_and_numbers_that_are_none_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = Plan::resolve(Config::default()).expect("sound");
        let mut file = SummaryFile::new(folder.path(), &plan);
        let read = || {
            Summary::read(folder.path())
                .expect("readable")
                .expect("there")
        };
        let started = |workers| {
            Event::Started(Started {
                rounds: 9,
                workers,
                parameters: 1,
                ..Started::default()
            })
        };
        file.record(&started(4), &[]).expect("written");
        assert_eq!(read().state, Standing::Running);
        let test = Some(Metrics::default().with(LOSS, f64::INFINITY, 3).with(
            ACCURACY,
            f64::NAN,
            3,
        ));
        let done = RoundDone {
            round: Round(1),
            seconds: 1.0,
            test,
            schedule: Schedule::default(),
            ..RoundDone::default()
        };
        file.record(&Event::RoundDone(done.clone()), &[])
            .expect("noted");
        // One worker goes on for as long: five seconds of workers are offered.
        file.record(&started(1), &[]).expect("written");
        file.record(&Event::RoundDone(done), &[]).expect("noted");
        file.note_update(0, 2.5);
        let reason = "round 3: gone".to_owned();
        file.record(
            &Event::Ended {
                state: Standing::Failed,
                reason: reason.clone(),
                settled: true,
            },
            &[],
        )
        .expect("written");
        let summary = read();
        assert_eq!((summary.state, summary.rounds, summary.reason), (Standing::Failed, 2, reason));
        assert!(summary.settled);
        assert_eq!((summary.final_test_loss, summary.worker_utilisation), (f64::INFINITY, 0.5));
        assert!(summary.final_test_accuracy.is_nan() && summary.final_test[LOSS].is_infinite());
    }

    #[test]
    fn summaries_of_older_programs_are_of_finished_runs() {
        let older: Summary =
            serde_json::from_str(r#"{"rounds": 3, "final_test_loss": null}"#).expect("readable");
        assert!(older.state == Standing::Finished && older.final_test_loss.is_nan());
    }
}
