//! Checkpoints: everything that the next round depends on, in a file that is whole or not there.
//! The last few are kept.

mod names;
mod newest;
mod writer;

pub use super::packed::{Saved, decode};
pub use names::{by_rounds, files, newest_file};
pub use newest::{CheckpointError, newest, read};
pub use writer::{Checkpoints, KEPT_FILE};

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::event::{KeptIndex, State};
    use crate::ids::{ClientId, Round};
    use crate::plan::Plan;

    pub(super) fn config() -> Config {
        Config {
            client_num_in_total: 3,
            client_num_per_round: 2,
            ..Config::default()
        }
    }

    pub(super) fn plan() -> Plan {
        Plan::resolve(config()).expect("sound")
    }

    pub(super) fn state(rounds: u32) -> State {
        let kept = KeptIndex(vec![(ClientId(3), 1, Round(2))]);
        State {
            rounds,
            clock: 0.1 + 0.2,
            updates: 7,
            memory: vec![vec![0.5], vec![]],
            kept,
            ..State::default()
        }
    }
}
