//! What data allows that stays on its machine, and data that every rank has.

use super::{PlanError, flag_name, require};
use crate::config::{Config, Evaluator, Mode, Residency};
use crate::data;
use crate::schedule::DispatchMode;
use std::path::PathBuf;

/// The first setting that does not suit where data lies.
pub fn check(config: &Config) -> Result<(), PlanError> {
    match config.data_residency {
        Residency::Shared => check_shared(config),
        Residency::Local => check_local(config),
    }
}

fn check_shared(config: &Config) -> Result<(), PlanError> {
    let by_server = config.evaluate != Evaluator::Clients;
    let hint = "every rank has the same test data \
                (hint: --data_residency local, or --evaluate server)";
    require("evaluate", "clients", by_server, hint)
}

fn check_local(config: &Config) -> Result<(), PlanError> {
    let planned = config.dispatch == DispatchMode::Planned;
    let hint = "with --data_residency local clients are trained where their data is \
                (hint: --dispatch planned)";
    require("dispatch", flag_name(&config.dispatch), planned, hint)?;
    let hint = "with --data_residency local workers are ranks with data of their own \
                (hint: mpirun, and leave it out)";
    require("workers", config.workers, config.workers == 1, hint)?;
    let hint = "it is generated alike on every rank (hint: --data_residency is for data in files)";
    require("dataset", &config.dataset, config.dataset.name != data::GENERATED, hint)?;
    check_unsaid("partition_load", &config.partition_load)?;
    check_unsaid("partition_save", &config.partition_save)?;
    let suits = config.evaluate != Evaluator::Clients || config.mode == Mode::Sync;
    let hint = "without rounds the server evaluates (hint: --evaluate server)";
    require("evaluate", "clients", suits, hint)
}

/// No file has the partition of all.
fn check_unsaid(name: &'static str, file: &Option<PathBuf>) -> Result<(), PlanError> {
    let Some(path) = file else { return Ok(()) };
    let reason = "with --data_residency local nobody knows the whole partition";
    require(name, path.display(), false, reason)
}
