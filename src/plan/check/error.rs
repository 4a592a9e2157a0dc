//! A config that makes no sense, in words that name the setting.

use crate::data::DataError;
use crate::delay::DelayError;
use crate::part::PartError;
use crate::partition::PartitionError;
use crate::plan::HomesError;
use crate::select::SelectError;
use crate::train::schedule::RateError;

/// A config that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A value out of range.
    #[error("--{name} is {value}: {reason}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// A name of nothing, or settings of a part that make no sense.
    #[error(transparent)]
    Part(#[from] PartError),
    /// Data that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A selector that cannot be made.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A delay model that cannot be used.
    #[error(transparent)]
    Delay(#[from] DelayError),
    /// Too many or too few workers for the layout.
    #[error(
        "--dispatch one_per_worker trains each client of a round on a worker of its own: \
         --client_num_per_round is {cohort}, but there are {workers} workers (hint: mpirun -np {}, \
         --workers {cohort} without it, or --dispatch planned)", cohort + 1
    )]
    OnePerWorker {
        /// Clients in a round.
        cohort: usize,
        /// Ranks but the server, or threads.
        workers: usize,
    },
    /// A schedule of learning rates that cannot be used.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// Data on many machines that does not fit together.
    #[error(transparent)]
    Homes(#[from] HomesError),
    /// Data that cannot be divided.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}

/// Refuses a value unless something holds.
pub fn require(
    name: &'static str,
    value: impl ToString,
    holds: bool,
    reason: &str,
) -> Result<(), PlanError> {
    if holds {
        return Ok(());
    }
    Err(PlanError::Value {
        name,
        value: value.to_string(),
        reason: reason.to_owned(),
    })
}
