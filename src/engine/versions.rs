//! What clients keep where their data is: the server knows of each state which round left it, and
//! never what it is. States of rounds that came to nothing are not referred to; those that
//! checkpoints refer to stay as long as these.

use super::EngineError;
use crate::event::KeptIndex;
use crate::ids::{ClientId, Round};
use crate::message::Keeps;
use crate::transport::host_name;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, absolute};
use std::time::SystemTime;

/// Which round left the state of a client.
type Rounds = BTreeMap<ClientId, Round>;

/// The versions of all states.
pub struct Versions {
    // What the states of this run are called at homes.
    run: String,
    settled: Rounds,
    // What the round in hand has left.
    fresh: Rounds,
    // What each checkpoint that is kept refers to, oldest first.
    pins: VecDeque<Rounds>,
    checkpoints: usize,
}

impl Versions {
    /// Nothing is kept yet. `path`, where the run's own states would lie, tells it from others of
    /// this host.
    pub fn new(path: Option<&Path>, checkpoints: usize) -> Versions {
        let path = path.map(|path| absolute(path).unwrap_or_else(|_| path.to_owned()));
        // A run that nothing outlives is known by its process.
        let alone = || format!("{} {:?}", std::process::id(), SystemTime::now());
        let text = path.map_or_else(alone, |path| format!("{path:?}"));
        let run =
            blake3::hash(format!("{} {text}", host_name()).as_bytes()).to_hex()[..16].to_owned();
        Versions {
            run,
            settled: Rounds::new(),
            fresh: Rounds::new(),
            pins: VecDeque::new(),
            checkpoints,
        }
    }

    /// What the states of this run are called at homes.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Goes on with what a checkpoint refers to.
    ///
    /// # Errors
    /// States that did not lie at homes.
    pub fn go_on(&mut self, index: &KeptIndex, run: Option<&str>) -> Result<(), EngineError> {
        if index.0.is_empty() {
            return Ok(());
        }
        let Some(run) = run else {
            return Err(EngineError::Forgotten {
                part: "what clients keep",
                reason: "it lies on the server".to_owned(),
            });
        };
        self.run = run.to_owned();
        self.settled = index
            .0
            .iter()
            .map(|&(client, _, round)| (client, round))
            .collect();
        self.pins = [self.settled.clone()].into();
        Ok(())
    }

    /// What a worker is told of a client's state.
    pub fn at_home(&self, client: ClientId) -> Keeps {
        let since = self.settled.get(&client).copied();
        let mut needed: Vec<Round> = self
            .pins
            .iter()
            .filter_map(|pin| pin.get(&client))
            .copied()
            .collect();
        needed.extend(since);
        needed.sort_unstable();
        needed.dedup();
        Keeps::AtHome {
            run: self.run.clone(),
            since,
            needed,
        }
    }

    /// A client has left a state in `round`; it counts once the round is settled.
    pub fn note(&mut self, client: ClientId, round: Round) {
        self.fresh.insert(client, round);
    }

    /// The round is complete.
    pub fn settle(&mut self) {
        self.settled.append(&mut self.fresh);
    }

    /// The round came to nothing.
    pub fn forget(&mut self) {
        self.fresh.clear();
    }

    /// What a checkpoint refers to; it stays at homes as long as that checkpoint is kept.
    pub fn pin(&mut self) -> KeptIndex {
        self.pins.push_back(self.settled.clone());
        while self.pins.len() > self.checkpoints {
            self.pins.pop_front();
        }
        KeptIndex(
            self.settled
                .iter()
                .map(|(&client, &round)| (client, 0, round))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(7);

    fn told(versions: &Versions) -> (Option<u32>, Vec<u32>) {
        let Keeps::AtHome { since, needed, .. } = versions.at_home(A) else {
            panic!("not at home")
        };
        (since.map(|round| round.0), needed.into_iter().map(|round| round.0).collect())
    }

    #[test]
    fn only_complete_rounds_count_and_what_checkpoints_refer_to_stays() {
        let mut versions = Versions::new(Some(Path::new("run/kept.bin")), 2);
        versions.note(A, Round(0));
        versions.forget();
        assert_eq!(told(&versions), (None, vec![]));
        let mut saved = Vec::new();
        for round in 1..8 {
            versions.note(A, Round(round));
            versions.settle();
            if round % 3 == 0 {
                saved.push(versions.pin());
            }
        }
        assert_eq!(told(&versions), (Some(7), vec![3, 6, 7]));
        let mut later = Versions::new(None, 2);
        assert_ne!(later.run(), versions.run());
        later
            .go_on(&saved[1], Some(versions.run()))
            .expect("at home");
        assert_eq!((told(&later), later.run()), ((Some(6), vec![6]), versions.run()));
        let refused = later
            .go_on(&saved[1], None)
            .expect_err("on the server")
            .to_string();
        assert!(refused.contains("it lies on the server"), "{refused}");
    }
}
