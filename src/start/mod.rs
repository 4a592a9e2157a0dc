//! The start of a training job, in order: MPI, arguments, logging, seed, GPU mapping, data, model,
//! training. After each step all ranks settle whether all of them succeeded; if not, the lowest that
//! failed says why, and every rank ends. So bad input yields one message and leaves no rank behind.

mod data;
mod folder;
mod log;
mod seats;
mod settle;
mod trainer;

use crate::config::{Config, Flags};
use crate::ids::Rank;
use crate::plan::Plan;
use crate::train::Trainer;
use crate::transport::World;
use crate::transport::mpi::Mpi;
use anyhow::Result;
use folder::Past;
use settle::{same_build, settle, unless_finished};
use tch::Device;

pub(crate) use self::log::{log_at, start_log};
pub(crate) use folder::ServerPart;
pub(crate) use seats::mapping;
pub(crate) use settle::Stop;
pub(crate) use trainer::{make_trainer, sums};

/// Everything a rank needs to train.
pub(crate) struct Ready {
    pub(crate) plan: Plan,
    pub(crate) device: Device,
    /// Ranks that compute there.
    pub(crate) sharers: usize,
    pub(crate) trainer: Box<dyn Trainer>,
    pub(crate) server: Option<ServerPart>,
}

/// All steps before training.
pub(crate) fn prepare(mpi: &Mpi, flags: &Flags) -> Result<Ready, Stop> {
    same_build(mpi)?;
    let config = settle(mpi, read_config(flags))?;
    log_at(config.verbose);
    let (hosts, seats) = seats::take(mpi, &config)?;
    let plan = data::plan(mpi, &hosts, config)?;
    trainer::check_fit(mpi, &plan)?;
    let is_server = mpi.rank() == Rank::SERVER;
    let folder = settle(mpi, is_server.then(|| folder::claim(&plan)).transpose())?;
    // Before anything is written: a run that cannot go on stays as it is.
    let past = settle(mpi, if is_server { folder::past(&plan) } else { Ok(Past::None) })?;
    let (saved, finished) = match past {
        Past::None => (None, None),
        Past::Saved(saved) => (Some(saved), None),
        Past::Finished(summary) => (None, Some(summary)),
    };
    unless_finished(mpi, finished)?;
    let (device, sharers) = seats::place(mpi.rank(), &hosts, &seats);
    let trainer = settle(mpi, trainer::try_trainer(&plan, device, sharers, mpi.rank()))?;
    let server = folder.map(|folder| folder::server_part(&plan, flags.job.as_deref(), trainer.as_ref(), folder, saved));
    let server = settle(mpi, server.transpose())?;
    Ok(Ready { plan, device, sharers, trainer, server })
}

/// What the user wrote, as far as it can be checked without data.
pub(crate) fn read_config(flags: &Flags) -> Result<Config> {
    let config = Config::resolve(flags)?;
    Plan::check(&config)?;
    Ok(config)
}
