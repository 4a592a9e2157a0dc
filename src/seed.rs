//! Randomness from counters: every stream is keyed by (seed, purpose, round, client), so what is
//! drawn never depends on who draws first. ChaCha8 makes the streams the same on every machine.

use crate::ids::{ClientId, Round};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator handed to every algorithm that needs randomness.
pub type Stream = ChaCha8Rng;

/// What a stream is for. The number is part of the key: never reuse or renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Generating synthetic samples.
    Data = 1,
    /// Dividing samples among clients.
    Partition = 2,
    /// Initial weights.
    Initial = 3,
    /// Choosing the cohort of a round.
    Select = 4,
    /// The order of a client's samples.
    Shuffle = 5,
    /// Dropout masks and other noise inside a model.
    Model = 6,
    /// Who drops out of a round.
    Attend = 7,
    /// How fast a client is.
    Speed = 8,
    /// When clients check in.
    Checkin = 9,
    /// What becomes of a client's change on its way.
    Update = 10,
    /// How training pictures are changed.
    Augment = 11,
    /// Which samples are set aside for testing.
    Split = 12,
    /// Which tokens are hidden, and by what.
    Hide = 13,
    /// Noise on the mean of a cohort's changes.
    Noise = 14,
    /// Noise on a client's inputs.
    FeatureNoise = 15,
    /// Which settings a sweep tries.
    Sweep = 16,
}

/// The root of all randomness of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A stream that belongs to the whole run.
    pub fn stream(self, purpose: Purpose) -> Stream {
        self.keyed(purpose, 0, 0)
    }

    /// A stream that belongs to one round.
    pub fn for_round(self, purpose: Purpose, round: Round) -> Stream {
        self.keyed(purpose, 1 + u64::from(round.0), 0)
    }

    /// A stream that belongs to one client in one round.
    pub fn for_client(self, purpose: Purpose, round: Round, client: ClientId) -> Stream {
        self.keyed(purpose, 1 + u64::from(round.0), 1 + u64::from(client.0))
    }

    /// A stream that belongs to one sample of one client.
    pub fn for_sample(self, purpose: Purpose, sample: u32, client: ClientId) -> Stream {
        self.keyed(purpose, 1 + u64::from(sample), 1 + u64::from(client.0))
    }

    /// The four counters fill ChaCha's 256-bit key exactly, so no two streams share one.
    fn keyed(self, purpose: Purpose, round: u64, client: u64) -> Stream {
        let mut key = [0u8; 32];
        for (slot, word) in key
            .chunks_exact_mut(8)
            .zip([self.0, purpose as u64, round, client])
        {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn every_counter_changes_the_stream() {
        let first = |seed: u64, purpose, round, client| {
            Seed(seed)
                .for_client(purpose, Round(round), ClientId(client))
                .next_u64()
        };
        let base = first(1, Purpose::Shuffle, 2, 3);
        assert_eq!(base, first(1, Purpose::Shuffle, 2, 3));
        assert_ne!(base, first(2, Purpose::Shuffle, 2, 3));
        assert_ne!(base, first(1, Purpose::Model, 2, 3));
        assert_ne!(base, first(1, Purpose::Shuffle, 3, 3));
        assert_ne!(base, first(1, Purpose::Shuffle, 2, 4));
    }

    #[test]
    fn streams_do_not_change_between_releases() {
        assert_eq!(Seed(0).stream(Purpose::Select).next_u64(), 2308785458646203325);
    }
}
