//! What travels between server and workers: one enum per direction, with a version, followed by
//! flat vectors of numbers, each with a label that says what it is.

mod content;
mod frame;
mod order;
mod report;

use serde::{Deserialize, Serialize};

pub use content::{Content, Label, Numbers};
pub use frame::{DecodeError, Frame};
pub use order::{Errand, Keeps, Order, Scope};
pub use report::{Doing, Failure, Part, Report, Update};

/// Raised whenever the meaning of a message changes.
pub const VERSION: u16 = 13;

/// Where updates are summed. The result is the same, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Reduce {
    /// Every update travels to the server.
    Server,
    /// Each worker adds up its clients' updates and sends one partial sum.
    Worker,
    /// A collective sum over all ranks, each of which then moves its own copy of the model.
    Allreduce,
}
