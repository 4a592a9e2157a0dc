//! Collective sums between GPUs, one per worker, through NCCL. The sums are of integers, so they
//! are the same as over MPI, to the bit.

#[cfg_attr(not(feature = "nccl"), path = "absent.rs")]
mod library;

use super::{Ring, Sums, World};
use crate::ids::Rank;
use crate::weights::Held;
use library::{Communicator, Gpu, Id, Nccl};
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
    // The GPU's name; none computes on a CPU.
    gpu: Option<String>,
    // Of NCCL.
    version: String,
    // Why it cannot sum there.
    fault: Option<String>,
}

/// Sums through NCCL if every worker has a GPU of its own and all can join, else through MPI; where
/// workers have GPUs the log says which. Every rank must call it, with the GPU that it computes on
/// and the same `veto`, a reason not to; later a sum may take as long as `limit`.
pub fn agree(
    world: &impl World,
    host: &str,
    gpu: Option<usize>,
    veto: Option<&str>,
    limit: Duration,
) -> Sums {
    let worker = world.rank() != Rank::SERVER;
    let ready = match gpu {
        // Whatever can fail alone fails here, before anybody waits for the others.
        Some(ordinal) if worker => {
            Some(Nccl::open().and_then(|nccl| Ok((nccl, Gpu::prepare(ordinal)?))))
        }
        _ => None,
    };
    let offers = world.share(&offer(host, ready.as_ref()));
    let workers = &offers[1..];
    if workers.iter().all(|offer| offer.gpu.is_none()) {
        return Sums::Hosts;
    }
    let joined = match veto.map(str::to_owned).or_else(|| obstacle(workers)) {
        Some(reason) => Err(reason),
        None => join(world, ready.and_then(Result::ok), workers.len(), limit),
    };
    match &joined {
        _ if worker => {}
        Ok(_) => log::info!("sums go through NCCL {}, GPUs: {}", workers[0].version, workers.len()),
        Err(reason) => log::warn!("sums go through MPI, not NCCL: {reason}"),
    }
    joined.map_or(Sums::Hosts, Sums::Devices)
}

/// What a rank offers, of which the library and the GPU are ready or not.
fn offer(host: &str, ready: Option<&Result<(Nccl, Gpu), Fault>>) -> Offer {
    let (gpu, version, fault) = match ready {
        None => (None, String::new(), None),
        Some(Ok((nccl, gpu))) => (Some(gpu.name.clone()), nccl.version(), None),
        Some(Err(fault)) => (Some(String::new()), String::new(), Some(fault.to_string())),
    };
    Offer {
        host: host.to_owned(),
        gpu,
        version,
        fault,
    }
}

/// What keeps the workers from summing on their GPUs.
fn obstacle(workers: &[Offer]) -> Option<String> {
    let mut seats: BTreeMap<&str, usize> = BTreeMap::new();
    let first = &workers[0].version;
    for (
        rank,
        Offer {
            host,
            gpu,
            version,
            fault,
        },
    ) in (1..).zip(workers)
    {
        let Some(gpu) = gpu else {
            return Some(format!("rank {rank} on {host} has no GPU"));
        };
        if let Some(fault) = fault {
            return Some(format!("rank {rank} on {host}: {fault}"));
        }
        if let Some(other) = seats.insert(gpu, rank) {
            return Some(format!("ranks {other} and {rank} share a GPU on {host}"));
        }
        if version != first {
            return Some(format!("rank {rank} on {host} has NCCL {version}, rank 1 has {first}"));
        }
    }
    None
}

/// All workers join, or none does, for one reason. The server, which has nothing to join with,
/// looks on.
fn join(
    world: &impl World,
    own: Option<(Nccl, Gpu)>,
    workers: usize,
    limit: Duration,
) -> Result<Option<Box<dyn Ring>>, String> {
    let first = Rank(1);
    let (id, fault) = match &own {
        Some((nccl, _)) if world.rank() == first => nccl
            .unique_id()
            .map_or_else(|fault| (Vec::new(), Some(fault.to_string())), |id| (id.to_vec(), None)),
        _ => Default::default(),
    };
    let (id, fault) = world.share(&(id, fault)).swap_remove(first.index());
    let id: Id = id.try_into().map_err(|_| fault.unwrap_or_default())?;
    let began = Instant::now();
    let place = world.rank().index().saturating_sub(1);
    let mine = own
        .map(|(nccl, gpu)| Communicator::join(nccl, gpu, id, place, workers, limit))
        .transpose();
    let fault = mine
        .as_ref()
        .err()
        .map(|fault| (began.elapsed(), fault.to_string()));
    // The others only waited for whoever failed first. What did join is left as it is.
    let faults = world
        .share(&fault)
        .into_iter()
        .zip(0..)
        .filter_map(|(fault, rank)| Some((fault?, rank)));
    match faults.min() {
        None => Ok(mine
            .ok()
            .flatten()
            .map(|ring| Box::new(ring) as Box<dyn Ring>)),
        Some(((_, fault), rank)) => Err(format!("rank {rank}: {fault}")),
    }
}

impl Ring for Communicator {
    fn sum(&mut self, held: Held, sum: &mut [i64]) -> Result<(), String> {
        self.all_reduce(held, sum)
            .map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(host: &str, gpu: Option<&str>, version: &str) -> Offer {
        let fault = version.is_empty().then(|| "not found".to_owned());
        Offer {
            host: host.to_owned(),
            gpu: gpu.map(str::to_owned),
            version: version.to_owned(),
            fault,
        }
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let a = |gpu| worker("a", Some(gpu), "2.28.9");
        let with = |other: Offer| obstacle(&[a("g0"), a("g1"), other]).unwrap_or_default();
        assert_eq!(with(worker("b", Some("g2"), "2.28.9")), "");
        assert_eq!(with(a("g1")), "ranks 2 and 3 share a GPU on a");
        assert_eq!(with(worker("b", None, "")), "rank 3 on b has no GPU");
        assert_eq!(with(worker("b", Some("g2"), "")), "rank 3 on b: not found");
        assert_eq!(
            with(worker("b", Some("g2"), "2.27.3")),
            "rank 3 on b has NCCL 2.27.3, rank 1 has 2.28.9"
        );
    }
}
