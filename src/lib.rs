//! Federated learning on clusters over MPI: rank 0 is the server, every other rank a worker that
//! trains clients one after another on its GPU or CPU core. The final model is bit-identical for
//! any number of ranks.
//!
//! The modules follow the walk of the data: [`config`], [`data`] and [`partition`], [`plan`], [`select`],
//! [`schedule`], [`message`] and [`transport`], [`train`], [`weights`], [`aggregate`], [`metrics`],
//! [`record`]; [`engine`] strings them together.

pub mod aggregate;
pub mod algorithm;
pub mod config;
pub mod data;
pub mod delay;
pub mod engine;
pub mod event;
pub mod hosts;
pub mod launch;
pub mod message;
pub mod metrics;
#[cfg(feature = "torch")]
pub mod models;
pub mod partition;
pub mod plan;
pub mod record;
pub mod schedule;
pub mod select;
#[cfg(feature = "torch")]
pub mod torch;
pub mod train;
pub mod transport;
pub mod update;
pub mod weights;

mod files;
pub mod ids;
pub mod number;
pub mod part;
pub mod seed;
pub mod shelf;
pub mod staleness;
pub mod stop;
pub mod task;
pub mod tuning;

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
