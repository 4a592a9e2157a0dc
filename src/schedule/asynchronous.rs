//! Who trains when there are no rounds: how many clients at once, chosen when, among whom.

use crate::ids::{ClientId, Round};
use crate::seed::{Purpose, Seed, Stream};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the order of arrivals follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The delay model: the same in every run.
    Virtual,
    /// What happens.
    Real,
}

/// Whom a scheduler chooses that fires every so many moves of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum AsyncSchedule {
    /// A random share of those that have checked in.
    Random,
    /// As many, in turn.
    RoundRobin,
    /// All that have checked in.
    Full,
    /// All that are idle.
    AllIdle,
}

/// When clients are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refill {
    /// At once, so that always as many are in training.
    Keep(usize),
    /// Every so many moves of the model (async-FL's scheduler): a share of those that are in, but more
    /// than arrive until the next time.
    Every {
        /// Moves between two times.
        interval: u32,
        /// Whom.
        schedule: AsyncSchedule,
        /// Which share.
        share: f64,
    },
}

/// Clients check in over time: `number` at the start and every `interval` moves of the model; 0 means
/// all at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkin {
    /// How many at a time.
    pub number: usize,
    /// Moves between two times.
    pub interval: u32,
}

/// Chooses the next clients; those in training are never chosen again.
pub struct Chooser {
    seed: Seed,
    refill: Refill,
    checkin: Checkin,
    // In the order of check-in; empty when all are in from the start.
    arrivals: Vec<ClientId>,
    clients: usize,
    turn: usize,
    fired: Option<u32>,
    choices: u32,
}

impl Chooser {
    /// A chooser among so many clients.
    pub fn new(seed: Seed, clients: usize, refill: Refill, checkin: Checkin) -> Chooser {
        let mut arrivals = Vec::new();
        if checkin.number > 0 {
            arrivals = (0..clients).map(ClientId::from).collect();
            arrivals.shuffle(&mut seed.stream(Purpose::Checkin));
        }
        Chooser { seed, refill, checkin, arrivals, clients, turn: 0, fired: None, choices: 0 }
    }

    /// How many clients are in when the model has moved so often.
    fn present(&self, version: u32) -> usize {
        match self.checkin.number {
            0 => self.clients,
            number => {
                let times = 1 + version as usize / self.checkin.interval.max(1) as usize;
                self.clients.min(number.saturating_mul(times))
            }
        }
    }

    fn client(&self, place: usize) -> ClientId {
        self.arrivals.get(place).copied().unwrap_or_else(|| ClientId::from(place))
    }

    /// The clients that start now.
    pub fn choose(&mut self, version: u32, busy: &BTreeSet<ClientId>) -> Vec<ClientId> {
        let present = self.present(version);
        self.choices += 1;
        let mut stream = self.seed.for_round(Purpose::Select, Round(self.choices));
        match self.refill {
            Refill::Keep(wanted) => {
                let idle = present.saturating_sub(busy.len());
                let wanted = wanted.saturating_sub(busy.len()).min(idle);
                self.draw(present, wanted, busy, &mut stream)
            }
            Refill::Every { interval, schedule, share } => {
                // When nobody is in training any more, nothing would ever move the model again.
                let due = version.is_multiple_of(interval) && self.fired != Some(version);
                if !due && !busy.is_empty() {
                    return Vec::new();
                }
                self.fired = Some(version);
                let some = ((share * present as f64) as usize).max(interval as usize + 1);
                self.fire(schedule, present, some, busy, &mut stream)
            }
        }
    }

    fn fire(
        &mut self,
        schedule: AsyncSchedule,
        present: usize,
        some: usize,
        busy: &BTreeSet<ClientId>,
        stream: &mut Stream,
    ) -> Vec<ClientId> {
        let free = |client: &ClientId| !busy.contains(client);
        match schedule {
            AsyncSchedule::Random => {
                let idle = (0..present).map(|place| self.client(place)).filter(free).count();
                self.draw(present, some.min(idle), busy, stream)
            }
            AsyncSchedule::RoundRobin => {
                let turns = self.turn..self.turn + some.min(present);
                self.turn += some;
                turns.map(|turn| self.client(turn % present)).filter(free).collect()
            }
            AsyncSchedule::Full | AsyncSchedule::AllIdle => {
                (0..present).map(|place| self.client(place)).filter(free).collect()
            }
        }
    }

    /// Distinct clients that are not busy, by trying: those in training are few among many, or the pool
    /// is small.
    fn draw(&self, present: usize, wanted: usize, busy: &BTreeSet<ClientId>, stream: &mut Stream) -> Vec<ClientId> {
        let mut chosen = BTreeSet::new();
        let mut order = Vec::with_capacity(wanted);
        while order.len() < wanted {
            let client = self.client(stream.random_range(0..present));
            if !busy.contains(&client) && chosen.insert(client) {
                order.push(client);
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser(refill: Refill, number: usize) -> Chooser {
        Chooser::new(Seed(1), 10, refill, Checkin { number, interval: 5 })
    }

    #[test]
    fn places_are_filled_up_and_nobody_trains_twice_at_once() {
        let mut keep = chooser(Refill::Keep(4), 0);
        let busy: BTreeSet<ClientId> = keep.choose(0, &BTreeSet::new()).into_iter().collect();
        assert_eq!(busy.len(), 4);
        let rest: BTreeSet<ClientId> = busy.iter().skip(1).copied().collect();
        let next = keep.choose(1, &rest);
        assert!(next.len() == 1 && !rest.contains(&next[0]));
        assert_eq!(chooser(Refill::Keep(99), 0).choose(0, &BTreeSet::new()).len(), 10);
    }

    #[test]
    fn clients_check_in_over_time() {
        let mut keep = chooser(Refill::Keep(10), 3);
        let first: BTreeSet<ClientId> = keep.choose(0, &BTreeSet::new()).into_iter().collect();
        assert_eq!(first.len(), 3);
        assert_eq!(keep.choose(4, &first), []);
        assert_eq!(keep.choose(5, &first).len(), 3);
        assert_eq!(keep.choose(99, &first).len(), 7);
    }

    #[test]
    fn a_scheduler_fires_every_so_many_moves() {
        let every = |schedule| Refill::Every { interval: 2, schedule, share: 0.1 };
        let nobody = BTreeSet::new();
        for (schedule, wanted) in [
            (AsyncSchedule::Random, 3),
            (AsyncSchedule::RoundRobin, 3),
            (AsyncSchedule::Full, 10),
            (AsyncSchedule::AllIdle, 10),
        ] {
            let mut chooser = chooser(every(schedule), 0);
            assert_eq!(chooser.choose(0, &nobody).len(), wanted, "{schedule:?}");
            let somebody = BTreeSet::from([ClientId(0)]);
            assert_eq!(chooser.choose(0, &somebody), [], "{schedule:?}");
            assert_eq!(chooser.choose(1, &somebody), [], "{schedule:?}");
            assert!(!chooser.choose(1, &nobody).is_empty(), "{schedule:?}");
            assert!(chooser.choose(2, &somebody).len() >= wanted - 1, "{schedule:?}");
        }
    }
}
