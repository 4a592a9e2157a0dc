//! A run as one line among others.

use super::ending::{last_sign, reason};
use super::runs::{begun, standing, started};
use super::summary::Summary;
use super::tail::Tail;
use crate::event::Standing;
use crate::metrics::{ACCURACY, LOSS};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is said of a run where several are listed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The last part of its folder, by which it is found below `runs`.
    pub run: String,
    /// Its folder.
    pub folder: PathBuf,
    /// How it stands.
    pub state: Standing,
    /// Why it ended, in words; empty while it goes on. Of a run that could say nothing any more,
    /// since when it is silent.
    pub reason: String,
    /// Rounds done.
    pub round: u32,
    /// Rounds planned.
    pub rounds: u32,
    /// Name of the metric that says most.
    pub metric: &'static str,
    /// Its last value; none before the first evaluation.
    #[serde(with = "crate::number")]
    pub value: Option<f64>,
    /// When it began.
    pub started: Timestamp,
    /// Seconds of its rounds; while it goes on, or when it was killed, from its start to its last
    /// sign of life.
    #[serde(with = "crate::number")]
    pub seconds: f64,
    /// Hosts of its workers.
    pub hosts: Vec<String>,
    /// Its ranks, the server included.
    pub ranks: usize,
    /// Name of the data set.
    pub dataset: String,
    /// Name of the model.
    pub model: String,
}

impl Listed {
    /// What a run's folder says. A run that has ended said it in its summary; of another one the
    /// journal's end tells. The config is not read: that takes longer than all the rest.
    pub fn look(folder: &Path) -> Listed {
        // A summary that cannot be read tells nothing.
        let summary = Summary::read(folder).ok().flatten();
        let state = standing(folder, summary.as_ref());
        let begun = begun(folder);
        let started = started(folder, begun.as_ref());
        let reason = reason(folder, state, summary.as_ref());
        let (summary, begun) = (summary.unwrap_or_default(), begun.unwrap_or_default());
        let has_ended = !matches!(state, Standing::Running | Standing::Killed);
        let told = (summary.rounds, last_of(&summary));
        let (round, (metric, value)) = if has_ended {
            told
        } else {
            newest(folder, told)
        };
        let hosts: BTreeSet<String> = begun.hosts.into_values().collect();
        Listed {
            run: last_part(folder),
            folder: folder.to_owned(),
            state,
            reason,
            round,
            // A run that went on by an older program may have done more than it began with.
            rounds: if summary.planned > 0 {
                summary.planned
            } else {
                begun.rounds.max(round)
            },
            metric,
            value,
            started,
            seconds: if has_ended {
                summary.total_seconds
            } else {
                lasted(folder, state, started)
            },
            hosts: hosts.into_iter().collect(),
            ranks: begun.workers + 1,
            dataset: summary.dataset,
            model: summary.model,
        }
    }
}

fn last_part(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A metric and its last value.
type Figure = (&'static str, Option<f64>);

/// The last evaluation by the summary.
fn last_of(summary: &Summary) -> Figure {
    if summary.final_test.is_empty() {
        return (ACCURACY, None);
    }
    let (metric, value) = summary.lead();
    (metric, Some(value))
}

/// Rounds done and the last evaluation by the journal, and by what the summary told where that
/// knows more.
fn newest(folder: &Path, told: (u32, Figure)) -> (u32, Figure) {
    let tail = Tail::read(folder);
    let test = tail.test.map(|test| test.lead());
    (tail.rounds.max(told.0), test.map_or(told.1, |(metric, value)| (metric, Some(value))))
}

/// Seconds from a run's start to its last sign of life.
fn lasted(folder: &Path, state: Standing, started: Timestamp) -> f64 {
    let last = if state == Standing::Running {
        Some(Timestamp::now())
    } else {
        last_sign(folder)
    };
    last.map_or(0.0, |last| last.duration_since(started).as_secs_f64().max(0.0))
}

impl Listed {
    /// Its last value in words, as `97.59 %` or `loss 0.1234`.
    pub fn result(&self) -> String {
        match self.value {
            None => "-".to_owned(),
            Some(value) if self.metric == LOSS => format!("loss {value:.4}"),
            Some(value) => format!("{:.2} %", 100.0 * value),
        }
    }
}
