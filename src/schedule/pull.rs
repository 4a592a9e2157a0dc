//! `pull`: a worker gets its next client as soon as it finishes one, and mostly that one waits
//! there already. The largest clients go first. Where speeds differ, whoever is free first is not
//! always who should train next: a slow worker that takes the last client lets all others wait for
//! it. So predictions have a say, and measured seconds correct them while the round goes on.

mod prediction;

use super::{Batch, CostModel, Job, largest_first};
use crate::ids::{ClientId, Rank};
use prediction::Desk;
use std::collections::{BTreeMap, VecDeque};

/// One round's clients on their way to workers.
pub struct Pull {
    cost: CostModel,
    // Largest first.
    rest: VecDeque<Job>,
    // Workers to which something may still be sent.
    desks: BTreeMap<Rank, Desk>,
    clients: f64,
    samples: u64,
    largest: u64,
}

impl Pull {
    /// Nothing is sent yet.
    pub fn new(cohort: &[Job], workers: &[Rank], cost: CostModel) -> Pull {
        let rest: VecDeque<Job> = largest_first(cohort).into();
        let mut pull = Pull {
            cost,
            desks: workers
                .iter()
                .map(|&rank| (rank, Desk::default()))
                .collect(),
            clients: cohort.len() as f64,
            samples: cohort.iter().map(|job| job.samples).sum(),
            largest: rest.front().map_or(0, |job| job.samples),
            rest,
        };
        pull.predict();
        pull
    }

    /// A worker has trained a client, in so many seconds. The answer is what that sets off.
    pub fn next(&mut self, rank: Rank, client: ClientId, seconds: f64) -> Vec<Batch> {
        let Some(desk) = self.desks.get_mut(&rank) else { return Vec::new() };
        // A client that it got in a lost worker's place is no part of this.
        let Some(place) = desk.waiting.iter().position(|job| job.client == client) else {
            return Vec::new();
        };
        let samples = desk.waiting.remove(place).map_or(0, |job| job.samples);
        desk.spent += seconds;
        self.cost.learn(rank, samples, seconds);
        self.predict();
        self.deal(Some(rank))
    }

    /// A worker gets nothing more; what it has not reported is trained elsewhere.
    pub fn lose(&mut self, rank: Rank) {
        self.desks.remove(&rank);
    }

    /// Whether a worker has nothing to do, and waits for what the others make of the rest.
    pub fn rests(&self, rank: Rank) -> bool {
        self.desks
            .get(&rank)
            .is_some_and(|desk| desk.waiting.is_empty())
    }

    /// Gives a client to every idle worker that should have one, and one to wait there to those and
    /// to the worker that has just reported. An idle worker takes the largest client that
    /// leaves the round its best end, or one that nobody else would end sooner; else it waits
    /// for what the others make of it. When no client is left, workers hear that it was the
    /// last.
    pub fn deal(&mut self, reported: Option<Rank>) -> Vec<Batch> {
        let least = self.least() * (1.0 + 1e-9);
        let seekers = self.seekers(reported);
        let mut dealt: BTreeMap<Rank, Vec<ClientId>> = BTreeMap::new();
        for &rank in &seekers {
            if self.desks[&rank].waiting.is_empty()
                && let Some(place) = self.timely(rank, least).or_else(|| self.unrivalled(rank))
            {
                dealt.entry(rank).or_default().push(self.give(rank, place));
            }
        }
        for &rank in seekers.iter().rev() {
            if self.desks[&rank].waiting.len() == 1
                && let Some(place) = self.timely(rank, least)
            {
                dealt.entry(rank).or_default().push(self.give(rank, place));
            }
        }
        let last = self.rest.is_empty();
        seekers
            .into_iter()
            .filter_map(|rank| self.batch(rank, dealt.remove(&rank).unwrap_or_default(), last))
            .collect()
    }

    /// Workers that are idle, and the one that has just reported: first who would train the largest
    /// client fastest.
    fn seekers(&self, reported: Option<Rank>) -> Vec<Rank> {
        let mut seekers: Vec<(Rank, f64)> = self
            .desks
            .iter()
            .filter(|(rank, desk)| desk.waiting.is_empty() || Some(**rank) == reported)
            .map(|(rank, desk)| (*rank, desk.line.seconds(self.largest)))
            .collect();
        seekers.sort_by(|one, other| one.1.total_cmp(&other.1));
        seekers.into_iter().map(|(rank, _)| rank).collect()
    }

    /// What a worker hears, if anything: nothing when it has not been told of this round and never
    /// will be.
    fn batch(&mut self, rank: Rank, clients: Vec<ClientId>, last: bool) -> Option<Batch> {
        let desk = self.desks.get_mut(&rank)?;
        let first = !desk.engaged && !clients.is_empty();
        desk.engaged |= first;
        let tells = desk.engaged && (last || !clients.is_empty());
        if last {
            self.desks.remove(&rank);
        }
        tells.then_some(Batch {
            rank,
            clients,
            first,
            last,
        })
    }

    /// Puts a client of the rest on a worker's desk.
    fn give(&mut self, rank: Rank, place: usize) -> ClientId {
        let job = self.rest.remove(place).expect("a place among the rest");
        self.desks.entry(rank).or_default().waiting.push_back(job);
        job.client
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{jobs, ranks};
    use super::*;
    use crate::seed::{Purpose, Seed, Stream};
    use proptest::prelude::*;
    use rand::Rng;
    use std::collections::BTreeSet;
    use std::collections::btree_map::Entry;

    fn batch(rank: u32, clients: &[u32], first: bool, last: bool) -> Batch {
        Batch {
            rank: Rank(rank),
            clients: clients.iter().map(|&client| ClientId(client)).collect(),
            first,
            last,
        }
    }

    fn pull(sizes: &[u64], workers: usize) -> Pull {
        Pull::new(&jobs(sizes), &ranks(workers), CostModel::default())
    }

    /// Seconds per sample that are known.
    fn known(speeds: &[f64]) -> CostModel {
        let mut cost = CostModel::default();
        ranks(speeds.len())
            .into_iter()
            .zip(speeds)
            .for_each(|(rank, speed)| cost.learn(rank, 100, 100.0 * speed));
        cost
    }

    #[test]
    fn the_largest_goes_first_and_one_waits() {
        let mut pull = pull(&[2, 5, 3, 4, 2, 2], 2);
        // Both can end after 9.
        assert_eq!(
            pull.deal(None),
            [
                batch(1, &[1, 0], true, false),
                batch(2, &[3, 2], true, false)
            ]
        );
        assert_eq!(pull.next(Rank(2), ClientId(3), 4.0), [batch(2, &[4], false, false)]);
        assert_eq!(pull.next(Rank(1), ClientId(1), 5.0), [batch(1, &[5], false, true)]);
        assert_eq!(pull.next(Rank(2), ClientId(2), 3.0), [batch(2, &[], false, true)]);
        assert_eq!(pull.next(Rank(2), ClientId(4), 2.0), []);
    }

    #[test]
    fn nothing_waits_behind_a_client_that_takes_the_whole_round() {
        let mut pull = pull(&[10, 3, 3, 3, 1], 2);
        assert_eq!(pull.deal(None), [batch(1, &[0], true, false), batch(2, &[1, 2], true, false)]);
        assert_eq!(pull.next(Rank(2), ClientId(1), 3.0), [batch(2, &[3], false, false)]);
        assert_eq!(pull.next(Rank(2), ClientId(2), 3.0), [batch(2, &[4], false, true)]);
        assert_eq!(pull.next(Rank(1), ClientId(0), 10.0), [batch(1, &[], false, true)]);
    }

    /// Three equal clients: rank 1 would need 10 seconds for one, rank 2 ends all after 3. Rank 1
    /// never hears of the round.
    #[test]
    fn a_slow_worker_leaves_to_others_what_they_end_sooner() {
        let mut pull = Pull::new(&jobs(&[1, 1, 1]), &ranks(2), known(&[10.0, 1.0]));
        assert_eq!(pull.deal(None), [batch(2, &[0, 1], true, false)]);
        assert_eq!(pull.next(Rank(2), ClientId(0), 1.0), []);
        assert_eq!(pull.next(Rank(2), ClientId(1), 1.0), [batch(2, &[2], false, true)]);
    }

    #[test]
    fn who_gets_nothing_rests() {
        let mut pull = Pull::new(&jobs(&[4, 1, 1]), &ranks(2), known(&[1.0, 3.0]));
        assert_eq!(pull.deal(None), [batch(1, &[0], true, false), batch(2, &[1], true, false)]);
        // Rank 2 would end the last one after 6 seconds, rank 1 after 5.
        assert_eq!(pull.next(Rank(2), ClientId(1), 3.0), []);
        assert!(pull.rests(Rank(2)) && !pull.rests(Rank(1)));
        let rest = pull.next(Rank(1), ClientId(0), 4.0);
        assert_eq!(rest, [batch(1, &[2], false, true), batch(2, &[], false, true)]);
        assert!(!pull.rests(Rank(2)), "its part is over, and is to be handed over");
    }

    #[test]
    fn who_waits_goes_on_when_a_worker_is_lost() {
        let mut pull = Pull::new(&jobs(&[1, 1, 1]), &ranks(2), known(&[10.0, 1.0]));
        pull.deal(None);
        pull.lose(Rank(2));
        assert_eq!(pull.deal(None), [batch(1, &[2], true, true)]);
    }

    #[test]
    fn few_clients_leave_workers_idle() {
        assert_eq!(
            pull(&[1, 2], 3).deal(None),
            [batch(1, &[1], true, true), batch(2, &[0], true, true)]
        );
        assert_eq!(pull(&[], 2).deal(None), []);
    }

    /// Trains a cohort where a sample takes so many seconds on each worker, to 10 %; gives the end.
    fn makespan(sizes: &[u64], speeds: &[f64], cost: CostModel, stream: &mut Stream) -> f64 {
        let mut pull = Pull::new(&jobs(sizes), &ranks(speeds.len()), cost);
        let mut queues: BTreeMap<Rank, VecDeque<ClientId>> = BTreeMap::new();
        // Workers that train: when they end, whom, and how long it took.
        let mut busy: BTreeMap<Rank, (f64, ClientId, f64)> = BTreeMap::new();
        let (mut now, mut batches) = (0.0, pull.deal(None));
        loop {
            batches
                .drain(..)
                .for_each(|batch| queues.entry(batch.rank).or_default().extend(batch.clients));
            for (&rank, queue) in &mut queues {
                let Entry::Vacant(free) = busy.entry(rank) else { continue };
                let Some(client) = queue.pop_front() else { continue };
                let exact = sizes[client.index()] as f64 * speeds[rank.index() - 1];
                let seconds = exact * stream.random_range(0.9..1.1);
                free.insert((now + seconds, client, seconds));
            }
            let first = busy
                .iter()
                .min_by(|one, other| one.1.0.total_cmp(&other.1.0));
            let Some((&rank, &(end, client, seconds))) = first else { return now };
            now = end;
            busy.remove(&rank);
            batches = pull.next(rank, client, seconds);
        }
    }

    /// Power-law sizes on workers of speeds that are known; longest processing time first to the
    /// earliest end is what a planner that knows all times would do.
    #[test]
    fn pull_ends_within_5_percent_of_a_planner_that_knows_all_times() {
        let speeds: [&[f64]; 5] = [
            &[1.0, 2.0],
            &[1.0, 8.0],
            &[1.0, 1.0, 1.0, 1.0],
            &[1.0, 2.0, 3.0, 8.0],
            &[1.0; 2],
        ];
        let mut stream = Seed(3).stream(Purpose::Data);
        for speeds in speeds {
            let (mut pulled, mut planned) = (0.0, 0.0);
            for _ in 0..100 {
                let sizes: Vec<u64> = (0..20)
                    .map(|_| 20_000 / stream.random_range(1..80))
                    .collect();
                let mut loads = vec![0.0; speeds.len()];
                for job in largest_first(&jobs(&sizes)) {
                    let end =
                        |worker: &usize| loads[*worker] + job.samples as f64 * speeds[*worker];
                    let first =
                        (0..speeds.len()).min_by(|one, other| end(one).total_cmp(&end(other)));
                    let first = first.expect("workers");
                    loads[first] = end(&first);
                }
                planned += loads.into_iter().fold(0.0, f64::max);
                pulled += makespan(&sizes, speeds, known(speeds), &mut stream);
            }
            assert!(pulled / planned < 1.05, "{speeds:?}: {}", pulled / planned);
        }
    }

    /// Nothing is known of the workers before the first round.
    #[test]
    fn pull_finds_out_that_a_worker_is_slow() {
        let mut stream = Seed(4).stream(Purpose::Data);
        let sizes: Vec<u64> = (1..=200).map(|place| 20_000 / (place + 10)).collect();
        let speeds = [1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let end = makespan(&sizes, &speeds, CostModel::default(), &mut stream);
        let alone: Vec<f64> = speeds
            .iter()
            .map(|speed| sizes.iter().sum::<u64>() as f64 * speed)
            .collect();
        let best = 1.0 / alone.iter().map(|seconds| 1.0 / seconds).sum::<f64>();
        assert!(end / best < 1.1, "{}", end / best);
    }

    proptest! {
        #[test]
        fn every_client_is_sent_once_and_every_worker_hears_the_end(
            sizes in prop::collection::vec(1u64..50, 0..40),
            speeds in prop::collection::vec(0.0f64..9.0, 1..9),
            order in prop::collection::vec(0usize..9, 0..200),
        ) {
            let cohort = jobs(&sizes);
            let workers = speeds.len();
            let mut pull = Pull::new(&cohort, &ranks(workers), known(&speeds));
            let mut waiting: BTreeMap<Rank, VecDeque<ClientId>> = BTreeMap::new();
            let (mut begun, mut ended, mut sent) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
            let mut batches = pull.deal(None);
            for turn in 0.. {
                for batch in batches.drain(..) {
                    prop_assert!(!ended.contains(&batch.rank), "{batch:?}");
                    prop_assert_eq!(batch.first, begun.insert(batch.rank), "{:?}", batch);
                    ended.extend(batch.last.then_some(batch.rank));
                    sent.extend(batch.clients.clone());
                    let queue = waiting.entry(batch.rank).or_default();
                    queue.extend(batch.clients);
                    prop_assert!(queue.len() <= 2);
                }
                // Anybody who has something may be the next to report.
                waiting.retain(|_, queue| !queue.is_empty());
                let busy: Vec<Rank> = waiting.keys().copied().collect();
                let next = order.get(turn).copied().unwrap_or(turn) % busy.len().max(1);
                let Some(&rank) = busy.get(next) else { break };
                let queue = waiting.get_mut(&rank).expect("a queue");
                let client = queue.pop_front().expect("a client");
                let seconds = sizes[client.index()] as f64 * speeds[rank.index() - 1];
                batches = pull.next(rank, client, seconds);
            }
            sent.sort_unstable();
            prop_assert_eq!(sent, cohort.iter().map(|job| job.client).collect::<Vec<_>>());
            prop_assert_eq!(begun, ended);
        }
    }
}
