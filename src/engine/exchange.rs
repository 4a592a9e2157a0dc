//! What is still out in a round and what has come back. Pure state: the server feeds it reports and
//! sends what it asks for.

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
            let Update {
                client, seconds, ..
            } = update;
            let samples = self.back(client)?;
            self.done.push(Done {
                rank,
                samples,
                update,
                kept: self.reduce == Reduce::Server,
            });
            next.extend(self.dispatch.next(rank, client, seconds));
        }
        for failure in part.failed {
            let Failure {
                client, seconds, ..
            } = failure;
            let samples = self.back(client)?;
            self.failed.insert(
                client,
                Failed {
                    rank,
                    samples,
                    failure,
                },
            );
            next.extend(self.dispatch.next(rank, client, seconds));
        }
        if part.last {
            let parts = self
                .working
                .get_mut(&rank)
                .ok_or("the end of a part that it did not have")?;
            *parts -= 1;
            self.working.retain(|_, parts| *parts > 0);
            let summed = self.reduce == Reduce::Worker;
            self.done
                .iter_mut()
                .filter(|done| summed && done.rank == rank)
                .for_each(|done| done.kept = true);
        }
        Ok(self.sending(next))
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
        let sent = self.sent.remove(&rank).unwrap_or_default().into_iter();
        sent.filter_map(|client| {
            Some(Job {
                client,
                samples: *self.waiting.get(&client)?,
            })
        })
        .collect()
    }

    /// Gives clients of a lost rank to others, each as a part of its own, and lets those go on that
    /// left clients to it.
    pub fn reassign(&mut self, assigned: Assignment) -> Vec<Batch> {
        let mut again = Dispatch::planned(assigned).open();
        again.extend(self.dispatch.open());
        self.sending(again)
    }

    fn sending(&mut self, batches: Vec<Batch>) -> Vec<Batch> {
        for Batch {
            rank,
            clients,
            first,
            ..
        } in &batches
        {
            if *first {
                *self.working.entry(*rank).or_default() += 1;
            }
            self.sent.entry(*rank).or_default().extend(clients);
        }
        batches
    }

    /// Who has not handed over its part, and which clients that concerns. Who waits for more owes
    /// nothing.
    pub fn outstanding(&self) -> Vec<(Rank, Vec<ClientId>)> {
        let open = |rank: &Rank| {
            let clients = self.sent.get(rank).into_iter().flatten();
            clients
                .filter(|client| self.waiting.contains_key(client))
                .copied()
                .collect::<Vec<_>>()
        };
        let owed = self.working.keys().map(|rank| (*rank, open(rank)));
        owed.filter(|(rank, clients)| !clients.is_empty() || !self.dispatch.rests(*rank))
            .collect()
    }

    /// How far each worker is, and how many clients are done in all; workers have told what they
    /// are doing.
    pub fn lanes(
        &self,
        workers: &[Rank],
        doing: impl Fn(Rank) -> Option<Doing>,
    ) -> (Vec<Lane>, usize) {
        let mut done: BTreeMap<Rank, usize> = BTreeMap::new();
        let back = self
            .done
            .iter()
            .map(|done| done.rank)
            .chain(self.failed.values().map(|failed| failed.rank));
        back.for_each(|rank| *done.entry(rank).or_default() += 1);
        let is_out = |client: &ClientId| self.waiting.contains_key(client);
        let lane = |&rank: &Rank| {
            let doing = doing(rank).filter(|doing| is_out(&doing.client));
            let next = || self.sent.get(&rank)?.iter().copied().find(is_out);
            let back = done.get(&rank).copied().unwrap_or(0);
            let done = doing.map_or(back, |doing| back.max(doing.trained as usize));
            Lane {
                rank,
                client: doing.map(|doing| doing.client).or_else(next),
                done,
            }
        };
        let lanes: Vec<Lane> = workers.iter().map(lane).collect();
        // What lost workers had handed over counts too.
        let gone: usize = done
            .iter()
            .filter(|(rank, _)| !workers.contains(rank))
            .map(|(_, done)| done)
            .sum();
        let all = lanes.iter().map(|lane| lane.done).sum::<usize>() + gone;
        (lanes, all)
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
        let error = |done: &Done| {
            let seconds = done.update.seconds.max(1e-9);
            (cost.line(done.rank).seconds(done.samples) - seconds).abs() / seconds
        };
        let known = cost.is_known() && !self.done.is_empty();
        Schedule {
            planning_seconds: planning,
            makespan_seconds: makespan,
            efficiency: (!seconds.is_empty())
                .then(|| least_makespan(&seconds, workers) / makespan.max(1e-9)),
            prediction_error: known
                .then(|| self.done.iter().map(error).sum::<f64>() / self.done.len() as f64),
        }
    }
}
