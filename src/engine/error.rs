//! Why a run cannot go on, in words that name who, when and a remedy.

use crate::event::{RecordError, Standing};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{DecodeError, Failure};
use crate::select::SelectError;
use crate::train::TrainError;
use crate::transport::TransportError;

/// A run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Ranks were started with other flags or other data.
    #[error(
        "rank {rank} on {host} has another plan or other data than rank 0 (hint: same flags, \
         binary and data files on every host)"
    )]
    OtherPlan {
        /// Who differs.
        rank: Rank,
        /// Where it runs.
        host: String,
    },
    /// A client could not be trained.
    #[error("rank {rank} failed to train client {client} in round {round}: {reason}")]
    Training {
        /// Who trained.
        rank: Rank,
        /// Whom.
        client: ClientId,
        /// In which round; in async mode before which move of the model.
        round: Round,
        /// What went wrong.
        reason: String,
        /// Whether its numbers went beyond all bounds, as they would again.
        diverged: bool,
    },
    /// A rank could not make its trainer, or panicked.
    #[error("rank {rank} cannot work: {reason}")]
    Broken {
        /// Who.
        rank: Rank,
        /// Why.
        reason: String,
    },
    /// Nobody would ever train.
    #[error("there are no workers (hint: mpirun -np 3 starts a server and two workers)")]
    NoWorkers,
    /// The last worker is gone.
    #[error(
        "rank {rank} on {host} is gone, and nobody is left \
         (hint: `fedmpi launch --max_restarts` goes on by itself)"
    )]
    Lost {
        /// Who.
        rank: Rank,
        /// Where it ran.
        host: String,
    },
    /// Clients whose data is gone with the last worker that holds it.
    #[error(
        "rank {rank} on {host} is gone, and nobody else holds the data of its clients (hint: \
         `fedmpi launch --max_restarts` goes on from the newest checkpoint once the host is back)"
    )]
    Homeless {
        /// Who.
        rank: Rank,
        /// Where it ran.
        host: String,
    },
    /// A message that makes no sense now.
    #[error("rank {rank} sent an unexpected message: {what}")]
    Unexpected {
        /// The sender.
        rank: Rank,
        /// What arrived.
        what: String,
    },
    /// Evaluation failed.
    #[error("evaluation failed: {0}")]
    Evaluation(#[from] TrainError),
    /// A frame could not be moved.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A frame could not be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The server's step has left the numbers.
    #[error(
        "round {round}: the server's step made a model that is not finite (hint: training \
         diverged; lower --server_lr or --lr)"
    )]
    NotFinite {
        /// When.
        round: Round,
    },
    /// A worker that owes something says nothing any more.
    #[error(
        "round {round}: no sign of life for {seconds} s: {outstanding} (hint: look at these hosts; \
         raise --round_timeout when one step of training may take longer; `fedmpi launch \
         --max_restarts` goes on by itself)"
    )]
    Silence {
        /// In which round; in async mode before which move of the model.
        round: Round,
        /// How long nothing came.
        seconds: f64,
        /// Who owes what.
        outstanding: String,
    },
    /// The server says nothing any more.
    #[error(
        "no sign of life from the server for {seconds} s (hint: look at its host; raise \
         --round_timeout when evaluation takes longer; `fedmpi launch --max_restarts` goes on by \
         itself)"
    )]
    ServerSilent {
        /// How long.
        seconds: f64,
    },
    /// A signal asked for the end. What was saved is whole.
    #[error("asked to end: what is done is saved")]
    EndWanted,
    /// No client is in training, and none would ever be.
    #[error(
        "no client can be chosen any more, so the model would never move again \
         (hint: more clients, or --checkin_num)"
    )]
    Idle,
    /// Without rounds: every training diverges, and the model never moves.
    #[error(
        "{trainings} trainings in a row diverged, so the model would never move again \
         (hint: lower --lr)"
    )]
    InVain {
        /// How many.
        trainings: usize,
    },
    /// A checkpoint of another model.
    #[error("the checkpoint has {found} weights, the model {wanted}")]
    OtherModel {
        /// Weights in the checkpoint.
        found: usize,
        /// Weights of the model.
        wanted: usize,
    },
    /// A checkpoint that does not say how a part of the run was left.
    #[error(
        "the checkpoint cannot bring back the {part}: {reason} \
         (hint: resume with the version that wrote it)"
    )]
    Forgotten {
        /// Of what.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// What clients keep cannot be kept.
    #[error(
        "what clients keep is lost: {reason} \
         (hint: check free space; start the run anew if the file was damaged)"
    )]
    Kept {
        /// Why.
        reason: String,
    },
    /// What clients keep at home cannot be kept there.
    #[error("what clients keep at home is lost: {reason} (hint: {hint})")]
    KeptAtHome {
        /// Where, and why.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A part of the plan cannot be made.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A record could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl EngineError {
    /// A client could not be trained.
    pub(super) fn training(rank: Rank, round: Round, failure: Failure) -> EngineError {
        EngineError::Training {
            rank,
            client: failure.client,
            round,
            reason: failure.reason,
            diverged: failure.diverged,
        }
    }

    /// How it leaves the run.
    pub fn standing(&self) -> Standing {
        if matches!(self, EngineError::EndWanted) {
            Standing::Stopped
        } else {
            Standing::Failed
        }
    }

    /// Whether another attempt from the same state would end alike.
    pub fn is_settled(&self) -> bool {
        use EngineError::{Forgotten, Idle, InVain, NotFinite, OtherModel, Select, Training};
        match self {
            Training { diverged, .. } => *diverged,
            NotFinite { .. }
            | InVain { .. }
            | Idle
            | OtherModel { .. }
            | Forgotten { .. }
            | Select(_) => true,
            _ => false,
        }
    }
}
