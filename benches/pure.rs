//! Times of the parts without libtorch or MPI: planning a round, and adding an update.
//!
//! cargo bench --bench pure

use fedmpi::ids::{ClientId, Rank};
use fedmpi::metrics::median;
use fedmpi::schedule::{CostModel, Dispatch, Job, SCHEDULERS};
use fedmpi::weights::ExactSum;
use std::collections::VecDeque;
use std::time::Instant;

fn milliseconds(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() * 1e3
    };
    median(&(0..9).map(once).collect::<Vec<_>>())
}

/// Workers of five speeds, and what is known of them.
fn trained(workers: u32) -> (Vec<Rank>, CostModel) {
    let ranks: Vec<Rank> = (1..=workers).map(Rank).collect();
    let mut cost = CostModel::default();
    for &rank in &ranks {
        [100, 1000]
            .into_iter()
            .for_each(|samples| cost.learn(rank, samples, seconds(rank, samples)));
    }
    (ranks, cost)
}

fn seconds(rank: Rank, samples: u64) -> f64 {
    (1.0 + f64::from(rank.0 % 5) / 2.0) * (samples as f64 * 1e-3 + 2e-3)
}

/// Deals a cohort out; workers report in turn, whoever has something.
fn pull(cohort: &[Job], ranks: &[Rank], cost: &CostModel) -> usize {
    let mut dispatch = Dispatch::pull(cohort, ranks, cost);
    let mut reports: VecDeque<(Rank, ClientId)> = VecDeque::new();
    let mut batches = dispatch.open();
    let mut sent = 0;
    loop {
        sent += batches
            .iter()
            .map(|batch| batch.clients.len())
            .sum::<usize>();
        reports.extend(
            batches
                .iter()
                .flat_map(|batch| batch.clients.iter().map(|client| (batch.rank, *client))),
        );
        let Some((rank, client)) = reports.pop_front() else { return sent };
        batches = dispatch.next(rank, client, seconds(rank, cohort[client.index()].samples));
    }
}

fn main() {
    // Power-law sizes without a random generator: the golden ratio spreads the points evenly.
    let spread = |i: u32| (f64::from(i) * 0.618_033_988_749_895).fract().max(1e-3);
    let cohort: Vec<Job> = (0..100_000)
        .map(|i| Job {
            client: ClientId(i),
            samples: (20.0 * spread(i).powf(-0.7)) as u64,
        })
        .collect();
    println!("{:<12}{:>10}{:>14}", "scheduler", "workers", "planning ms");
    for entry in SCHEDULERS {
        for workers in [64, 256, 1024] {
            let (ranks, cost) = trained(workers);
            let mut scheduler = (entry.build)();
            let time = milliseconds(|| drop(scheduler.assign(&cohort, &cost, &ranks)));
            println!("{:<12}{workers:>10}{time:>14.2}", entry.name);
        }
    }
    println!("\n{:<12}{:>10}{:>14}", "dispatch", "workers", "us a report");
    for workers in [4, 64, 1024] {
        let (ranks, cost) = trained(workers);
        let time = milliseconds(|| _ = pull(&cohort[..20_000], &ranks, &cost));
        println!("{:<12}{workers:>10}{:>14.2}", "pull", time / 20.0);
    }
    println!("\n{:<22}{:>14}", "exact sum, values", "add ms");
    for length in [10_000, 1_700_000, 11_000_000] {
        let (global, update) = (vec![0.5f32; length], vec![0.6f32; length]);
        let mut sum = ExactSum::new(length, 1000);
        let time = milliseconds(|| sum.add(ClientId(0), 1, &global, &update).expect("finite"));
        println!("{length:<22}{time:>14.3}");
    }
}
