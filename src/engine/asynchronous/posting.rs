//! Trainings on their way to workers and back: each worker holds a few, the earliest arrival is
//! sent first, and what a lost worker held is sent again.

use super::Server;
use crate::engine::EngineError;
use crate::engine::flight::{Came, Flight, Flying, Key};
use crate::engine::link::{News, Owed, unexpected};
use crate::event::{Event, Lane, Underway};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{Content, Errand, Keeps, Label, Order, Part, Report};
use crate::transport::Transport;
use crate::weights::Total;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Trainings that a worker holds: one under way and one that waits.
const DEPTH: usize = 2;

/// The number of a training and what came of it, of a report that tells one.
fn came(report: &Report, content: &Content) -> Option<(u32, Came)> {
    let Report::Trained {
        round,
        part: Part {
            updates, failed, ..
        },
        ..
    } = report
    else {
        return None;
    };
    let came = match (&updates[..], &failed[..], content.floats(Label::Model)) {
        ([update], [], Some(weights)) => Ok((*update, Arc::clone(weights))),
        ([], [failure], _) => Err(failure.clone()),
        _ => return None,
    };
    Some((round.0, came))
}

impl<T: Transport> Server<'_, T> {
    /// Gives waiting trainings to the workers that have least to do, the earliest arrival first.
    pub(super) fn send_out(&mut self) -> Result<(), EngineError> {
        while let Some((key, rank)) = self.next_to_send() {
            self.held.entry(rank).or_default().insert(key.1);
            let now = self.taken();
            self.engaged.entry(rank).or_insert(now);
            self.flight.unsent.remove(&key);
            let task = &self.flight.tasks[&key];
            let order = self.order(key, task);
            let content = Content::nothing().with(Label::Model, Arc::clone(&task.start));
            self.link.send(rank, &order, content)?;
        }
        Ok(())
    }

    /// The order to train one client: its number stands in the round's place.
    fn order(&self, (_, number): Key, task: &Flying) -> Order {
        Order::Train {
            round: Round(number),
            pass: 0,
            total: Total {
                samples: 1,
                clients: 1,
            },
            rate: self.link.plan.rate(Round(task.version)),
            errands: vec![Errand {
                client: task.client,
                kept: Keeps::Nothing,
            }],
            last: true,
        }
    }

    /// The earliest arrival for which a worker has room, and that worker.
    fn next_to_send(&self) -> Option<(Key, Rank)> {
        match self.link.plan.homes() {
            None => Some((*self.flight.unsent.first()?, self.freest(&self.link.workers)?)),
            Some(_) => self.flight.unsent.iter().find_map(|key| {
                let able = self.link.able(self.flight.tasks[key].client);
                Some((*key, self.freest(&able)?))
            }),
        }
    }

    /// Of some workers the one that has least to do; none when all have enough.
    fn freest(&self, ranks: &[Rank]) -> Option<Rank> {
        let load = |rank: Rank| self.held.get(&rank).map_or(0, BTreeSet::len);
        let freest = ranks.iter().copied().min_by_key(|&rank| (load(rank), rank));
        freest.filter(|&rank| load(rank) < DEPTH)
    }

    /// Takes in one report.
    pub(super) fn take_in(&mut self) -> Result<(), EngineError> {
        let owed = || owed(&self.held, &self.flight);
        // What has arrived since the last move is not lost: the next move comes before the end.
        let news = if self.pending.has_work() {
            self.link.hear_at_last(owed)
        } else {
            self.link.hear(owed)
        };
        let news = news?;
        self.tell_underway()?;
        let Some(news) = news else { return Ok(()) };
        match news {
            News::Report(rank, report, content) => match came(&report, &content) {
                Some((number, came)) if self.hands_over(rank, number) => {
                    self.flight.results.insert(number, (rank, came));
                    self.send_out()
                }
                _ => Err(unexpected(rank, &report)),
            },
            News::Lost(rank) => self.replace(rank),
        }
    }

    /// A worker is done with a training; false when it held no such one.
    fn hands_over(&mut self, rank: Rank, number: u32) -> bool {
        let held = self.held.get_mut(&rank);
        held.is_some_and(|held| held.remove(&number))
    }

    /// Says what is in training where the model has not moved for long.
    fn tell_underway(&mut self) -> Result<(), EngineError> {
        let Some(seconds) = self.stopwatch.rings() else { return Ok(()) };
        let workers = self.link.workers.iter().map(|&rank| Lane {
            rank,
            client: self.first_held(rank),
            done: 0,
        });
        let underway = Event::Underway(Underway {
            round: Round(self.version),
            seconds,
            clients: self.flight.tasks.len(),
            done: self.pending.clients,
            workers: workers.collect(),
        });
        Ok(self.recorder.record(&underway, &self.global)?)
    }

    /// The client of the training that a worker got first, of those that it holds.
    fn first_held(&self, rank: Rank) -> Option<ClientId> {
        let number = self.held.get(&rank)?.first()?;
        let key = self.flight.numbered(*number)?;
        Some(self.flight.tasks[&key].client)
    }

    /// The others train what a lost worker held.
    fn replace(&mut self, rank: Rank) -> Result<(), EngineError> {
        let numbers = self.held.remove(&rank).unwrap_or_default();
        for &number in &numbers {
            let again = self.flight.numbered(number);
            self.flight.unsent.extend(again);
        }
        let event = self.link.loss(Round(self.version), rank, numbers.len());
        self.recorder.record(&event, &self.global)?;
        self.send_out()
    }
}

/// Which workers hold trainings, and of which clients.
fn owed(held: &BTreeMap<Rank, BTreeSet<u32>>, flight: &Flight) -> Owed {
    held.iter()
        .filter(|(_, held)| !held.is_empty())
        .map(|(rank, held)| (*rank, flight.clients(held)))
        .collect()
}
