//! Federated learning on clusters over MPI: rank 0 is the server, every other rank a worker that
//! trains clients one after another on its GPU or CPU core. The final model is bit-identical for
//! any number of ranks.
//!
//! A program of one's own reads a [`Config`], resolves a [`Plan`], and on each rank calls [`run()`]
//! or [`serve`] with a [`Trainer`]; see `examples/`. The names below are what such programs need,
//! in the order of the walk of the data: config, data, plan, select, schedule, message, train,
//! reduce, aggregate, evaluate, record. Everything else is the crate's own and may change at any
//! time: modules can be reached so that its own tests and benchmarks can look inside.

pub use config::{
    Collective, Config, ConfigError, DeviceChoice, Evaluator, Mode, OnNan, Residency,
};
pub use part::Choice;

pub use data::{Column, Dataset, Samples};
pub use ids::{ClientId, Rank, Round};
pub use partition::Partition;
pub use plan::{Plan, PlanError};
pub use seed::Seed;
pub use task::{Facts, Input};

pub use message::Reduce;
pub use schedule::{Clock, DispatchMode};
#[cfg(feature = "mpi")]
pub use transport::mpi::Mpi;
pub use transport::{Delivery, Metered, Transport, TransportError, World};

#[cfg(feature = "torch")]
pub use torch::TorchTrainer;
pub use train::{Drift, Gradient, Task, TrainError, Trained, Trainer};

pub use aggregate::step::ServerStep;
pub use algorithm::{Algorithm, Mean, Moving, Outcome as Yield, Shape, Visit};
pub use update::Chain;
pub use weights::{Layout, Section, Sections, Weigh, Weights};

pub use engine::{EngineError, Outcome, Server, run, run_local, serve};
pub use event::{Event, RankReport, RecordError, Recorder, RoundDone, Standing, State};
pub use metrics::{Metrics, Target};
pub use record::{Memory, Summary};

// Doors for the tests and benchmarks of this crate.
#[doc(hidden)]
pub mod aggregate;
#[doc(hidden)]
pub mod algorithm;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod data;
#[doc(hidden)]
pub mod delay;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod event;
#[doc(hidden)]
pub mod hosts;
#[doc(hidden)]
pub mod ids;
#[doc(hidden)]
pub mod launch;
#[doc(hidden)]
pub mod message;
#[doc(hidden)]
pub mod metrics;
#[cfg(feature = "torch")]
#[doc(hidden)]
pub mod models;
#[doc(hidden)]
pub mod number;
#[doc(hidden)]
pub mod part;
#[doc(hidden)]
pub mod partition;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod privacy;
#[doc(hidden)]
pub mod record;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod schedule;
#[doc(hidden)]
pub mod screen;
#[doc(hidden)]
pub mod seed;
#[doc(hidden)]
pub mod select;
#[doc(hidden)]
pub mod shelf;
#[doc(hidden)]
pub mod staleness;
#[doc(hidden)]
pub mod stop;
#[doc(hidden)]
pub mod sweep;
#[doc(hidden)]
pub mod task;
#[cfg(feature = "torch")]
#[doc(hidden)]
pub mod torch;
#[doc(hidden)]
pub mod train;
#[doc(hidden)]
pub mod transport;
#[doc(hidden)]
pub mod tuning;
#[doc(hidden)]
pub mod update;
#[doc(hidden)]
pub mod weights;

mod files;
// The program over the library: what is asked for, the commands, the start of a job.
#[cfg(all(feature = "mpi", feature = "torch"))]
mod cli;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod commands;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod host;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod program;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod start;

#[cfg(all(feature = "mpi", feature = "torch"))]
#[doc(hidden)]
pub use program::main;

/// The program of a build that cannot train.
#[cfg(not(all(feature = "mpi", feature = "torch")))]
#[doc(hidden)]
pub fn main() -> std::process::ExitCode {
    // Nobody is left to be told.
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        b"this build has no training: build with the features `mpi` and `torch`\n",
    );
    std::process::ExitCode::FAILURE
}
