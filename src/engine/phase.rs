//! A pass over the cohort, as server and workers both name it.

use crate::ids::Round;
use crate::weights::Total;

/// A pass over the cohort of a round.
#[derive(Clone, Copy)]
pub struct Phase {
    /// Which round.
    pub round: Round,
    /// Which pass.
    pub pass: u8,
    /// What clients are told of the cohort.
    pub total: Total,
}
