//! Who trains when there are no rounds: how many clients at once, chosen when, among whom.

use crate::ids::{ClientId, Round};
use crate::seed::{Purpose, Seed};
use crate::select::{Members, Pool, Selector};
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

/// When clients are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refill {
    /// At once, so that always as many are in training.
    Keep(usize),
    /// Every so many moves of the model (async-FL's scheduler): a share of those that are in, but
    /// more than arrive until the next time.
    Every {
        /// Moves between two times.
        interval: u32,
        /// Which share.
        share: f64,
    },
}

/// Clients check in over time: `number` at the start and every `interval` moves of the model; 0
/// means all at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkin {
    /// How many at a time.
    pub number: usize,
    /// Moves between two times.
    pub interval: u32,
}

/// Says who starts when, by the same selectors as rounds; those in training are never chosen again.
pub struct Chooser {
    seed: Seed,
    selector: Box<dyn Selector>,
    refill: Refill,
    checkin: Checkin,
    // In the order of check-in; empty when all are in from the start.
    arrivals: Vec<ClientId>,
    clients: usize,
    // The move of the model at which the scheduler fired last.
    fired: Option<u32>,
    choices: u32,
}

impl Chooser {
    /// A chooser among so many clients.
    pub fn new(
        seed: Seed,
        clients: usize,
        selector: Box<dyn Selector>,
        refill: Refill,
        checkin: Checkin,
    ) -> Chooser {
        let mut arrivals = Vec::new();
        if checkin.number > 0 {
            arrivals = (0..clients).map(ClientId::from).collect();
            arrivals.shuffle(&mut seed.stream(Purpose::Checkin));
        }
        Chooser {
            seed,
            selector,
            refill,
            checkin,
            arrivals,
            clients,
            fired: None,
            choices: 0,
        }
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

    /// How many shall start now, of so many that are in.
    fn wanted(&mut self, version: u32, present: usize, busy: usize) -> usize {
        match self.refill {
            Refill::Keep(most) => most.saturating_sub(busy),
            Refill::Every { interval, share } => {
                // When nobody is in training any more, nothing would ever move the model again.
                let due = version.is_multiple_of(interval) && self.fired != Some(version);
                if !due && busy > 0 {
                    return 0;
                }
                self.fired = Some(version);
                ((share * present as f64) as usize).max(interval as usize + 1)
            }
        }
    }

    /// Who checks in at a place.
    fn arrival(&self, place: usize) -> ClientId {
        match self.arrivals.get(place) {
            Some(client) => *client,
            None => ClientId::from(place),
        }
    }

    /// The clients that start now.
    pub fn choose(
        &mut self,
        version: u32,
        busy: &BTreeSet<ClientId>,
        samples: &dyn Fn(ClientId) -> u64,
    ) -> Vec<ClientId> {
        let present = self.present(version);
        let wanted = self.wanted(version, present, busy.len());
        if wanted == 0 {
            return Vec::new();
        }
        let mut idle: Vec<ClientId> = (0..present)
            .map(|place| self.arrival(place))
            .filter(|client| !busy.contains(client))
            .collect();
        idle.sort_unstable();
        let mut stream = self
            .seed
            .for_round(Purpose::Select, Round(self.choices + 1));
        let pool = Pool {
            members: Members::Some(&idle),
            samples,
        };
        let chosen = self
            .selector
            .select(Round(version), &pool, wanted, &mut stream);
        // Asking in vain leaves no trace, so it does not matter how often that is done.
        self.choices += u32::from(!chosen.is_empty());
        chosen
    }

    /// Everything that the next choice depends on, for a checkpoint.
    pub fn state(&self) -> serde_json::Value {
        serde_json::json!([self.fired, self.choices, self.selector.state()])
    }

    /// Takes over what [`Chooser::state`] gave.
    ///
    /// # Errors
    /// What is no such state.
    pub fn restore(&mut self, state: &serde_json::Value) -> serde_json::Result<()> {
        let selector: serde_json::Value;
        (self.fired, self.choices, selector) = Deserialize::deserialize(state)?;
        self.selector.restore(&selector)
    }

    /// Takes note of a client's mean training loss.
    pub fn learn(&mut self, client: ClientId, loss: f64) {
        self.selector.learn(client, loss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{self, Facts};

    fn chooser(selection: &str, refill: Refill, number: usize) -> Chooser {
        let selector = select::make(
            &selection.into(),
            Facts {
                clients: 10,
                wanted: 10,
            },
            None,
        )
        .expect("no file");
        Chooser::new(
            Seed(1),
            10,
            selector,
            refill,
            Checkin {
                number,
                interval: 5,
            },
        )
    }

    fn choose(
        chooser: &mut Chooser,
        version: u32,
        busy: &BTreeSet<ClientId>,
    ) -> BTreeSet<ClientId> {
        let chosen = chooser.choose(version, busy, &|_| 1);
        assert!(chosen.iter().all(|client| !busy.contains(client)), "nobody trains twice at once");
        chosen.into_iter().collect()
    }

    #[test]
    fn places_are_filled_up() {
        for selection in ["uniform", "weighted", "round_robin", "power_of_choice"] {
            let mut keep = chooser(selection, Refill::Keep(4), 0);
            let busy = choose(&mut keep, 0, &BTreeSet::new());
            assert_eq!(busy.len(), 4, "{selection}");
            let rest: BTreeSet<ClientId> = busy.iter().skip(1).copied().collect();
            assert_eq!(choose(&mut keep, 1, &rest).len(), 1, "{selection}");
            assert_eq!(
                choose(&mut chooser(selection, Refill::Keep(99), 0), 0, &BTreeSet::new()).len(),
                10
            );
        }
    }

    #[test]
    fn asking_in_vain_leaves_no_trace() {
        let later = |times: usize| {
            let mut keep = chooser("uniform", Refill::Keep(10), 3);
            let everybody = choose(&mut keep, 0, &BTreeSet::new());
            (0..times).for_each(|_| assert!(choose(&mut keep, 1, &everybody).is_empty()));
            keep.state()
        };
        assert_eq!(later(5), later(1));
    }

    #[test]
    fn clients_check_in_over_time() {
        let mut keep = chooser("uniform", Refill::Keep(10), 3);
        let first = choose(&mut keep, 0, &BTreeSet::new());
        assert_eq!(first.len(), 3);
        assert!(choose(&mut keep, 4, &first).is_empty());
        assert_eq!(choose(&mut keep, 5, &first).len(), 3);
        assert_eq!(choose(&mut keep, 99, &first).len(), 7);
    }

    #[test]
    fn a_scheduler_fires_every_so_many_moves_and_when_nobody_is_left() {
        for (selection, share, wanted) in [
            ("uniform", 0.1, 3),
            ("round_robin", 0.1, 3),
            ("uniform", 1.0, 10),
        ] {
            let mut chooser = chooser(selection, Refill::Every { interval: 2, share }, 0);
            let (nobody, somebody) = (BTreeSet::new(), BTreeSet::from([ClientId(0)]));
            assert_eq!(choose(&mut chooser, 0, &nobody).len(), wanted, "{selection}");
            assert!(choose(&mut chooser, 0, &somebody).is_empty(), "{selection}");
            assert!(choose(&mut chooser, 1, &somebody).is_empty(), "{selection}");
            assert!(!choose(&mut chooser, 1, &nobody).is_empty(), "{selection}");
            assert_eq!(choose(&mut chooser, 2, &somebody).len(), wanted.min(9), "{selection}");
        }
    }
}
