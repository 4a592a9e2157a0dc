//! Where a job's ranks will be, and what they will do, before there is a job.

use crate::config::Config;
use crate::files;
use crate::hosts::{HostFile, Seat};
use crate::ids::Rank;
use crate::plan::{Plan, expand};
use crate::transport::Host;
use crate::{launch, start};
use anyhow::{Context, Result};
use std::iter::repeat_n;
use std::path::Path;

/// The hosts of a file, or of the batch system's allocation.
pub(super) fn hosts(file: Option<&Path>) -> Result<Option<HostFile>> {
    match file {
        Some(path) => Ok(Some(read_hosts(path)?)),
        None => Ok(launch::allocation()?),
    }
}

/// The hosts of a job's ranks, in the order of a host file; nobody has counted GPUs there.
pub(super) fn planned_hosts(hosts: &HostFile) -> Vec<Host> {
    let each = hosts.hosts().iter();
    each.flat_map(|(name, slots)| repeat_n(Host::named(name.host()), slots.unwrap_or(1) as usize))
        .collect()
}

/// The hosts of a file in either dialect.
pub(super) fn read_hosts(path: &Path) -> Result<HostFile> {
    let text = files::text(path).with_context(|| format!("cannot read {}", path.display()))?;
    HostFile::parse(&text).with_context(|| path.display().to_string())
}

/// Ranks' hosts and seats as they will be: where the mapping wants them, or here without one.
/// Refuses what does not suit so many ranks.
pub(super) fn planned_seats(config: &Config, ranks: usize) -> Result<(Vec<Host>, Vec<Seat>)> {
    Plan::check_workers(config, config.workers_of(ranks))?;
    let Some(mapping) = start::mapping(config)? else {
        return Ok((vec![Host::here(); ranks], vec![Seat::Cpu; ranks]));
    };
    let mut hosts = mapping.wanted();
    hosts.resize(ranks, Host::here());
    let seats = mapping.place(&hosts, config.device)?;
    start::check_workers(config, &seats)?;
    Ok((hosts, seats))
}

/// The plan over the data as the server would see it here.
pub(super) fn plan_here(config: Config) -> Result<Plan> {
    let data_dir = expand(&config.data_dir, Rank::SERVER, &Host::here().name);
    let dataset = Plan::read(&Config {
        data_dir,
        ..config.clone()
    })?;
    Ok(Plan::new(config, dataset)?)
}
