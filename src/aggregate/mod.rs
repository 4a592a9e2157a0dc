//! Stage 8, aggregate: how does the global model move? [`combine`] makes one change of a cohort's,
//! [`step`] moves the model along it, and the [algorithm](crate::algorithm) between them says what
//! else follows. [`arrivals`] has the rules without rounds.

pub mod arrivals;
pub mod combine;
pub mod preset;
pub mod step;
