//! How clients reach workers: all at once as scheduled, or one by one as workers get free. Pure state;
//! the engine sends what it says.

use super::{Assignment, CostModel, Job, Line, largest_first};
use crate::ids::{ClientId, Rank};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The ways of dispatch. The result is the same, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum DispatchMode {
    /// The scheduler assigns the whole cohort at the start of the round.
    Planned,
    /// A worker gets its next client as soon as it finishes one; mostly that one is waiting already.
    Pull,
    /// FedML's classical layout: as many workers as clients in a round, one each.
    OnePerWorker,
}

/// Clients for one worker; `last` when nothing follows in this round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Who trains.
    pub rank: Rank,
    /// Whom.
    pub clients: Vec<ClientId>,
    /// Nothing more comes in this round.
    pub last: bool,
}

/// One round's orders.
pub struct Dispatch {
    opening: Vec<Batch>,
    rest: VecDeque<Job>,
    // Workers that wait for more.
    desks: BTreeMap<Rank, Desk>,
    // About the seconds that the best schedule would need, by prediction.
    least: f64,
}

/// What lies before a worker.
struct Desk {
    line: Line,
    // Clients that it has not reported.
    waiting: usize,
    // Predicted seconds of all that it was given.
    load: f64,
}

impl Dispatch {
    /// Everything at once. Workers without clients hear nothing.
    pub fn planned(assigned: Assignment) -> Dispatch {
        let busy = assigned.into_iter().filter(|(_, clients)| !clients.is_empty());
        let opening = busy.map(|(rank, clients)| Batch { rank, clients, last: true }).collect();
        Dispatch { opening, rest: VecDeque::new(), desks: BTreeMap::new(), least: 0.0 }
    }

    /// Largest clients first, to whoever is free, and the largest of all to the fastest workers. While a
    /// worker trains, one more client waits there, unless it would likely keep the round from its best end:
    /// then it stays for whoever is free first.
    pub fn pull(cohort: &[Job], workers: &[Rank], cost: &CostModel) -> Dispatch {
        let rest: VecDeque<Job> = largest_first(cohort).into();
        let largest = rest.front().map_or(0, |job| job.samples);
        let desk = |&rank: &Rank| (rank, Desk { line: cost.line(rank), waiting: 0, load: 0.0 });
        let desks: BTreeMap<Rank, Desk> = workers.iter().map(desk).collect();
        let mut fastest = workers.to_vec();
        fastest.sort_by(|a, b| desks[a].line.seconds(largest).total_cmp(&desks[b].line.seconds(largest)));
        let mut dispatch = Dispatch { least: least(cohort, largest, desks.values()), opening: Vec::new(), rest, desks };
        let first = |&rank: &Rank| Some(Batch { rank, clients: vec![dispatch.deal(rank)?], last: false });
        let mut opening: Vec<Batch> = fastest.iter().filter_map(first).collect();
        for batch in opening.iter_mut().rev() {
            batch.clients.extend(dispatch.deal_ahead(batch.rank));
        }
        if dispatch.rest.is_empty() {
            opening.iter_mut().for_each(|batch| batch.last = true);
            dispatch.desks.clear();
        }
        dispatch.opening = opening;
        dispatch
    }

    /// The orders that open the round.
    pub fn open(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.opening)
    }

    /// What a worker gets when it has finished a client.
    pub fn next(&mut self, rank: Rank) -> Option<Batch> {
        let desk = self.desks.get_mut(&rank)?;
        desk.waiting = desk.waiting.saturating_sub(1);
        let idle = desk.waiting == 0;
        let mut clients: Vec<ClientId> = if idle { self.deal(rank).into_iter().collect() } else { Vec::new() };
        clients.extend(self.deal_ahead(rank));
        let last = self.rest.is_empty();
        if last {
            self.desks.remove(&rank);
        }
        (last || !clients.is_empty()).then_some(Batch { rank, clients, last })
    }

    /// A worker gets nothing more.
    pub fn lose(&mut self, rank: Rank) {
        self.desks.remove(&rank);
    }

    /// The largest client that is left goes to a worker.
    fn deal(&mut self, rank: Rank) -> Option<ClientId> {
        let desk = self.desks.get_mut(&rank)?;
        let Job { client, samples } = self.rest.pop_front()?;
        desk.waiting += 1;
        desk.load += desk.line.seconds(samples);
        Some(client)
    }

    /// The same when it is to wait there, if it should.
    fn deal_ahead(&mut self, rank: Rank) -> Option<ClientId> {
        let (desk, next) = (self.desks.get(&rank)?, self.rest.front()?);
        let timely = desk.load + desk.line.seconds(next.samples) <= self.least * (1.0 + 1e-9);
        if desk.waiting == 1 && timely { self.deal(rank) } else { None }
    }
}

/// The seconds that all workers together need if nobody ever waits, but not less than the largest client
/// takes where it is trained fastest.
fn least<'a>(cohort: &[Job], largest: u64, desks: impl Iterator<Item = &'a Desk> + Clone) -> f64 {
    let samples = cohort.iter().map(|job| job.samples).sum();
    let alone = |line: &Line| line.seconds(samples) + line.constant * (cohort.len() as f64 - 1.0);
    let together = 1.0 / desks.clone().map(|desk| 1.0 / alone(&desk.line)).sum::<f64>();
    desks.map(|desk| desk.line.seconds(largest)).fold(f64::INFINITY, f64::min).max(together)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{jobs, ranks};
    use super::*;
    use crate::seed::{Purpose, Seed};
    use rand::Rng;
    use std::collections::BTreeSet;

    fn batch(rank: u32, clients: &[u32], last: bool) -> Batch {
        Batch { rank: Rank(rank), clients: clients.iter().map(|&client| ClientId(client)).collect(), last }
    }

    fn pull(sizes: &[u64], workers: u32) -> Dispatch {
        Dispatch::pull(&jobs(sizes), &ranks(workers as usize), &CostModel::default())
    }

    #[test]
    fn pull_deals_the_largest_first_and_one_ahead() {
        let mut dispatch = pull(&[2, 5, 3, 4, 2, 2], 2);
        assert_eq!(dispatch.open(), [batch(1, &[1, 0], false), batch(2, &[3, 2], false)]);
        // Both can end after 9; rank 2 has that much once the next client waits there, and gets no more ahead.
        assert_eq!(dispatch.next(Rank(2)), Some(batch(2, &[4], false)));
        assert_eq!(dispatch.next(Rank(2)), None);
        assert_eq!(dispatch.next(Rank(1)), Some(batch(1, &[5], true)));
        assert_eq!(dispatch.next(Rank(2)), Some(batch(2, &[], true)));
        assert_eq!(dispatch.next(Rank(2)), None);
    }

    #[test]
    fn nothing_waits_behind_a_client_that_takes_the_whole_round() {
        let mut dispatch = pull(&[10, 3, 3, 3, 1], 2);
        assert_eq!(dispatch.open(), [batch(1, &[0], false), batch(2, &[1, 2], false)]);
        assert_eq!(dispatch.next(Rank(2)), Some(batch(2, &[3], false)));
        // Who is free gets the next in any case.
        assert_eq!(dispatch.next(Rank(1)), Some(batch(1, &[4], true)));
    }

    #[test]
    fn the_largest_client_goes_to_the_fastest_worker() {
        let mut cost = CostModel::default();
        cost.learn(Rank(1), 10, 4.0);
        cost.learn(Rank(2), 10, 1.0);
        let opening = Dispatch::pull(&jobs(&[5, 9]), &ranks(2), &cost).open();
        assert_eq!(opening, [batch(2, &[1], true), batch(1, &[0], true)]);
    }

    /// Power-law sizes on eight workers, one three times slower: as the cost model says, to 10 %.
    #[test]
    fn pull_ends_within_3_percent_of_the_best_end() {
        let sizes: Vec<u64> = (1..=200).map(|place| 20_000 / (place + 10)).collect();
        let slow = |rank: Rank| if rank == Rank(3) { 3.0 } else { 1.0 };
        let mut cost = CostModel::default();
        ranks(8).iter().for_each(|&rank| cost.learn(rank, 100, 100.0 * slow(rank)));
        let mut dispatch = Dispatch::pull(&jobs(&sizes), &ranks(8), &cost);
        let least = dispatch.least;
        let mut stream = Seed(3).stream(Purpose::Data);
        let mut queues: BTreeMap<Rank, VecDeque<ClientId>> = BTreeMap::new();
        let mut now = BTreeMap::from_iter(ranks(8).into_iter().map(|rank| (rank, 0.0)));
        dispatch.open().into_iter().for_each(|batch| queues.entry(batch.rank).or_default().extend(batch.clients));
        // Whoever ends its client first reports it, until nobody has one.
        while let Some((&rank, seconds)) = queues
            .iter()
            .filter_map(|(rank, queue)| Some((rank, now[rank] + sizes[queue.front()?.index()] as f64 * slow(*rank))))
            .min_by(|one, other| one.1.total_cmp(&other.1))
        {
            let taken = seconds - now[&rank];
            now.insert(rank, now[&rank] + taken * stream.random_range(0.9..1.1));
            queues.entry(rank).or_default().pop_front();
            queues.entry(rank).or_default().extend(dispatch.next(rank).into_iter().flat_map(|batch| batch.clients));
        }
        let makespan = now.into_values().fold(0.0, f64::max);
        assert!(least / makespan > 0.97, "{}", least / makespan);
    }

    #[test]
    fn few_clients_leave_workers_idle() {
        assert!(pull(&[1, 2], 3).open().iter().all(|batch| batch.last && batch.clients.len() == 1));
        let assigned = vec![(Rank(1), vec![ClientId(0)]), (Rank(2), vec![])];
        assert_eq!(Dispatch::planned(assigned).open().len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn every_client_is_sent_once_and_every_worker_hears_the_end(
            sizes in proptest::collection::vec(1u64..50, 0..40), workers in 1u32..9, order in proptest::collection::vec(0usize..9, 0..200),
        ) {
            let cohort = jobs(&sizes);
            let mut dispatch = pull(&sizes, workers);
            let mut sent = dispatch.open();
            let engaged: BTreeSet<Rank> = sent.iter().map(|batch| batch.rank).collect();
            let mut ended: Vec<Rank> = sent.iter().filter(|batch| batch.last).map(|batch| batch.rank).collect();
            let mut waiting: Vec<usize> = vec![0; workers as usize + 1];
            sent.iter().for_each(|batch| waiting[batch.rank.index()] += batch.clients.len());
            let anybody = (0..).map(|turn| order.get(turn).map_or(turn, |&turn| turn) % workers as usize + 1);
            for turn in anybody.take(1000) {
                let rank = Rank::from(turn);
                if waiting[turn] == 0 || ended.contains(&rank) {
                    continue;
                }
                waiting[turn] -= 1;
                if let Some(batch) = dispatch.next(rank) {
                    waiting[turn] += batch.clients.len();
                    proptest::prop_assert!(waiting[turn] <= 2);
                    ended.extend(batch.last.then_some(rank));
                    sent.push(batch);
                }
                proptest::prop_assert!(waiting[turn] > 0 || ended.contains(&rank), "an idle worker");
            }
            let mut trained: Vec<ClientId> = sent.iter().flat_map(|batch| batch.clients.clone()).collect();
            trained.sort_unstable();
            proptest::prop_assert_eq!(trained, cohort.iter().map(|job| job.client).collect::<Vec<_>>());
            proptest::prop_assert_eq!(ended.len(), engaged.len());
            proptest::prop_assert_eq!(ended.into_iter().collect::<BTreeSet<_>>(), engaged);
        }
    }
}
