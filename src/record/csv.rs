//! `metrics.csv`: one line per round, for spreadsheets and plots.

use super::fault;
use super::lines::Lines;
use crate::event::{Event, RecordError, Recorder};
use serde::Serialize;
use std::path::PathBuf;

/// Writes one line per round.
pub struct MetricsCsv {
    path: PathBuf,
    writer: csv::Writer<Lines>,
}

#[derive(Serialize)]
struct Line<'a> {
    round: u64,
    clients: usize,
    dropped: usize,
    late: usize,
    diverged: usize,
    samples: u64,
    train_loss: Option<f64>,
    test_loss: Option<f64>,
    test_accuracy: Option<f64>,
    train_set_loss: Option<f64>,
    train_set_accuracy: Option<f64>,
    seconds: f64,
    evaluation_seconds: f64,
    virtual_seconds: f64,
    clock: f64,
    updates: u64,
    staleness: f64,
    planning_seconds: f64,
    makespan_seconds: f64,
    client_bytes: u64,
    cluster_bytes: u64,
    efficiency: Option<f64>,
    prediction_error: Option<f64>,
    epsilon: Option<f64>,
    model_hash: &'a str,
}

impl MetricsCsv {
    /// Starts an empty table.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: PathBuf) -> Result<MetricsCsv, RecordError> {
        let lines = Lines::create(path.clone()).map_err(|error| fault(&path, error))?;
        let writer = csv::Writer::from_writer(lines);
        Ok(MetricsCsv { path, writer })
    }
}

impl Recorder for MetricsCsv {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        let Event::RoundDone(done) = event else { return Ok(()) };
        let line = Line {
            round: done.round.number(),
            clients: done.clients,
            dropped: done.dropped,
            late: done.late,
            diverged: done.diverged,
            samples: done.samples,
            train_loss: done.train_loss,
            test_loss: done.test.as_ref().map(|test| test.loss()),
            test_accuracy: done.test.as_ref().and_then(|test| test.value("accuracy")),
            train_set_loss: done.training.as_ref().map(|training| training.loss()),
            train_set_accuracy: done
                .training
                .as_ref()
                .and_then(|training| training.value("accuracy")),
            seconds: done.seconds,
            evaluation_seconds: done.evaluation_seconds,
            virtual_seconds: done.virtual_seconds,
            clock: done.clock,
            updates: done.updates,
            staleness: done.staleness,
            planning_seconds: done.schedule.planning_seconds,
            makespan_seconds: done.schedule.makespan_seconds,
            client_bytes: done.client_bytes,
            cluster_bytes: done.cluster_bytes,
            efficiency: done.schedule.efficiency,
            prediction_error: done.schedule.prediction_error,
            epsilon: done.epsilon,
            model_hash: &done.model_hash,
        };
        self.writer
            .serialize(line)
            .map_err(|error| fault(&self.path, error))?;
        self.writer
            .flush()
            .map_err(|error| fault(&self.path, error))
    }
}
