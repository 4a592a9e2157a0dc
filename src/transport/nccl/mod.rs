//! Collective sums between GPUs, one per worker, through NCCL. The sums are of integers, so they are the
//! same as over MPI, to the bit.

#[cfg_attr(not(feature = "nccl"), path = "absent.rs")]
mod library;

use super::{Ring, Sums, World};
use crate::ids::Rank;
use crate::weights::Held;
use library::{Communicator, Id, Nccl};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A call that failed, and what the library says about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

/// What a rank has to sum with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Offer {
    host: String,
    gpu: Option<usize>,
    // Of NCCL.
    version: String,
    // Why there is none.
    fault: Option<String>,
}

/// Sums through NCCL if every worker has a GPU of its own and all can join, else through MPI; where GPUs are
/// to be had the log says which. Every rank must call it, with the GPU that it computes on; joining may take
/// as long as `limit`.
pub fn agree(world: &impl World, host: &str, gpu: Option<usize>, limit: Duration) -> Sums {
    let worker = world.rank() != Rank::SERVER;
    let nccl = if worker && gpu.is_some() { Nccl::open() } else { Err(Fault("not asked for".to_owned())) };
    let (version, fault) = match &nccl {
        Ok(nccl) => (nccl.version(), None),
        Err(fault) => (String::new(), Some(fault.to_string())),
    };
    let offers = world.share(&Offer { host: host.to_owned(), gpu, version, fault });
    let workers = &offers[1..];
    if workers.iter().all(|offer| offer.gpu.is_none()) {
        return Sums::Hosts;
    }
    let joined = match obstacle(workers) {
        Some(reason) => Err(reason),
        None => join(world, nccl, gpu.unwrap_or_default(), workers.len(), limit),
    };
    match &joined {
        _ if worker => {}
        Ok(_) => log::info!("sums go through NCCL {}, GPUs: {}", workers[0].version, workers.len()),
        Err(reason) => log::warn!("sums go through MPI, not NCCL: {reason}"),
    }
    joined.map_or(Sums::Hosts, Sums::Devices)
}

/// What keeps the workers from summing on their GPUs.
fn obstacle(workers: &[Offer]) -> Option<String> {
    let mut seats: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let first = &workers[0].version;
    for (rank, Offer { host, gpu, version, fault }) in (1..).zip(workers) {
        let Some(gpu) = gpu else { return Some(format!("rank {rank} on {host} has no GPU")) };
        if let Some(other) = seats.insert((host, *gpu), rank) {
            return Some(format!("ranks {other} and {rank} share GPU {gpu} of {host}"));
        }
        if let Some(fault) = fault {
            return Some(format!("rank {rank} on {host}: {fault}"));
        }
        if version != first {
            return Some(format!("rank {rank} on {host} has NCCL {version}, rank 1 has {first}"));
        }
    }
    None
}

/// All workers join, or none does, for one reason.
fn join(
    world: &impl World,
    nccl: Result<Nccl, Fault>,
    gpu: usize,
    workers: usize,
    limit: Duration,
) -> Result<Option<Box<dyn Ring>>, String> {
    let first = Rank(1);
    let (id, fault) = match &nccl {
        Ok(nccl) if world.rank() == first => {
            nccl.unique_id().map_or_else(|fault| (Vec::new(), Some(fault.to_string())), |id| (id.to_vec(), None))
        }
        _ => Default::default(),
    };
    let (id, fault) = world.share(&(id, fault)).swap_remove(first.index());
    let id: Id = id.try_into().map_err(|_| fault.unwrap_or_default())?;
    let place = world.rank().index().checked_sub(1);
    let began = Instant::now();
    let mine = match (place, nccl) {
        (Some(place), Ok(nccl)) => Communicator::join(nccl, gpu, id, place, workers, limit).map(Some),
        (Some(_), Err(fault)) => Err(fault),
        (None, _) => Ok(None),
    };
    let fault = mine.as_ref().err().map(|fault| (began.elapsed(), fault.to_string()));
    // The others only waited for whoever failed first.
    let faults = world.share(&fault).into_iter().zip(0..).filter_map(|(fault, rank)| Some((fault?, rank)));
    match (faults.min(), mine) {
        (None, mine) => Ok(mine.ok().flatten().map(|ring| Box::new(ring) as Box<dyn Ring>)),
        (Some(((_, fault), rank)), mine) => {
            mine.ok().flatten().iter_mut().for_each(|joined| joined.give_up(()));
            Err(format!("rank {rank}: {fault}"))
        }
    }
}

impl Ring for Communicator {
    fn sum(&mut self, held: Held, sum: &mut [i64], limit: Duration) -> Result<(), String> {
        self.all_reduce(held, sum, limit).map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(host: &str, gpu: Option<usize>, version: &str) -> Offer {
        let fault = version.is_empty().then(|| "not found".to_owned());
        Offer { host: host.to_owned(), gpu, version: version.to_owned(), fault }
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let a = |gpu| worker("a", Some(gpu), "2.28.9");
        let with = |other: Offer| obstacle(&[a(0), a(1), other]).unwrap_or_default();
        assert_eq!(with(worker("b", Some(0), "2.28.9")), "");
        assert_eq!(with(a(1)), "ranks 2 and 3 share GPU 1 of a");
        assert_eq!(with(worker("b", None, "")), "rank 3 on b has no GPU");
        assert_eq!(with(worker("b", Some(0), "")), "rank 3 on b: not found");
        assert_eq!(with(worker("b", Some(0), "2.27.3")), "rank 3 on b has NCCL 2.27.3, rank 1 has 2.28.9");
    }
}
