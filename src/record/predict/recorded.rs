//! The rounds on record, and what their trainings would take on workers that are not slowed down.

use crate::event::{RoundDone, Trained};
use crate::ids::{ClientId, Rank, Round};
use crate::schedule::{Job, Slowdown};
use std::collections::BTreeMap;

/// More rounds tell nothing new; the last ones count.
const MOST_ROUNDS: usize = 200;

/// A round and its trainings, on record.
pub(super) struct Recorded<'a> {
    pub(super) done: &'a RoundDone,
    pub(super) updates: Vec<Trained>,
}

/// The trainings of a round.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) round: Round,
    pub(super) jobs: Vec<Job>,
    // On a worker that is not slowed down.
    pub(super) seconds: BTreeMap<ClientId, f64>,
}

/// The last rounds, each with its trainings; those without any are left out.
pub(super) fn recorded(rounds: &[RoundDone], trained: Vec<Trained>) -> Vec<Recorded<'_>> {
    let mut updates: BTreeMap<Round, Vec<Trained>> = BTreeMap::new();
    for update in trained {
        updates.entry(update.round).or_default().push(update);
    }
    let mut recorded = Vec::new();
    for done in &rounds[rounds.len().saturating_sub(MOST_ROUNDS)..] {
        if let Some(updates) = updates.remove(&done.round) {
            recorded.push(Recorded { done, updates });
        }
    }
    recorded
}

impl Recorded<'_> {
    /// What would have been to do on workers that are not slowed down.
    pub(super) fn load(&self, slowdown: &Slowdown, rounds: u32) -> Load {
        let (mut jobs, mut seconds) = (Vec::new(), BTreeMap::new());
        for update in &self.updates {
            jobs.push(Job {
                client: update.client,
                samples: update.samples,
            });
            let factor = slowed(slowdown, update.rank, update.round, rounds);
            seconds.insert(update.client, update.seconds / factor);
        }
        Load {
            round: self.done.round,
            jobs,
            seconds,
        }
    }
}

impl Load {
    /// How many samples each client trains on.
    pub(super) fn samples(&self) -> BTreeMap<ClientId, u64> {
        self.jobs
            .iter()
            .map(|job| (job.client, job.samples))
            .collect()
    }
}

/// How much longer a worker takes; none becomes faster than it is.
pub(super) fn slowed(slowdown: &Slowdown, rank: Rank, round: Round, rounds: u32) -> f64 {
    slowdown.factor(rank, round, rounds).max(1.0)
}
