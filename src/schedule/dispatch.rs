//! How clients reach workers: all at once as scheduled, or one by one as workers get free. Pure
//! state; the engine sends what it says.

use super::pull::Pull;
use super::{Assignment, CostModel, Job};
use crate::ids::{ClientId, Rank};
use serde::{Deserialize, Serialize};

/// The ways of dispatch. The result is the same, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum DispatchMode {
    /// The scheduler assigns the whole cohort at the start of the round.
    Planned,
    /// A worker gets its next client as soon as it finishes one; mostly that one is waiting
    /// already. It gets none that another would end sooner.
    Pull,
    /// FedML's classical layout: as many workers as clients in a round, one each.
    OnePerWorker,
}

/// Clients for one worker. From its first batch to its last it works on one part of the round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Who trains.
    pub rank: Rank,
    /// Whom.
    pub clients: Vec<ClientId>,
    /// Nothing came before it.
    pub first: bool,
    /// Nothing follows.
    pub last: bool,
}

/// One round's orders.
pub enum Dispatch {
    /// Everything at once.
    Planned(Vec<Batch>),
    /// One after another.
    Pull(Pull),
}

impl Dispatch {
    /// Everything at once. Workers without clients hear nothing.
    pub fn planned(assigned: Assignment) -> Dispatch {
        let busy = assigned
            .into_iter()
            .filter(|(_, clients)| !clients.is_empty());
        Dispatch::Planned(
            busy.map(|(rank, clients)| Batch {
                rank,
                clients,
                first: true,
                last: true,
            })
            .collect(),
        )
    }

    /// One after another, as workers get free.
    pub fn pull(cohort: &[Job], workers: &[Rank], cost: &CostModel) -> Dispatch {
        Dispatch::Pull(Pull::new(cohort, workers, cost.clone()))
    }

    /// The orders for workers that have nothing to do, at the start of the round and when one was
    /// lost.
    pub fn open(&mut self) -> Vec<Batch> {
        match self {
            Dispatch::Planned(batches) => std::mem::take(batches),
            Dispatch::Pull(pull) => pull.deal(None),
        }
    }

    /// The orders that follow when a worker has trained a client, in so many seconds.
    pub fn next(&mut self, rank: Rank, client: ClientId, seconds: f64) -> Vec<Batch> {
        match self {
            Dispatch::Planned(_) => Vec::new(),
            Dispatch::Pull(pull) => pull.next(rank, client, seconds),
        }
    }

    /// Whether a worker that takes part has nothing to do, and may get something yet.
    pub fn rests(&self, rank: Rank) -> bool {
        match self {
            Dispatch::Planned(_) => false,
            Dispatch::Pull(pull) => pull.rests(rank),
        }
    }

    /// A worker gets nothing more.
    pub fn lose(&mut self, rank: Rank) {
        match self {
            Dispatch::Planned(_) => {}
            Dispatch::Pull(pull) => pull.lose(rank),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_without_clients_hear_nothing_of_a_plan() {
        let mut dispatch = Dispatch::planned(vec![(Rank(1), vec![ClientId(0)]), (Rank(2), vec![])]);
        let all = Batch {
            rank: Rank(1),
            clients: vec![ClientId(0)],
            first: true,
            last: true,
        };
        assert_eq!(dispatch.open(), [all]);
        assert_eq!(dispatch.open(), []);
    }
}
