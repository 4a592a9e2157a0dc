//! `runtime`: longest processing time first to the earliest finish (Graham 1969, for unequal
//! machines as in Parrot, Tang et al. 2023), by the times that the cost model predicts.

use super::{Assignment, CostModel, Job, Scheduler, idle, largest_first};
use crate::ids::Rank;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Sizes within this ratio count as equal when a worker is chosen, never when its load is summed.
/// It bounds the planning of `k` clients on `w` workers by `O(k log w)` and some hundred sortings
/// of `w`.
const ALIKE: f64 = 0.98;

/// Largest clients first, each to the worker that will finish it first.
pub struct Runtime;

impl Scheduler for Runtime {
    fn assign(&mut self, cohort: &[Job], cost: &CostModel, workers: &[Rank]) -> Assignment {
        let jobs = largest_first(cohort);
        let lines: Vec<_> = workers.iter().map(|&rank| cost.line(rank)).collect();
        let mut loads = vec![0u64; workers.len()];
        let mut assigned = idle(workers);
        for alike in jobs.chunk_by(alike_within(&jobs)) {
            let typical = alike[alike.len() / 2].samples;
            let finish = |worker: usize, load: u64| {
                Reverse((load + ticks(lines[worker].seconds(typical)), worker))
            };
            let mut next: BinaryHeap<_> = loads
                .iter()
                .enumerate()
                .map(|(worker, &load)| finish(worker, load))
                .collect();
            for job in alike {
                let Some(mut first) = next.peek_mut() else { break };
                let worker = first.0.1;
                loads[worker] += ticks(lines[worker].seconds(job.samples));
                *first = finish(worker, loads[worker]);
                assigned[worker].1.push(job.client);
            }
        }
        assigned
    }
}

/// Whether two neighbours belong to one band of sizes: bands have fixed borders, powers of
/// [`ALIKE`].
fn alike_within(jobs: &[Job]) -> impl FnMut(&Job, &Job) -> bool {
    let largest = jobs.first().map_or(1, |job| job.samples.max(1)) as f64;
    let band = move |job: &Job| ((job.samples.max(1) as f64 / largest).ln() / ALIKE.ln()) as u64;
    move |one, other| one.samples == other.samples || band(one) == band(other)
}

/// Nanoseconds, so that loads are compared exactly.
fn ticks(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::super::least_makespan;
    use super::super::tests::{jobs, ranks};
    use super::*;
    use crate::seed::{Purpose, Seed};
    use rand::Rng;

    #[test]
    fn a_worker_of_half_speed_gets_a_third() {
        let mut cost = CostModel::default();
        cost.learn(Rank(1), 10, 1.0);
        cost.learn(Rank(2), 10, 2.0);
        let assigned = Runtime.assign(&jobs(&[10; 30]), &cost, &ranks(2));
        assert_eq!(
            assigned
                .iter()
                .map(|(_, clients)| clients.len())
                .collect::<Vec<_>>(),
            [20, 10]
        );
    }

    /// Speeds from 1 to 3 and power-law sizes, learned over five rounds.
    #[test]
    fn efficiency_is_98_percent_for_up_to_1024_workers() {
        for workers in [64, 256, 1024] {
            let mut stream = Seed(7).stream(Purpose::Data);
            let sizes: Vec<u64> = (0..100_000)
                .map(|_| (20.0 * stream.random_range(0.001f64..1.0).powf(-0.7)) as u64)
                .collect();
            let seconds = |rank: Rank, samples: u64| {
                (samples as f64 * 1e-3 + 0.002) * (1.0 + f64::from(rank.0 % 5) / 2.0)
            };
            let (cohort, ranks, mut cost) = (jobs(&sizes), ranks(workers), CostModel::default());
            let mut efficiency = 0.0;
            for _ in 0..5 {
                let assigned = Runtime.assign(&cohort, &cost, &ranks);
                cost.forget();
                let mut spent = Vec::new();
                let mut makespan = 0.0f64;
                for (rank, clients) in &assigned {
                    let times = clients.iter().map(|client| {
                        (sizes[client.index()], seconds(*rank, sizes[client.index()]))
                    });
                    let before = spent.len();
                    for (samples, time) in times {
                        cost.learn(*rank, samples, time);
                        spent.push(time);
                    }
                    makespan = makespan.max(spent[before..].iter().sum());
                }
                efficiency = least_makespan(&spent, workers) / makespan;
            }
            assert!(efficiency >= 0.98, "{workers} workers: {efficiency}");
        }
    }
}
