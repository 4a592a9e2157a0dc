//! What the server wants of a worker.

use crate::ids::{ClientId, Round};
use crate::weights::{Total, Turnout};
use serde::{Deserialize, Serialize};

/// From the server to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Train these clients, one after another, each from the round's weights. The weights follow
    /// the first order of a round, and what the algorithm tells, unless every rank keeps the
    /// model itself (`--reduce allreduce`). What a client keeps follows when the worker does
    /// not have it.
    Train {
        /// Which round.
        round: Round,
        /// Which pass over the cohort; most algorithms have one.
        pass: u8,
        /// What stands behind the whole cohort.
        total: Total,
        /// What the learning rate is multiplied with.
        rate: f64,
        /// Whom; the data is already with the worker.
        errands: Vec<Errand>,
        /// Nothing more comes in this pass: report, and hand over the partial sum.
        last: bool,
    },
    /// All clients of a pass are trained: take part in the collective sum.
    Reduce {
        /// Which round.
        round: Round,
        /// Which pass over the cohort.
        pass: u8,
        /// What stands behind the whole cohort, and behind those who count.
        turnout: Turnout,
    },
    /// Evaluate the weights that follow, unless every rank keeps the model itself.
    Evaluate {
        /// After which round.
        round: Round,
        /// On what.
        on: Scope,
    },
    /// The model to go on from follows, and what algorithm and server step remember.
    Model,
    /// The server is alive; nothing to do.
    Ping,
    /// The run is over: report and end.
    Stop,
}

/// What a worker evaluates on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All of its own test data.
    Own,
    /// Pieces of the test data that all ranks have, from the first to below the second.
    Pieces(u32, u32),
    /// What clients train on, from the first to below the second.
    Clients(u32, u32),
}

/// A client to train, and where what it keeps is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// Whom.
    pub client: ClientId,
    /// What it has kept since it was trained last.
    pub kept: Keeps,
}

/// Where what a client keeps is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keeps {
    /// It has kept nothing yet, or never does.
    Nothing,
    /// It follows the order.
    Sent,
    /// The worker that is asked has it, as that round left it.
    Held(Round),
    /// On the machine of its data, and it stays there.
    AtHome {
        /// What the run's states are called there.
        run: String,
        /// Which round left it; none before the client was trained.
        since: Option<Round>,
        /// The rounds whose states must stay.
        needed: Vec<Round>,
    },
}

impl Keeps {
    /// Whether the client has kept nothing yet.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Keeps::Nothing | Keeps::AtHome { since: None, .. })
    }
}
