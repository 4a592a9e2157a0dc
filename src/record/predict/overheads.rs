//! What a round takes beside its trainings, fitted from the record.

use super::recorded::Recorded;
use crate::config::Config;
use crate::event::{RoundDone, Trained};
use crate::ids::Rank;
use crate::message::Reduce;
use crate::metrics::median;
use std::collections::BTreeMap;

/// What a round takes beside training, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Overheads {
    pub(super) planning: f64,
    // Before each training, on its worker.
    pub(super) pause: f64,
    // For each worker that trains, or for each doubling of ranks.
    pub(super) exchange: f64,
    pub(super) rest: f64,
    // On one rank, for each round.
    pub(super) evaluation: f64,
}

impl Overheads {
    /// Medians over rounds, so that a bad moment does not count.
    pub(super) fn fit(config: &Config, recorded: &[Recorded<'_>], workers: usize) -> Overheads {
        let evaluation: f64 = recorded
            .iter()
            .map(|recorded| recorded.done.evaluation_seconds)
            .sum();
        Overheads {
            planning: middle(recorded, |done, _| done.schedule.planning_seconds),
            pause: middle(recorded, |_, ends| ends.pause),
            exchange: middle(recorded, |done, ends| {
                let after = done.schedule.makespan_seconds - ends.last;
                after / messages(config, ends.busy, workers)
            }),
            rest: middle(recorded, |done, _| {
                done.seconds - done.schedule.planning_seconds - done.schedule.makespan_seconds
            }),
            evaluation: evaluation / recorded.len() as f64 * (workers + 1) as f64,
        }
    }
}

/// The median over rounds of what one took, at least nothing.
fn middle(recorded: &[Recorded<'_>], seconds: impl Fn(&RoundDone, &Ends) -> f64) -> f64 {
    let all: Vec<f64> = recorded
        .iter()
        .map(|recorded| seconds(recorded.done, &Ends::of(&recorded.updates)).max(0.0))
        .collect();
    median(&all)
}

/// How the cost of an exchange grows: the server talks to every worker that trains, or all ranks
/// sum in a tree.
pub(super) fn messages(config: &Config, busy: usize, workers: usize) -> f64 {
    match config.reduce {
        Reduce::Allreduce => ((workers + 1) as f64).log2(),
        Reduce::Server | Reduce::Worker => busy.max(1) as f64,
    }
}

/// What the workers of a round report.
struct Ends {
    // Seconds from a worker's first order to the end of its last training, of the last worker.
    last: f64,
    // Mean seconds of a worker between trainings.
    pause: f64,
    busy: usize,
}

impl Ends {
    fn of(updates: &[Trained]) -> Ends {
        let mut ends: BTreeMap<Rank, f64> = BTreeMap::new();
        for update in updates {
            let end = ends.entry(update.rank).or_default();
            *end = end.max(update.start + update.seconds);
        }
        let trained: f64 = updates.iter().map(|update| update.seconds).sum();
        Ends {
            last: ends.values().copied().fold(0.0, f64::max),
            pause: (ends.values().sum::<f64>() - trained) / updates.len().max(1) as f64,
            busy: ends.len(),
        }
    }
}
