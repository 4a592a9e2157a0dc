//! What the events of a run add up to: its summary, written when it begins and when it ends.

use super::Summary;
use super::best::Best;
use crate::config::Mode;
use crate::event::{Event, RankReport, RecordError, Recorder, RoundDone, Standing, Started};
use crate::metrics::{Metrics, Target, median};
use crate::plan::Plan;
use crate::weights;
use std::path::{Path, PathBuf};

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

impl SummaryFile {
    /// Will write to the run's folder.
    pub fn new(folder: &Path, plan: &Plan) -> Self {
        let summary = Summary {
            state: Standing::Running,
            model: plan.config.model.to_string(),
            dataset: plan.config.dataset.to_string(),
            plan_digest: plan.digest(),
            data_digest: plan.data_digest(),
            affordable: plan.privacy.as_ref().and_then(|privacy| privacy.affordable),
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

    fn note_start(&mut self, started: &Started) {
        self.workers = started.workers;
        self.summary.planned = started.rounds;
        let slowdowns = &mut self.summary.worker_slowdowns;
        if let Some(slowdown) = &started.worker_slowdown
            && slowdowns.last() != Some(slowdown)
        {
            slowdowns.push(slowdown.clone());
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
        let target = self.target.as_ref();
        if target.is_some_and(|target| target.is_reached(test)) {
            let reached = &mut self.summary.target_reached_in_round;
            reached.get_or_insert(round + 1);
        }
    }

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
        summary.epsilon = done.epsilon;
        summary.late_clients += done.late as u64;
        summary.diverged_clients += done.diverged as u64;
        if self.mode == Mode::Sync {
            summary.dropped_clients += done.dropped as u64;
        }
        if let Some(test) = &done.test {
            self.note_test(done.round.0, test);
        }
        if self.best.note(done)
            && let Some((metric, round, value)) = self.best.found()
        {
            self.summary.best_round = Some(round.number());
            self.summary.best_test = [(metric.to_owned(), value)].into();
        }
    }

    fn note_end(&mut self, reason: &str, rounds: u32, ranks: &[RankReport], weights: &[f32]) {
        self.summary = Summary {
            state: Standing::Finished,
            reason: reason.to_owned(),
            rounds,
            model_hash: weights::hash(weights),
            bytes_sent: ranks.iter().map(|report| report.bytes_sent).sum(),
            peak_rss_mib: ranks.iter().map(|report| report.peak_rss_mib).collect(),
            ranks: ranks.to_vec(),
            ..self.summary.clone()
        };
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
            Event::Started(started) => {
                self.note_start(started);
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
                self.note_end(reason, *rounds, ranks, weights);
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
    use crate::metrics::{ACCURACY, LOSS};

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
}
