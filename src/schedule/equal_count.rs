//! `equal_count`: numpy's `array_split`, as in FedML's NCCL simulator. Blind to sizes: something to
//! measure the others against.

use super::{Assignment, CostModel, Job, Scheduler, idle};
use crate::ids::Rank;

/// Neighbours stay together; the first `k mod w` workers have one client more.
pub struct EqualCount;

impl Scheduler for EqualCount {
    fn assign(&mut self, cohort: &[Job], _: &CostModel, workers: &[Rank]) -> Assignment {
        let (each, more) = (cohort.len() / workers.len(), cohort.len() % workers.len());
        let mut rest = cohort.iter().map(|job| job.client);
        let mut assigned = idle(workers);
        for (turn, (_, clients)) in assigned.iter_mut().enumerate() {
            let count = each + usize::from(turn < more);
            clients.extend(rest.by_ref().take(count));
        }
        assigned
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{jobs, ranks};
    use super::*;

    #[test]
    fn ten_clients_on_four_workers() {
        let assigned = EqualCount.assign(&jobs(&[1; 10]), &CostModel::default(), &ranks(4));
        assert_eq!(
            assigned
                .iter()
                .map(|(_, clients)| clients.len())
                .collect::<Vec<_>>(),
            [3, 3, 2, 2]
        );
        assert_eq!(assigned[1].1[0].0, 3);
    }
}
