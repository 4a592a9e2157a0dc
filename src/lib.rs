//! Federated learning on clusters over MPI: rank 0 is the server, every other rank a worker that
//! trains clients one after another on its GPU or CPU core. The final model is bit-identical for
//! any number of ranks.
//!
//! The modules follow the walk of the data: [`config`], [`data`] and [`partition`], [`select`],
//! [`schedule`], [`message`] and [`transport`], [`train`], [`weights`], [`aggregate`], [`metrics`],
//! [`record`]; [`engine`] strings them together.

pub mod aggregate;
pub mod algorithm;
pub mod config;
pub mod data;
pub mod delay;
pub mod engine;
pub mod event;
pub mod launch;
pub mod message;
pub mod metrics;
pub mod partition;
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
pub mod part;
pub mod seed;
pub mod shelf;
pub mod staleness;
pub mod stop;
pub mod task;
