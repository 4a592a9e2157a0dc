//! Stage 4, schedule: which worker trains whom, and in what order?

mod asynchronous;
mod balanced;
mod cost;
mod dispatch;
mod equal_count;
mod play;
mod pull;
mod round_robin;
mod runtime;
mod slowdown;

use crate::ids::{ClientId, Rank};
use crate::part::{Entry, Kind};

pub use crate::select::Job;
pub use asynchronous::{Checkin, Chooser, Clock, Refill};
pub use cost::{CostModel, Line};
pub use dispatch::{Batch, Dispatch, DispatchMode};
pub use play::{Played, play};
pub use slowdown::{Slowdown, SlowdownError};

/// Each worker's clients, in the order of training.
pub type Assignment = Vec<(Rank, Vec<ClientId>)>;

/// Divides a cohort among workers.
///
/// Law: every client appears exactly once, on one of the workers, which come in the order given;
/// depends only on the arguments.
pub trait Scheduler {
    /// For each worker its clients.
    fn assign(&mut self, cohort: &[Job], cost: &CostModel, workers: &[Rank]) -> Assignment;
}

/// Makes a scheduler.
pub type Build = fn() -> Box<dyn Scheduler>;

/// All schedulers.
pub const KIND: Kind<Build> = Kind {
    setting: "scheduler",
    about: "scheduler",
    table: SCHEDULERS,
};

/// The one that gives no worker a second client before each has one.
pub const DEALING: &str = "round_robin";

/// Every scheduler, by the name users write.
pub const SCHEDULERS: &[Entry<Build>] = &[
    Entry::new("round_robin", "the cohort dealt out one client at a time", || {
        Box::new(round_robin::RoundRobin)
    }),
    Entry::new(
        "equal_count",
        "as many clients for each worker, in order (FedML's NCCL simulator)",
        || Box::new(equal_count::EqualCount),
    ),
    Entry::new(
        "balanced",
        "largest clients first, each to the worker with the fewest samples",
        || Box::new(balanced::Balanced),
    ),
    Entry::new(
        "runtime",
        "largest clients first, each to the worker that will finish it first, as past rounds tell",
        || Box::new(runtime::Runtime),
    ),
];

/// Largest first; clients of equal size in the order of their ids.
fn largest_first(cohort: &[Job]) -> Vec<Job> {
    let mut jobs = cohort.to_vec();
    jobs.sort_unstable_by_key(|job| (std::cmp::Reverse(job.samples), job.client));
    jobs
}

/// Workers without clients yet.
fn idle(workers: &[Rank]) -> Assignment {
    workers.iter().map(|&rank| (rank, Vec::new())).collect()
}

/// What no division of clients that take so long can beat: the mean load of the workers, or the
/// longest client.
///
/// ```
/// assert_eq!(fedmpi::schedule::least_makespan(&[3.0, 1.0, 2.0], 2), 3.0);
/// assert_eq!(fedmpi::schedule::least_makespan(&[2.0, 2.0, 2.0], 2), 3.0);
/// ```
pub fn least_makespan(seconds: &[f64], workers: usize) -> f64 {
    let longest = seconds.iter().copied().fold(0.0, f64::max);
    (seconds.iter().sum::<f64>() / workers.max(1) as f64).max(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn jobs(sizes: &[u64]) -> Vec<Job> {
        sizes
            .iter()
            .enumerate()
            .map(|(i, &samples)| Job {
                client: ClientId::from(i),
                samples,
            })
            .collect()
    }

    pub fn ranks(workers: usize) -> Vec<Rank> {
        (1..=workers).map(Rank::from).collect()
    }

    proptest! {
        #[test]
        fn every_scheduler_assigns_every_client_once(
            sizes in prop::collection::vec(1u64..1000, 0..60),
            workers in 1usize..9,
            history in prop::collection::vec((1u32..9, 1u64..1000, 0.0f64..5.0), 0..40),
        ) {
            let (cohort, ranks) = (jobs(&sizes), ranks(workers));
            let mut cost = CostModel::default();
            for (rank, samples, seconds) in history {
                cost.learn(Rank(rank), samples, seconds);
            }
            for entry in SCHEDULERS {
                let assigned = (entry.build)().assign(&cohort, &cost, &ranks);
                let (served, clients): (Vec<Rank>, Vec<_>) = assigned.into_iter().unzip();
                prop_assert_eq!(served, ranks.clone());
                let mut clients = clients.concat();
                clients.sort_unstable();
                prop_assert_eq!(clients, cohort.iter().map(|job| job.client).collect::<Vec<_>>());
            }
        }
    }
}
