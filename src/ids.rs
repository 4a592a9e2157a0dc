//! Names for the things that a run counts. Newtypes, so that a client is never taken for a rank.

use serde::{Deserialize, Serialize};
use std::fmt;

/// So many of something, in words.
///
/// ```
/// use fedmpi::ids::counted;
/// assert_eq!(
///     (counted(1, "rank"), counted(3, "rank")),
///     ("1 rank".to_owned(), "3 ranks".to_owned())
/// );
/// ```
pub fn counted(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, shown as $shown:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into a table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            /// Ids are checked to fit 32 bits when the plan is made.
            fn from(index: usize) -> Self {
                $name(u32::try_from(index).expect("the plan limits counts to 32 bits"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                let shown: fn(u32) -> u64 = $shown;
                shown(self.0).fmt(out)
            }
        }
    };
}

id! {
    /// An owner of data that takes part in training; counts from 0.
    ClientId, shown as u64::from
}
id! {
    /// A process of the job; 0 is the server.
    Rank, shown as u64::from
}
id! {
    /// One step of the global model. The number counts from 0; whatever people or their programs
    /// meet (messages, files, events) counts from 1.
    Round, shown as |round| Round(round).number()
}

impl Round {
    /// The round that people call by this number, from 1.
    ///
    /// ```
    /// use fedmpi::ids::Round;
    /// assert_eq!((Round::counted(3), Round::counted(0)), (Some(Round(2)), None));
    /// assert_eq!(Round(2).to_string(), "3");
    /// ```
    pub fn counted(number: u32) -> Option<Round> {
        number.checked_sub(1).map(Round)
    }

    /// What people call it.
    pub fn number(self) -> u64 {
        u64::from(self.0) + 1
    }
}

/// Rounds in events, as people count them.
pub mod counted {
    use super::Round;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// From 1.
    ///
    /// # Errors
    /// As the serializer's.
    pub fn serialize<S: Serializer>(round: &Round, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(round.number())
    }

    /// From 1.
    ///
    /// # Errors
    /// As the deserializer's, and 0.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Round, D::Error> {
        Round::counted(u32::deserialize(from)?)
            .ok_or_else(|| D::Error::custom("rounds count from 1"))
    }

    /// Several of them.
    pub mod list {
        use super::Round;
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        /// From 1.
        ///
        /// # Errors
        /// As the serializer's.
        pub fn serialize<S: Serializer>(rounds: &[Round], out: S) -> Result<S::Ok, S::Error> {
            out.collect_seq(rounds.iter().map(|round| round.number()))
        }

        /// From 1.
        ///
        /// # Errors
        /// As the deserializer's, and 0.
        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Round>, D::Error> {
            let numbers = Vec::<u32>::deserialize(from)?.into_iter();
            let rounds: Option<Vec<Round>> = numbers.map(Round::counted).collect();
            rounds.ok_or_else(|| D::Error::custom("rounds count from 1"))
        }
    }
}

/// What events say by rank. Their tag lets serde know keys as text only.
pub mod by_rank {
    use super::Rank;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::collections::BTreeMap;

    /// An object with ranks as keys.
    ///
    /// # Errors
    /// As the serializer's.
    pub fn serialize<S: Serializer>(
        texts: &BTreeMap<Rank, String>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_map(texts)
    }

    /// An object with ranks as keys.
    ///
    /// # Errors
    /// As the deserializer's, and keys that are no ranks.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Rank, String>, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(from)?.into_iter();
        texts
            .map(|(rank, text)| Ok((Rank(rank.parse().map_err(D::Error::custom)?), text)))
            .collect()
    }
}

impl Rank {
    /// The rank that selects, aggregates and records.
    pub const SERVER: Rank = Rank(0);
}
