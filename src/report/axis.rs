//! What a run is drawn along.

use crate::event::RoundDone;

/// What a run is drawn along, and what it takes to reach a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Rounds, or moves of the model in async mode
    Rounds,
    /// Seconds on the wall, evaluation included
    Seconds,
    /// Seconds on the clients' virtual clock
    #[default]
    Virtual,
    /// Updates that counted
    Updates,
    /// Bytes that clients sent, all together
    Bytes,
    /// What is given away of each client (`--update noise`)
    Epsilon,
}

impl By {
    /// All of them, as pages show them.
    pub const ALL: [By; 6] = [
        By::Rounds,
        By::Seconds,
        By::Virtual,
        By::Updates,
        By::Bytes,
        By::Epsilon,
    ];

    /// The word that users write.
    pub fn word(self) -> &'static str {
        match self {
            By::Rounds => "rounds",
            By::Seconds => "seconds",
            By::Virtual => "virtual",
            By::Updates => "updates",
            By::Bytes => "bytes",
            By::Epsilon => "epsilon",
        }
    }

    /// With its unit, below an axis.
    pub fn title(self) -> &'static str {
        match self {
            By::Rounds => "rounds",
            By::Seconds => "time in seconds",
            By::Virtual => "virtual time in seconds",
            By::Updates => "updates of clients",
            By::Bytes => "bytes sent by clients",
            By::Epsilon => "epsilon, the privacy spent",
        }
    }
}

/// Where a run stands after a round, along each axis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place([Option<f64>; 6]);

impl Place {
    /// Along one axis; none where nothing bounds it.
    pub fn along(&self, by: By) -> Option<f64> {
        self.0[by as usize]
    }
}

/// Where a run stands after each round.
pub fn places(rounds: &[RoundDone]) -> Vec<Place> {
    let (mut seconds, mut bytes) = (0.0, 0);
    let mut places = Vec::with_capacity(rounds.len());
    for done in rounds {
        seconds += done.seconds + done.evaluation_seconds;
        bytes += done.client_bytes;
        places.push(Place([
            Some(done.round.number() as f64),
            Some(seconds),
            Some(done.clock),
            Some(done.updates as f64),
            Some(bytes as f64),
            done.epsilon,
        ]));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn seconds_and_bytes_add_up() {
        let round = |round| RoundDone {
            round: Round(round),
            seconds: 2.0,
            evaluation_seconds: 0.5,
            clock: 7.0,
            updates: 3,
            client_bytes: 10,
            epsilon: Some(0.25),
            ..RoundDone::default()
        };
        let last = places(&[round(0), round(1)])[1];
        let wanted = [2.0, 5.0, 7.0, 3.0, 20.0, 0.25].map(Some);
        assert_eq!(By::ALL.map(|by| last.along(by)), wanted);
    }
}
