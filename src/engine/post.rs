//! Orders on their way out, and what clients keep that goes along. Where that travels a worker gets
//! one client at a time and one that waits, so that no rank holds what many of them keep.

use super::EngineError;
use super::states::States;
use crate::ids::{ClientId, Rank};
use crate::message::{Content, Errand};
use crate::schedule::Batch;
use std::collections::{BTreeMap, VecDeque};

/// Clients that a worker has at a time, one of them waiting.
const DEPTH: usize = 2;

/// Orders that wait, and what clients keep.
pub struct Post {
    /// What clients keep.
    pub states: States,
    waiting: VecDeque<Batch>,
    // Clients that each worker has.
    open: BTreeMap<Rank, usize>,
    /// Bytes that workers have put into collective sums.
    pub summed: u64,
}

impl Post {
    /// Nothing is out.
    pub fn new(states: States) -> Post {
        Post {
            states,
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            summed: 0,
        }
    }

    /// A new pass begins: nobody has anything.
    pub fn enter(&mut self) {
        self.waiting.clear();
        self.open.clear();
    }

    /// Takes orders in.
    pub fn put(&mut self, batches: Vec<Batch>) {
        if self.states.travel() {
            self.waiting
                .extend(batches.into_iter().flat_map(one_by_one));
        } else {
            self.waiting.extend(batches);
        }
    }

    /// The next order that may go out.
    pub fn next(&mut self) -> Option<Batch> {
        let all = !self.states.travel();
        let room =
            |batch: &Batch| all || self.open.get(&batch.rank).is_none_or(|open| *open < DEPTH);
        // A worker's orders stay in order: the first of each that has room.
        let mut full: Vec<Rank> = Vec::new();
        let place = self.waiting.iter().position(|batch| {
            let free = !full.contains(&batch.rank) && room(batch);
            full.push(batch.rank);
            free
        })?;
        let batch = self.waiting.remove(place)?;
        *self.open.entry(batch.rank).or_default() += batch.clients.len();
        Some(batch)
    }

    /// A worker has trained so many clients.
    pub fn ended(&mut self, rank: Rank, clients: usize) {
        if let Some(open) = self.open.get_mut(&rank) {
            *open = open.saturating_sub(clients);
        }
    }

    /// A worker is lost, and what it had.
    pub fn lose(&mut self, rank: Rank) {
        self.waiting.retain(|batch| batch.rank != rank);
        self.open.remove(&rank);
        self.states.lose(rank);
    }

    /// The errands of an order, and what goes along with it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn errands(
        &self,
        rank: Rank,
        clients: &[ClientId],
        mut content: Content,
    ) -> Result<(Vec<Errand>, Content), EngineError> {
        let mut errands = Vec::with_capacity(clients.len());
        for &client in clients {
            let kept;
            (kept, content) = self.states.send(rank, client, content)?;
            errands.push(Errand { client, kept });
        }
        Ok((errands, content))
    }
}

/// The same orders with one client each.
fn one_by_one(batch: Batch) -> Vec<Batch> {
    let count = batch.clients.len();
    if count < 2 {
        return vec![batch];
    }
    let clients = batch.clients.into_iter().enumerate();
    let one = |(place, client)| Batch {
        rank: batch.rank,
        clients: vec![client],
        first: batch.first && place == 0,
        last: batch.last && place + 1 == count,
    };
    clients.map(one).collect()
}
