//! `round_robin`: the cohort dealt out like cards. With one client per worker this is FedML's
//! classical layout.

use super::{Assignment, CostModel, Job, Scheduler, idle};
use crate::ids::Rank;

/// The i-th client goes to worker i modulo the number of workers.
pub struct RoundRobin;

impl Scheduler for RoundRobin {
    fn assign(&mut self, cohort: &[Job], _: &CostModel, workers: &[Rank]) -> Assignment {
        let mut assigned = idle(workers);
        for (turn, job) in cohort.iter().enumerate() {
            assigned[turn % workers.len()].1.push(job.client);
        }
        assigned
    }
}
