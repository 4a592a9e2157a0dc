//! Names for the things that a run counts. Newtypes, so that a client is never taken for a rank.

use serde::{Deserialize, Serialize};
use std::fmt;

/// So many of something, in words.
///
/// ```
/// use fedmpi::ids::counted;
/// assert_eq!((counted(1, "rank"), counted(3, "rank")), ("1 rank".to_owned(), "3 ranks".to_owned()));
/// ```
pub fn counted(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
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
                self.0.fmt(out)
            }
        }
    };
}

id! {
    /// An owner of data that takes part in training; counts from 0.
    ClientId
}
id! {
    /// A process of the job; 0 is the server.
    Rank
}
id! {
    /// One step of the global model; counts from 0.
    Round
}

impl Rank {
    /// The rank that selects, aggregates and records.
    pub const SERVER: Rank = Rank(0);
}
