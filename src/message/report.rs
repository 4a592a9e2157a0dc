//! What a worker says of itself and of the clients that it trains.

use super::Reduce;
use crate::event::RankReport;
use crate::ids::{ClientId, Round};
use crate::metrics::Metrics;
use serde::{Deserialize, Serialize};

/// From a worker to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// First words of a worker.
    Hello {
        /// Digest of its plan and data; all ranks must agree.
        digest: String,
        /// How it will hand over its updates; all ranks must agree.
        reduce: Reduce,
        /// The name of its host.
        host: String,
    },
    /// Clients are trained, or could not be. With `--reduce server` the update of the only one
    /// follows; with `--reduce worker` the last of a pass is followed by the worker's partial
    /// sum. What a client keeps follows its own report.
    Trained {
        /// In which round.
        round: Round,
        /// In which pass over the cohort.
        pass: u8,
        /// What came of it.
        part: Part,
    },
    /// The model is evaluated as it was asked for.
    Evaluated {
        /// After which round.
        round: Round,
        /// The sums.
        metrics: Metrics,
    },
    /// Work goes on; nothing is finished yet.
    Alive {
        /// What is trained, if anything is.
        doing: Option<Doing>,
    },
    /// Last words of a worker.
    Bye(RankReport),
}

/// What came of the clients that a worker was to train.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Who was trained, and how it went.
    pub updates: Vec<Update>,
    /// Who was not, and why.
    pub failed: Vec<Failure>,
    /// Whether the worker has done everything that it was told to do in this pass.
    pub last: bool,
}

/// What training one client yields, beside its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Whose update.
    pub client: ClientId,
    /// Mean loss over what it was trained on.
    pub loss: f64,
    /// Seconds from the worker's first order of the round, in async mode of the run, to the
    /// beginning of the training.
    pub start: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Its own weight in the mean, where the algorithm gives one.
    pub weight: f64,
    /// Bits that a real client would send.
    pub bits: u64,
}

/// A client that contributes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose training.
    pub client: ClientId,
    /// What went wrong.
    pub reason: String,
    /// Whether its numbers went beyond all bounds, so that the others may go on without it.
    pub diverged: bool,
    /// Seconds of training.
    pub seconds: f64,
}

/// Where a worker stands in a pass over the cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// Whom it trains.
    pub client: ClientId,
    /// How many it has trained before in this pass.
    pub trained: u32,
}
