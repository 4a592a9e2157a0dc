//! What is still out in a round and what has come back. Pure state: the server feeds it reports and
//! sends what it asks for.

use super::link::Owed;
use crate::event::{Lane, Schedule};
use crate::ids::{ClientId, Rank};
use crate::message::{Doing, Failure, Part, Reduce, Update};
use crate::schedule::{Assignment, Batch, CostModel, Dispatch, Job, least_makespan};
use std::collections::BTreeMap;

/// One round between the first order and the last report.
pub struct Exchange {
    reduce: Reduce,
    waiting: BTreeMap<ClientId, u64>,
    // Parts of the round that each rank has not handed over.
    working: BTreeMap<Rank, usize>,
    // Clients that were sent to each rank.
    sent: BTreeMap<Rank, Vec<ClientId>>,
    dispatch: Dispatch,
    done: Vec<Done>,
    failed: BTreeMap<ClientId, Failed>,
}

impl Exchange {
    /// Nothing is sent yet.
    pub fn new(cohort: &[Job], dispatch: Dispatch, reduce: Reduce) -> Exchange {
        Exchange {
            reduce,
            waiting: cohort.iter().map(|job| (job.client, job.samples)).collect(),
            working: BTreeMap::new(),
            sent: BTreeMap::new(),
            dispatch,
            done: Vec::with_capacity(cohort.len()),
            failed: BTreeMap::new(),
        }
    }

    /// The orders that open the round.
    pub fn open(&mut self) -> Vec<Batch> {
        let batches = self.dispatch.open();
        self.sending(batches)
    }

    /// Takes note of a report. The answer is the orders that follow.
    ///
    /// # Errors
    /// What makes no sense about the report.
    pub fn note(&mut self, rank: Rank, part: Part) -> Result<Vec<Batch>, String> {
        let mut next = Vec::new();
        for update in part.updates {
            let samples = self.back(update.client)?;
            self.done.push(Done {
                rank,
                samples,
                update,
                kept: self.reduce == Reduce::Server,
            });
            next.extend(self.dispatch.next(rank, update.client, update.seconds));
        }
        for failure in part.failed {
            let (client, seconds) = (failure.client, failure.seconds);
            let failed = Failed {
                rank,
                samples: self.back(client)?,
                failure,
            };
            self.failed.insert(client, failed);
            next.extend(self.dispatch.next(rank, client, seconds));
        }
        if part.last {
            self.end_part(rank)?;
        }
        Ok(self.sending(next))
    }

    /// A rank has handed over a part of the round, with the sum of what it has trained if it keeps
    /// one.
    fn end_part(&mut self, rank: Rank) -> Result<(), String> {
        let Some(parts) = self.working.get_mut(&rank) else {
            return Err("the end of a part that it did not have".to_owned());
        };
        *parts -= 1;
        self.working.retain(|_, parts| *parts > 0);
        if self.reduce == Reduce::Worker {
            let own = self.done.iter_mut().filter(|done| done.rank == rank);
            own.for_each(|done| done.kept = true);
        }
        Ok(())
    }

    /// A client is back; gives its samples.
    fn back(&mut self, client: ClientId) -> Result<u64, String> {
        let samples = self.waiting.remove(&client);
        samples.ok_or_else(|| format!("client {client}, which was not asked for"))
    }

    /// Those that could not be trained, by client.
    pub fn failed(&self) -> impl Iterator<Item = &Failed> {
        self.failed.values()
    }

    /// A rank is lost. The answer is what must be trained by others: whatever it had not handed
    /// over.
    pub fn lose(&mut self, rank: Rank) -> Vec<Job> {
        self.dispatch.lose(rank);
        self.working.remove(&rank);
        let gone = |done: &mut Done| done.rank == rank && !done.kept;
        let lost = self
            .done
            .extract_if(.., gone)
            .map(|done| (done.update.client, done.samples));
        self.waiting.extend(lost);
        let sent = self.sent.remove(&rank).unwrap_or_default();
        sent.iter().filter_map(|&client| self.job(client)).collect()
    }

    /// A client that is still out, and its samples.
    fn job(&self, client: ClientId) -> Option<Job> {
        let samples = *self.waiting.get(&client)?;
        Some(Job { client, samples })
    }

    /// Gives clients of a lost rank to others, each as a part of its own, and lets those go on that
    /// left clients to it.
    pub fn reassign(&mut self, assigned: Assignment) -> Vec<Batch> {
        let mut again = Dispatch::planned(assigned).open();
        again.extend(self.dispatch.open());
        self.sending(again)
    }

    /// Takes note of orders that are sent.
    fn sending(&mut self, batches: Vec<Batch>) -> Vec<Batch> {
        for batch in &batches {
            if batch.first {
                *self.working.entry(batch.rank).or_default() += 1;
            }
            self.sent
                .entry(batch.rank)
                .or_default()
                .extend(&batch.clients);
        }
        batches
    }

    /// Who has not handed over its part, and which clients that concerns. Who waits for more owes
    /// nothing.
    pub fn outstanding(&self) -> Owed {
        let owed = self
            .working
            .keys()
            .map(|&rank| (rank, self.out_at(rank).collect::<Vec<_>>()));
        owed.filter(|(rank, clients)| !clients.is_empty() || !self.dispatch.rests(*rank))
            .collect()
    }

    /// Clients that were sent to a rank and are not back, in its order.
    fn out_at(&self, rank: Rank) -> impl Iterator<Item = ClientId> {
        let sent = self.sent.get(&rank).into_iter().flatten().copied();
        sent.filter(|client| self.waiting.contains_key(client))
    }

    /// How far each worker is, and how many clients are done in all; workers have told what they
    /// are doing.
    pub fn lanes(
        &self,
        workers: &[Rank],
        doing: impl Fn(Rank) -> Option<Doing>,
    ) -> (Vec<Lane>, usize) {
        let mut done: BTreeMap<Rank, usize> = BTreeMap::new();
        let trained = self.done.iter().map(|done| done.rank);
        for rank in trained.chain(self.failed.values().map(|failed| failed.rank)) {
            *done.entry(rank).or_default() += 1;
        }
        let lanes: Vec<Lane> = workers
            .iter()
            .map(|&rank| self.lane(rank, doing(rank), done.remove(&rank).unwrap_or(0)))
            .collect();
        // What lost workers had handed over counts too.
        let gone: usize = done.values().sum();
        let all = lanes.iter().map(|lane| lane.done).sum::<usize>() + gone;
        (lanes, all)
    }

    /// How far a worker is, of which so many clients are back.
    fn lane(&self, rank: Rank, doing: Option<Doing>, back: usize) -> Lane {
        match doing.filter(|doing| self.waiting.contains_key(&doing.client)) {
            Some(doing) => Lane {
                rank,
                client: Some(doing.client),
                done: back.max(doing.trained as usize),
            },
            None => Lane {
                rank,
                client: self.out_at(rank).next(),
                done: back,
            },
        }
    }

    /// Whether every client is trained and every worker has handed over its part.
    pub fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.working.is_empty()
    }

    /// What came back, in the order of client ids, whoever was first.
    pub fn finish(self) -> Returned {
        let mut done = self.done;
        done.sort_unstable_by_key(|done| done.update.client);
        Returned {
            done,
            failed: self.failed.into_values().collect(),
        }
    }
}

/// One update.
pub struct Done {
    /// Who trained.
    pub rank: Rank,
    /// On how much.
    pub samples: u64,
    /// Whom, and how it went.
    pub update: Update,
    // Whether the server has it, in a sum or by itself.
    kept: bool,
}

impl Done {
    /// How far from its seconds the prediction was, as a share of them.
    fn error(&self, cost: &CostModel) -> f64 {
        let seconds = self.update.seconds.max(1e-9);
        (cost.line(self.rank).seconds(self.samples) - seconds).abs() / seconds
    }
}

/// A training that came to nothing.
pub struct Failed {
    /// Who trained.
    pub rank: Rank,
    /// On how much.
    pub samples: u64,
    /// Whom, and why.
    pub failure: Failure,
}

/// A round's updates by client: who trained whom, and how it went.
pub struct Returned {
    done: Vec<Done>,
    /// Those that are left out, by client.
    pub failed: Vec<Failed>,
}

impl Returned {
    /// The updates by client.
    pub fn updates(&self) -> &[Done] {
        &self.done
    }

    /// Bits that real clients would have sent.
    pub fn bits(&self) -> u64 {
        self.done.iter().map(|done| done.update.bits).sum()
    }

    /// Mean loss, weighted by samples; none when nobody was trained.
    pub fn mean_loss(&self) -> Option<f64> {
        let samples: u64 = self.done.iter().map(|done| done.samples).sum();
        let weighted = self
            .done
            .iter()
            .map(|done| done.update.loss * done.samples as f64);
        let sum = weighted.fold(0.0, |sum, loss| sum + loss);
        (samples > 0).then(|| sum / samples as f64)
    }

    /// How well the round was planned, and predicted by what was known before it.
    pub fn schedule(
        &self,
        cost: &CostModel,
        workers: usize,
        makespan: f64,
        planning: f64,
    ) -> Schedule {
        let seconds: Vec<f64> = self.done.iter().map(|done| done.update.seconds).collect();
        let (mut efficiency, mut prediction_error) = (None, None);
        if !seconds.is_empty() {
            efficiency = Some(least_makespan(&seconds, workers) / makespan.max(1e-9));
            if cost.is_known() {
                let errors = self.done.iter().map(|done| done.error(cost));
                prediction_error = Some(errors.sum::<f64>() / self.done.len() as f64);
            }
        }
        Schedule {
            planning_seconds: planning,
            makespan_seconds: makespan,
            efficiency,
            prediction_error,
        }
    }
}
