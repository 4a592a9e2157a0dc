//! Where ranks compute: the GPU mapping over the hosts that there are.

use super::settle::{Stop, settle};
use crate::config::{Config, DeviceChoice};
use crate::files;
use crate::host;
use crate::hosts::{GpuMapping, Seat, seats_table};
use crate::ids::{Rank, counted};
use crate::torch;
use crate::transport::mpi::Mpi;
use crate::transport::{Host, World};
use anyhow::{Context, Result, bail};
use log::Level;
use std::collections::BTreeMap;
use std::path::Path;
use tch::Device;

/// Every rank's host and seat, by rank; the same on all ranks.
pub(super) fn take(mpi: &Mpi, config: &Config) -> Result<(Vec<Host>, Vec<Seat>), Stop> {
    let mapping = settle(mpi, mapping(config))?;
    let (own, reason) = here(mapping.is_some());
    let hosts = mpi.hosts(own);
    if let Some(mapping) = &mapping {
        warn_of_lack(mapping, mpi.rank().index(), &hosts, &reason);
    }
    let seats = settle(mpi, seats(mapping, &hosts, config.device))?;
    settle(mpi, check_workers(config, &seats))?;
    if mpi.rank() == Rank::SERVER {
        // On CPUs there is little to see.
        let level = if seats.iter().any(|seat| *seat != Seat::Cpu) {
            Level::Info
        } else {
            Level::Debug
        };
        let table = seats_table(&hosts, &seats, config.workers_of(mpi.size()));
        log::log!(level, "{}\n{table}", counted(mpi.size(), "rank"));
    }
    if let Some(note) = turns(mpi.rank(), &hosts, &seats)
        && !host::shares_gpus()
    {
        log::warn!("{note}");
    }
    Ok((hosts, seats))
}

/// Where a rank computes.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) device: Device,
    /// Ranks that compute there.
    pub(crate) sharers: usize,
}

impl Place {
    /// On the CPU, by itself.
    pub(crate) const fn cpu() -> Place {
        Place {
            device: Device::Cpu,
            sharers: 1,
        }
    }
}

/// Where a rank is among all.
pub(super) fn place(rank: Rank, hosts: &[Host], seats: &[Seat]) -> Place {
    let here = rank.index();
    let is_here =
        |&other: &usize| hosts[other].name == hosts[here].name && seats[other] == seats[here];
    let sharers = (0..hosts.len()).filter(is_here).count();
    Place {
        device: torch::device(seats[here]),
        sharers,
    }
}

/// Threads as workers are for cores: side by side on a GPU are ranks.
pub(crate) fn check_workers(config: &Config, seats: &[Seat]) -> Result<()> {
    let workers = config.workers;
    match seats {
        [gpu @ Seat::Gpu(_)] if workers > 1 => bail!(
            "--workers {workers} are threads for cores, and the mapping has this process on {gpu} \
             (hint: mpirun -np {}, whose ranks may share a GPU, or --device cpu)",
            workers + 1
        ),
        _ => Ok(()),
    }
}

/// The GPU mapping of a config; none means CPU.
pub(crate) fn mapping(config: &Config) -> Result<Option<GpuMapping>> {
    if config.device == DeviceChoice::Cpu {
        return Ok(None);
    }
    if let Some(line) = &config.gpu_util_parse {
        return Ok(Some(GpuMapping::parse_line(line).context("--gpu_util_parse")?));
    }
    match (&config.gpu_mapping_file, config.device) {
        (None, DeviceChoice::Mapped) => anyhow::bail!("--device mapped needs a --gpu_mapping_file"),
        (None, _) => Ok(None),
        (Some(path), device) => mapping_in(path, &config.gpu_mapping_key, device),
    }
}

/// The mapping that a file has under `key`.
fn mapping_in(path: &Path, key: &str, device: DeviceChoice) -> Result<Option<GpuMapping>> {
    let text = files::text(path)
        .with_context(|| format!("--gpu_mapping_file: cannot read {}", path.display()))?;
    let mapping = GpuMapping::parse(&text, key).with_context(|| path.display().to_string())?;
    let unmapped = mapping.is_none() && device == DeviceChoice::Mapped;
    anyhow::ensure!(!unmapped, "--device mapped: `{key}` in {} maps no rank", path.display());
    Ok(mapping)
}

/// This host, and why none of its GPUs can be used. They are counted only for a mapping, since
/// counting opens CUDA's library.
fn here(mapped: bool) -> (Host, String) {
    let counted = if mapped { torch::gpus() } else { Ok(0) };
    let (gpus, reason) = match counted {
        Ok(gpus) => (gpus, String::new()),
        Err(reason) => (0, reason),
    };
    (
        Host {
            gpus,
            ..Host::here()
        },
        reason,
    )
}

/// The first rank of a host says so if a mapping needs more GPUs there than can be used.
fn warn_of_lack(mapping: &GpuMapping, rank: usize, hosts: &[Host], reason: &str) {
    let (here, needed) = (&hosts[rank], mapping.needs(rank, hosts));
    let first = hosts.iter().position(|host| host.name == here.name) == Some(rank);
    if first && here.gpus < needed {
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        log::warn!(
            "GPUs of this host that the mapping needs: {needed}, that can be used: {}{reason}",
            here.gpus
        );
    }
}

/// What the first rank of a host says where several workers share a GPU: kernels of several
/// processes run by turns, so that they gain nothing from each other.
fn turns(rank: Rank, hosts: &[Host], seats: &[Seat]) -> Option<String> {
    let here = &hosts[rank.index()].name;
    let is_here = |&(host, _): &(&Host, &Seat)| host.name == *here;
    let first = hosts.iter().position(|host| host.name == *here)?;
    let workers = hosts.iter().zip(seats).skip(1).filter(is_here);
    let mut counts = BTreeMap::new();
    for (_, seat) in workers {
        if let Seat::Gpu(index) = seat {
            *counts.entry(index).or_insert(0) += 1;
        }
    }
    let (index, most) = counts.into_iter().max_by_key(|&(_, count)| count)?;
    (first == rank.index() && most > 1).then(|| {
        let who = format!("{most} workers share {} by turns", Seat::Gpu(*index));
        format!(
            "{who} (hint: NVIDIA's MPS lets them compute side by side: `nvidia-cuda-mps-control -d` \
             on {here})"
        )
    })
}

fn seats(mapping: Option<GpuMapping>, hosts: &[Host], choice: DeviceChoice) -> Result<Vec<Seat>> {
    match mapping {
        Some(mapping) => Ok(mapping.place(hosts, choice)?),
        None => Ok(vec![Seat::Cpu; hosts.len()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_not_put_on_a_gpu() {
        let config = Config {
            workers: 3,
            ..Config::default()
        };
        let refusal = check_workers(&config, &[Seat::Gpu(1)]).expect_err("refused");
        assert!(
            refusal
                .to_string()
                .contains("on cuda:1 (hint: mpirun -np 4"),
            "{refusal}"
        );
        assert!(check_workers(&config, &[Seat::Cpu]).is_ok());
        assert!(check_workers(&config, &[Seat::Gpu(0), Seat::Gpu(0)]).is_ok());
        assert!(check_workers(&Config::default(), &[Seat::Gpu(0)]).is_ok());
    }

    #[test]
    fn the_first_rank_of_a_host_tells_of_workers_that_take_turns() {
        let hosts = ["a", "a", "b", "b", "b", "b"].map(Host::named);
        let said = |seats: [usize; 6]| {
            let seats = seats.map(Seat::Gpu);
            [0, 1, 2, 3].map(|rank: usize| turns(Rank::from(rank), &hosts, &seats).is_some())
        };
        // The server takes nobody's turn.
        assert_eq!(said([0, 0, 0, 1, 2, 3]), [false; 4]);
        assert_eq!(said([0, 0, 0, 1, 1, 1]), [false, false, true, false]);
        let note = turns(Rank::from(2usize), &hosts, &[0, 0, 0, 1, 1, 1].map(Seat::Gpu));
        assert!(
            note.expect("three")
                .starts_with("3 workers share cuda:1 by turns (hint: NVIDIA")
        );
        assert_eq!(turns(Rank::SERVER, &hosts, &[Seat::Cpu; 6]), None);
    }
}
