//! Orders on their way out, and what clients keep that goes along. Where clients keep something a worker gets one client
//! at a time and one that waits, so that no rank holds what many of them keep.

use super::EngineError;
use super::kept::Kept;
use crate::event::KeptIndex;
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Errand, Keeps, Label};
use crate::schedule::Batch;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// Clients that a worker has at a time, one of them waiting.
const DEPTH: usize = 2;

/// Orders that wait, and the store of what clients keep.
pub struct Post {
    keeps: usize,
    path: Option<PathBuf>,
    checkpoints: usize,
    store: Option<Kept>,
    // Who has the newest state of a client: the worker that trained it last.
    holders: BTreeMap<ClientId, Rank>,
    trained: BTreeMap<ClientId, Rank>,
    waiting: VecDeque<Batch>,
    // Clients that each worker has.
    open: BTreeMap<Rank, usize>,
    /// Bytes that workers have put into collective sums.
    pub summed: u64,
}

impl Post {
    /// For clients that keep `keeps` values each, at `path` if it shall outlive the process.
    pub fn new(keeps: usize, path: Option<PathBuf>, checkpoints: usize) -> Post {
        Post {
            keeps,
            path,
            checkpoints,
            store: None,
            holders: BTreeMap::new(),
            trained: BTreeMap::new(),
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            summed: 0,
        }
    }

    /// Goes on with what a checkpoint refers to.
    ///
    /// # Errors
    /// A store that cannot be opened.
    pub fn go_on(&mut self, index: &KeptIndex) -> Result<(), EngineError> {
        if let Some(path) = self.path.as_ref().filter(|_| self.keeps > 0 && !index.0.is_empty()) {
            self.store = Some(Kept::open(self.keeps, path, index, self.checkpoints)?);
        }
        Ok(())
    }

    /// A new pass begins: nobody has anything.
    pub fn enter(&mut self) {
        self.waiting.clear();
        self.open.clear();
    }

    /// Takes orders in.
    pub fn put(&mut self, batches: Vec<Batch>) {
        match self.keeps {
            0 => self.waiting.extend(batches),
            _ => self.waiting.extend(batches.into_iter().flat_map(one_by_one)),
        }
    }

    /// The next order that may go out.
    pub fn next(&mut self) -> Option<Batch> {
        let room = |batch: &Batch| self.keeps == 0 || self.open.get(&batch.rank).is_none_or(|open| *open < DEPTH);
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
        self.holders.retain(|_, holder| *holder != rank);
        self.trained.retain(|_, holder| *holder != rank);
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
            let store = self.store.as_ref().filter(|store| store.version(client).is_some());
            let kept = match store.map(|store| (store, store.version(client))) {
                Some((_, Some(round))) if self.holders.get(&client) == Some(&rank) => Keeps::Held(round),
                Some((store, _)) => match store.of(client)? {
                    Some(values) => {
                        content = content.with(Label::Kept(client), Arc::new(values));
                        Keeps::Sent
                    }
                    None => Keeps::Nothing,
                },
                None => Keeps::Nothing,
            };
            errands.push(Errand { client, kept });
        }
        Ok((errands, content))
    }

    /// Takes note of what a client keeps, and who has it.
    ///
    /// # Errors
    /// A store that cannot be made or written.
    pub fn note(&mut self, rank: Rank, client: ClientId, round: Round, kept: &[f32]) -> Result<(), EngineError> {
        self.trained.insert(client, rank);
        let store = match &mut self.store {
            Some(store) => store,
            None => {
                let store = Kept::create(self.keeps, self.path.as_deref(), self.checkpoints)?;
                self.store.insert(store)
            }
        };
        store.note(client, round, kept)
    }

    /// What a worker holds of a client is not to be gone on with.
    pub fn distrust(&mut self, client: ClientId) {
        self.holders.remove(&client);
    }

    /// The round is complete.
    pub fn settle(&mut self) {
        self.holders.append(&mut self.trained);
        self.store.iter_mut().for_each(Kept::settle);
    }

    /// The round came to nothing. What workers hold is of it, so nobody has the newest state.
    pub fn forget(&mut self) {
        for client in std::mem::take(&mut self.trained).into_keys() {
            self.holders.remove(&client);
        }
        self.store.iter_mut().for_each(Kept::forget);
    }

    /// Where everything is that clients keep, for a checkpoint.
    ///
    /// # Errors
    /// A store that cannot be brought to disk.
    pub fn pin(&mut self) -> Result<KeptIndex, EngineError> {
        self.store.as_mut().map_or(Ok(KeptIndex::default()), Kept::pin)
    }
}

/// The same orders with one client each.
fn one_by_one(batch: Batch) -> Vec<Batch> {
    let Batch { rank, clients, first, last } = batch;
    let count = clients.len();
    if count < 2 {
        return vec![Batch { rank, clients, first, last }];
    }
    let one = |(place, client)| Batch {
        rank,
        clients: vec![client],
        first: first && place == 0,
        last: last && place + 1 == count,
    };
    clients.into_iter().enumerate().map(one).collect()
}
