//! How clients reach workers: all at once as scheduled, or one by one as workers get free. Pure state;
//! the engine sends what it says.

use super::{Assignment, Job, largest_first};
use crate::ids::{ClientId, Rank};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// The ways of dispatch. The result is the same, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum DispatchMode {
    /// The scheduler assigns the whole cohort at the start of the round.
    Planned,
    /// A worker gets its next client as soon as it finishes one; that one is waiting already.
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
    rest: VecDeque<ClientId>,
    // Workers that wait for more.
    open: BTreeSet<Rank>,
}

impl Dispatch {
    /// Everything at once. Workers without clients hear nothing.
    pub fn planned(assigned: Assignment) -> Dispatch {
        let busy = assigned.into_iter().filter(|(_, clients)| !clients.is_empty());
        let opening = busy.map(|(rank, clients)| Batch { rank, clients, last: true }).collect();
        Dispatch { opening, rest: VecDeque::new(), open: BTreeSet::new() }
    }

    /// Largest clients first, to whoever is free. At the start every worker gets one, then, from the
    /// last worker back, a second that waits until the first is done.
    pub fn pull(cohort: &[Job], workers: &[Rank]) -> Dispatch {
        let mut rest: VecDeque<ClientId> = largest_first(cohort).into_iter().map(|job| job.client).collect();
        let mut opening: Vec<Batch> = Vec::with_capacity(workers.len());
        for (&rank, client) in workers.iter().zip(rest.drain(..workers.len().min(cohort.len()))) {
            opening.push(Batch { rank, clients: vec![client], last: false });
        }
        let second = opening.len().min(rest.len());
        for (batch, client) in opening.iter_mut().rev().zip(rest.drain(..second)) {
            batch.clients.push(client);
        }
        opening.iter_mut().for_each(|batch| batch.last = rest.is_empty());
        let open = if rest.is_empty() { BTreeSet::new() } else { workers.iter().copied().collect() };
        Dispatch { opening, rest, open }
    }

    /// The orders that open the round.
    pub fn open(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.opening)
    }

    /// What a worker gets when it has finished a client.
    pub fn next(&mut self, rank: Rank) -> Option<Batch> {
        let clients: Vec<ClientId> = match self.open.contains(&rank) {
            true => self.rest.pop_front().into_iter().collect(),
            false => return None,
        };
        let last = self.rest.is_empty();
        if last {
            self.open.remove(&rank);
        }
        Some(Batch { rank, clients, last })
    }

    /// A worker gets nothing more.
    pub fn lose(&mut self, rank: Rank) {
        self.open.remove(&rank);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{jobs, ranks};
    use super::*;

    #[test]
    fn pull_deals_the_largest_first_and_one_ahead() {
        let mut dispatch = Dispatch::pull(&jobs(&[1, 5, 3, 4, 2]), &ranks(2));
        let batch = |rank, clients: &[u32], last| Batch {
            rank: Rank(rank),
            clients: clients.iter().map(|&client| ClientId(client)).collect(),
            last,
        };
        assert_eq!(dispatch.open(), [batch(1, &[1, 4], false), batch(2, &[3, 2], false)]);
        assert_eq!(dispatch.next(Rank(2)), Some(batch(2, &[0], true)));
        assert_eq!(dispatch.next(Rank(2)), None);
        assert_eq!(dispatch.next(Rank(1)), Some(batch(1, &[], true)));
        assert_eq!(dispatch.next(Rank(1)), None);
    }

    #[test]
    fn few_clients_leave_workers_idle() {
        let mut pull = Dispatch::pull(&jobs(&[1, 2]), &ranks(3));
        assert!(pull.open().iter().all(|batch| batch.last && batch.clients.len() == 1));
        let assigned = vec![(Rank(1), vec![ClientId(0)]), (Rank(2), vec![])];
        assert_eq!(Dispatch::planned(assigned).open().len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn every_client_is_sent_once_and_every_worker_hears_the_end(
            clients in 0usize..40, workers in 1usize..9, order in proptest::collection::vec(0usize..9, 0..200),
        ) {
            let (cohort, ranks) = (jobs(&vec![1; clients]), ranks(workers));
            let mut dispatch = Dispatch::pull(&cohort, &ranks);
            let mut sent = dispatch.open();
            let engaged: BTreeSet<Rank> = sent.iter().map(|batch| batch.rank).collect();
            let turns = order.iter().map(|turn| ranks[turn % workers]).chain(ranks.iter().copied().cycle().take(99));
            for rank in turns.filter(|rank| engaged.contains(rank)) {
                sent.extend(dispatch.next(rank));
            }
            let mut trained: Vec<ClientId> = sent.iter().flat_map(|batch| batch.clients.clone()).collect();
            trained.sort_unstable();
            proptest::prop_assert_eq!(trained, cohort.iter().map(|job| job.client).collect::<Vec<_>>());
            let ended: Vec<Rank> = sent.iter().filter(|batch| batch.last).map(|batch| batch.rank).collect();
            proptest::prop_assert_eq!(ended.len(), engaged.len());
            proptest::prop_assert_eq!(ended.into_iter().collect::<BTreeSet<_>>(), engaged);
        }
    }
}
