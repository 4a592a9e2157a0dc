//! What the engine tells its listeners. The engine never prints or writes a file itself.

mod state;

use crate::ids::{ClientId, Rank, Round, by_rank, counted};
use crate::metrics::Metrics;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub use state::{InFlight, KeptIndex, State, Training};

/// Something that happened in a run, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// All ranks agreed on the plan.
    Started(Started),
    /// How far a round is that takes long; in async mode the wait for the next move of the model.
    /// Told now and then.
    Underway(Underway),
    /// One client's update, told in the order of client ids once the round is complete.
    ClientTrained(Trained),
    /// A client's training diverged, and it counts for nothing (`--on_nan skip`).
    LeftOut {
        /// In which round; in async mode before which move of the model.
        #[serde(with = "counted")]
        round: Round,
        /// Whose training.
        client: ClientId,
        /// Who trained it.
        rank: Rank,
        /// What is wrong with what came of it.
        reason: String,
    },
    /// Rounds that are on no record any more: the journal was damaged when the run went on.
    Missing {
        /// Which rounds.
        #[serde(with = "counted::list")]
        rounds: Vec<Round>,
    },
    /// A worker is gone; what it had not handed over is trained by the others.
    Lost {
        /// In which round; in async mode before which move of the model.
        #[serde(with = "counted")]
        round: Round,
        /// Who.
        rank: Rank,
        /// Where it ran.
        host: String,
        /// Clients that are trained again.
        clients: usize,
    },
    /// Async: one update arrived, in the order of the run's clock.
    Arrived(Arrived),
    /// The global model moved.
    RoundDone(RoundDone),
    /// Everything that the next round depends on, beside the weights; told when a recorder wants
    /// it.
    Saved(State),
    /// The run has come to its end.
    Finished {
        /// Why it ends here.
        #[serde(default)]
        reason: String,
        /// What each rank reports of itself, by rank.
        ranks: Vec<RankReport>,
        /// Rounds done, fewer than planned when the target accuracy was reached.
        rounds: u32,
        /// Seconds from the start of the first round to the end of the last.
        #[serde(with = "crate::number")]
        total_seconds: f64,
    },
    /// The run is over before its end.
    Ended {
        /// Whether somebody wanted it to stop, or it failed.
        state: Standing,
        /// Why, in the words that are logged too.
        reason: String,
        /// Whether another attempt from the same state would end alike.
        settled: bool,
    },
}

/// How a run begins, or goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Rounds to do.
    pub rounds: u32,
    /// Ranks that train.
    pub workers: usize,
    /// Parameters of the model that are trained.
    pub parameters: usize,
    /// Emulated slowdown of workers: times are then not those of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_slowdown: Option<String>,
    /// What is promised of privacy, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<String>,
    /// When; the beginning of 1970 in journals of older programs.
    #[serde(default)]
    pub at: Timestamp,
    /// Where the workers run.
    #[serde(default, with = "by_rank")]
    pub hosts: BTreeMap<Rank, String>,
}

/// One client's update in a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// In which round.
    #[serde(with = "counted")]
    pub round: Round,
    /// Whose update.
    pub client: ClientId,
    /// Who trained it.
    pub rank: Rank,
    /// Samples behind the update.
    pub samples: u64,
    /// Mean training loss over the client's samples, of all epochs.
    #[serde(with = "crate::number")]
    pub loss: f64,
    /// Seconds from the worker's first order of the round to the beginning of the training.
    #[serde(default, with = "crate::number")]
    pub start: f64,
    /// Seconds of training on the worker.
    #[serde(with = "crate::number")]
    pub seconds: f64,
    /// Bits that a real client would send.
    #[serde(default)]
    pub bits: u64,
}

/// How a run stands. Records of older programs say nothing, and were written at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has begun.
    Running,
    /// It has begun, and no process holds its folder any more. Only its launcher may have written
    /// that.
    Killed,
    /// It has come to its end.
    #[default]
    Finished,
    /// Somebody wanted it to stop; it can go on.
    Stopped,
    /// It cannot go on by itself.
    Failed,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Standing::Running => "running",
            Standing::Killed => "killed",
            Standing::Finished => "finished",
            Standing::Stopped => "stopped",
            Standing::Failed => "failed",
        })
    }
}

/// A round between its first order and its last report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Underway {
    /// Which round; in async mode which move of the model is next.
    #[serde(with = "counted")]
    pub round: Round,
    /// Seconds since it began.
    #[serde(with = "crate::number")]
    pub seconds: f64,
    /// Clients of the cohort; in async mode those in training.
    pub clients: usize,
    /// Those that are done with the pass in hand; in async mode arrivals that the next move takes
    /// in.
    pub done: usize,
    /// What each worker does, by rank.
    pub workers: Vec<Lane>,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Who.
    pub rank: Rank,
    /// Whom it trains; none when it has nothing to do.
    pub client: Option<ClientId>,
    /// Clients that it has trained in the pass in hand; 0 in async mode.
    pub done: usize,
}

/// An update that arrived without a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// Which update of the run, from 1.
    pub update: u64,
    /// Whose.
    pub client: ClientId,
    /// Who trained it.
    pub rank: Rank,
    /// How often the model had moved since the client got it.
    pub staleness: u32,
    /// What that leaves of it; none when it was dropped.
    #[serde(default, with = "crate::number")]
    pub weight: Option<f64>,
    /// Seconds on the run's clock.
    #[serde(with = "crate::number")]
    pub clock: f64,
    /// Mean training loss over the client's samples, of all epochs.
    #[serde(with = "crate::number")]
    pub loss: f64,
    /// When its training began, in seconds since the run began; time between a stop and going on
    /// does not count. None in journals of older programs.
    #[serde(
        default,
        with = "crate::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub start: Option<f64>,
    /// Seconds of training on the worker.
    #[serde(with = "crate::number")]
    pub seconds: f64,
    /// Clients still in training.
    pub in_flight: usize,
}

/// The line of one round; in async mode of one move of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundDone {
    /// Which round.
    #[serde(with = "counted")]
    pub round: Round,
    /// Clients in the cohort whose updates count.
    pub clients: usize,
    /// Clients that were selected and dropped out; in async mode updates that were too stale to
    /// count.
    pub dropped: usize,
    /// Clients that were selected and came too late.
    pub late: usize,
    /// Clients that were left out because their training diverged.
    #[serde(default)]
    pub diverged: usize,
    /// Seconds of the round by the clients' virtual clock.
    #[serde(with = "crate::number")]
    pub virtual_seconds: f64,
    /// Seconds on the run's clock at its end.
    #[serde(with = "crate::number")]
    pub clock: f64,
    /// Updates that have counted so far.
    pub updates: u64,
    /// Mean staleness of the updates that moved the model; 0 in sync mode.
    #[serde(with = "crate::number")]
    pub staleness: f64,
    /// Samples behind the cohort.
    pub samples: u64,
    /// Mean training loss, weighted by samples; none when nobody was trained.
    #[serde(default, with = "crate::number")]
    pub train_loss: Option<f64>,
    /// Seconds of selection, training and aggregation; evaluation excluded.
    #[serde(with = "crate::number")]
    pub seconds: f64,
    /// Seconds of evaluation in which nothing was trained.
    #[serde(with = "crate::number")]
    pub evaluation_seconds: f64,
    /// Bytes that real clients would send to the server.
    #[serde(default)]
    pub client_bytes: u64,
    /// Bytes that the ranks of this cluster sent each other.
    #[serde(default)]
    pub cluster_bytes: u64,
    /// What is given away of each client so far, at most; none where nothing bounds it.
    #[serde(
        default,
        with = "crate::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub epsilon: Option<f64>,
    /// How well the round was planned.
    pub schedule: Schedule,
    /// Hash of the new global model.
    pub model_hash: String,
    /// Metrics on the test set, when this round evaluated.
    pub test: Option<Metrics>,
    /// Metrics on what clients train on, when this round evaluated on that too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Metrics>,
}

/// How well a round was planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Seconds of selection and scheduling, before the first order.
    #[serde(with = "crate::number")]
    pub planning_seconds: f64,
    /// Seconds from the first order to the complete sum of updates.
    #[serde(with = "crate::number")]
    pub makespan_seconds: f64,
    /// The least makespan of these seconds on these workers as a share of the real one, from 0 to
    /// 1; none when nobody was trained.
    #[serde(default, with = "crate::number")]
    pub efficiency: Option<f64>,
    /// Mean of |predicted - measured| / measured over the clients' seconds; none before there is
    /// history.
    #[serde(default, with = "crate::number")]
    pub prediction_error: Option<f64>,
}

/// What a rank knows of itself at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankReport {
    /// Which rank.
    pub rank: Rank,
    /// Its host name.
    pub host: String,
    /// Where it computed, such as `cpu` or `cuda:0`.
    pub device: String,
    /// Bytes of message content sent.
    pub bytes_sent: u64,
    /// Largest resident memory in MiB.
    #[serde(with = "crate::number")]
    pub peak_rss_mib: f64,
}

/// Listens to a run. The first error ends the run: a round that cannot be recorded is not done.
pub trait Recorder {
    /// Takes note of an event; `weights` is the global model at that moment.
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError>;

    /// Asked after every round: whether [`Event::Saved`] shall follow.
    fn wants_state(&mut self) -> bool {
        false
    }

    /// Asked before the run ends: whether [`Event::Saved`] shall come once more.
    fn wants_last_state(&self) -> bool {
        false
    }

    /// Where what clients keep may lie, so that it can be found again when the run goes on. What
    /// lies at their homes is found there by this place.
    fn keeps_at(&self) -> Option<PathBuf> {
        None
    }
}

/// A record that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be written.
    #[error("cannot write {path}: {reason} (hint: check free space and permissions)")]
    Unwritten {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// It cannot be read.
    #[error("cannot read {path}: {reason} (hint: it must be a file of this run)")]
    Unread {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Recorders in order; each hears every event.
impl Recorder for Vec<Box<dyn Recorder>> {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        self.iter_mut()
            .try_for_each(|recorder| recorder.record(event, weights))
    }

    fn wants_state(&mut self) -> bool {
        // All are asked: each may count rounds.
        self.iter_mut()
            .fold(false, |wanted, recorder| recorder.wants_state() | wanted)
    }

    fn wants_last_state(&self) -> bool {
        self.iter().any(|recorder| recorder.wants_last_state())
    }

    fn keeps_at(&self) -> Option<PathBuf> {
        self.iter().find_map(|recorder| recorder.keeps_at())
    }
}
