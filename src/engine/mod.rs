//! The managers that turn the stages of the walk into a run: the server on rank 0, a client manager
//! on every other rank.

mod asynchronous;
mod client;
mod contribution;
mod evaluation;
mod exchange;
mod fallback;
mod flight;
mod gathering;
mod global;
mod home;
mod keeper;
mod kept;
mod link;
mod phase;
mod post;
mod pulse;
mod run;
mod server;
mod states;
mod stopwatch;
mod survey;
mod versions;
mod visit;

use crate::event::{RankReport, RecordError, Recorder, Standing, State};
use crate::ids::{ClientId, Rank, Round};
use crate::message::{DecodeError, Failure};
use crate::plan::Plan;
use crate::select::SelectError;
use crate::stop;
use crate::train::{TrainError, Trainer};
use crate::transport::{Metered, Transport, TransportError, host_name, local};
use crate::weights::Layout;
use std::thread;

use keeper::Keeper;
use run::{on_record, run_to_end};

pub use client::serve;
pub use evaluation::evaluate;
pub use run::{Outcome, run};
pub use server::Server;

/// A run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Ranks were started with other flags or other data.
    #[error(
        "rank {rank} on {host} has another plan or other data than rank 0 (hint: same flags, binary and data files on \
         every host)"
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
        "rank {rank} on {host} is gone, and nobody is left (hint: `fedmpi launch --max_restarts` goes on by itself)"
    )]
    Lost {
        /// Who.
        rank: Rank,
        /// Where it ran.
        host: String,
    },
    /// Clients whose data is gone with the last worker that holds it.
    #[error(
        "rank {rank} on {host} is gone, and nobody else holds the data of its clients (hint: `fedmpi launch \
         --max_restarts` goes on from the newest checkpoint once the host is back)"
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
        "round {round}: the server's step made a model that is not finite (hint: training diverged; lower --server_lr \
         or --lr)"
    )]
    NotFinite {
        /// When.
        round: Round,
    },
    /// A worker that owes something says nothing any more.
    #[error(
        "round {round}: no sign of life for {seconds} s: {outstanding} (hint: look at these hosts; raise --round_timeout when one step \
         of training may take longer; `fedmpi launch --max_restarts` goes on by itself)"
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
        "no sign of life from the server for {seconds} s (hint: look at its host; raise --round_timeout when evaluation \
         takes longer; `fedmpi launch --max_restarts` goes on by itself)"
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
        "no client can be chosen any more, so the model would never move again (hint: more clients, or --checkin_num)"
    )]
    Idle,
    /// Without rounds: every training diverges, and the model never moves.
    #[error(
        "{trainings} trainings in a row diverged, so the model would never move again (hint: lower --lr)"
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
        "the checkpoint cannot bring back the {part}: {reason} (hint: resume with the version that wrote it)"
    )]
    Forgotten {
        /// Of what.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// What clients keep cannot be kept.
    #[error(
        "what clients keep is lost: {reason} (hint: check free space; start the run anew if the file was damaged)"
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
    fn training(rank: Rank, round: Round, failure: Failure) -> EngineError {
        let Failure {
            client,
            reason,
            diverged,
            ..
        } = failure;
        EngineError::Training {
            rank,
            client,
            round,
            reason,
            diverged,
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

/// Makes a rank's trainer, on the thread that will use it.
pub type MakeTrainer<'a> = dyn Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Sync + 'a;

/// A whole job in one process: a server and `workers` client managers on threads.
///
/// # Errors
/// As [`run()`]; the first fault of the server, or of a worker whose loss ended the server's run.
pub fn run_local(
    plan: &Plan,
    workers: usize,
    make: &MakeTrainer<'_>,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    on_record(recorder, |recorder| run_in_process(plan, workers, make, recorder, saved))
}

fn run_in_process(
    plan: &Plan,
    workers: usize,
    make: &MakeTrainer<'_>,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    let mut ends = local::ranks(workers + 1).into_iter();
    let server = ends.next().expect("the server's end");
    let broken = |rank: Rank| move |reason: String| EngineError::Broken { rank, reason };
    let made = |rank: Rank| -> Result<Box<dyn Trainer>, EngineError> {
        stop::catch(|| make(rank))
            .map_err(broken(rank))?
            .map_err(|error| broken(rank)(error.to_string()))
    };
    let work = |end: local::Local| {
        let rank = end.rank();
        let mut trainer = made(rank)?;
        stop::catch(|| serve(plan, &mut Metered::new(end), trainer.as_mut()))
            .map_err(broken(rank))?
    };
    thread::scope(|scope| {
        let workers: Vec<_> = ends.map(|end| scope.spawn(move || work(end))).collect();
        let run = made(Rank::SERVER).and_then(|mut trainer| {
            run_to_end(plan, &mut Metered::new(server), trainer.as_mut(), recorder, saved)
        });
        if matches!(run, Err(EngineError::EndWanted)) {
            log::info!("a signal asks for the end: clients in training are left");
        }
        // That the server is gone is no fault of a worker.
        let own =
            |fault: &EngineError| !matches!(fault, EngineError::Transport(TransportError::Gone(_)));
        let ended = workers
            .into_iter()
            .filter_map(|worker| worker.join().ok()?.err());
        let mut faults = ended.filter(own);
        let run = match run {
            // What ended the last worker tells more than that it is gone.
            Err(EngineError::Lost { rank, host }) => {
                Err(faults.next().unwrap_or(EngineError::Lost { rank, host }))
            }
            run => run,
        };
        faults.for_each(|fault| log::warn!("{fault}"));
        run
    })
}

/// Values that each client keeps.
fn kept_values(plan: &Plan, layout: &Layout) -> usize {
    let trained = layout.trained();
    plan.method.algorithm.shape(trained).kept + plan.method.updates.kept(trained)
}

/// Makes sure, before anything is trained, that a worker can keep what its clients keep.
///
/// # Errors
/// A folder that cannot be made or written to.
pub fn check_keeping(plan: &Plan, layout: &Layout, worker: Rank) -> Result<(), EngineError> {
    Keeper::new(plan, kept_values(plan, layout), worker).map(drop)
}

/// A state that cannot be read.
fn forgotten(part: &'static str) -> impl Fn(serde_json::Error) -> EngineError {
    move |error| EngineError::Forgotten {
        part,
        reason: error.to_string(),
    }
}

/// What a rank says of itself at the end.
fn report(rank: Rank, device: String, bytes_sent: u64) -> RankReport {
    RankReport {
        rank,
        host: host_name(),
        device,
        bytes_sent,
        peak_rss_mib: peak_rss_mib(),
    }
}

/// Largest resident memory of this process so far in MiB; 0 where the system does not say.
pub fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .ok()
    });
    kib.unwrap_or(0.0) / 1024.0
}
