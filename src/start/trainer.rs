//! The model, who trains it, and where sums are made.

use super::seats::Place;
use super::settle::{Stop, settle};
use crate::config::Collective;
use crate::engine;
use crate::host;
use crate::ids::{Rank, counted};
use crate::message::Reduce;
use crate::models;
use crate::plan::Plan;
use crate::stop;
use crate::torch::TorchTrainer;
use crate::train::{Dry, Faulty, TrainError, Trainer};
use crate::transport::mpi::Mpi;
use crate::transport::{Host, Sums, World, host_name, nccl};
use anyhow::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use tch::Device;

/// The plan as it suits the ranks and their hosts; the model suits the data.
pub(super) fn fitted(mpi: &Mpi, plan: Plan) -> Result<Plan, Stop> {
    let workers = plan.config.workers_of(mpi.size());
    settle(mpi, Plan::check_workers(&plan.config, workers).map_err(Error::from))?;
    let model = models::build(&plan.config.model, &plan.dataset.facts);
    settle(mpi, model.map_err(Error::from))?;
    if mpi.rank() == Rank::SERVER {
        let mut notes = plan.config.translation.notes();
        notes.extend(plan.notes(workers));
        for note in notes {
            log::warn!("{note}");
        }
    }
    let all = mpi.share(&Cores::here(&plan, mpi.size() == 1));
    if mpi.rank() == Rank::SERVER
        && let Some(note) = short_of_cores(&all)
    {
        log::warn!("{note}");
    }
    if is_crowded(&all) {
        return Ok(plan.crowded());
    }
    Ok(plan)
}

/// Where a rank may compute, and by how much.
#[derive(Default, Serialize, Deserialize)]
struct Cores {
    host: String,
    usable: usize,
    names: BTreeSet<String>,
    // Threads that train, and all that compute.
    training: usize,
    threads: usize,
}

impl Cores {
    /// Alone, a rank is the server and all workers.
    fn here(plan: &Plan, is_alone: bool) -> Cores {
        let each = plan.config.threads as usize;
        let workers = plan.config.workers as usize;
        let (training, threads) = if is_alone {
            (workers * each, (workers + 1) * each)
        } else {
            (each, each)
        };
        Cores {
            host: host_name(),
            usable: thread::available_parallelism().map_or(training, usize::from),
            names: host::names_of_cores().unwrap_or_default(),
            training,
            threads,
        }
    }
}

/// Whether the ranks on the server's host have fewer cores than threads.
fn is_crowded(all: &[Cores]) -> bool {
    let Some(server) = all.first() else { return true };
    let there = || all.iter().filter(|cores| cores.host == server.host);
    let names: BTreeSet<&String> = there().flat_map(|cores| &cores.names).collect();
    names.len() < there().map(|cores| cores.threads).sum()
}

/// A note where a rank may use fewer cores than it has threads that train.
fn short_of_cores(all: &[Cores]) -> Option<String> {
    let mut ranks = all.iter().enumerate();
    let (rank, short) = ranks.find(|(_, cores)| cores.usable < cores.training)?;
    let cores = counted(short.usable, "core");
    let hint = "hint: fewer --workers or --threads, or --bind-to none for mpirun";
    let what = format!("{} threads train, but rank {rank} may use {cores}", short.training);
    Some(format!("{what}: training is slower so ({hint})"))
}

/// The trainer of this rank, once every rank has its own and can keep what clients keep.
pub(super) fn settled(mpi: &Mpi, plan: &Plan, place: Place) -> Result<Box<dyn Trainer>, Stop> {
    let trainer = settle(mpi, try_trainer(plan, place, mpi.rank()))?;
    settle(mpi, plan.check_cover(trainer.layout()).map_err(Error::from))?;
    settle(mpi, check_keeping(mpi, plan, trainer.as_ref()))?;
    Ok(trainer)
}

/// Makes the trainer. Whoever cannot make its own, and be it by a panic, must not leave others
/// waiting in what comes next.
fn try_trainer(plan: &Plan, place: Place, rank: Rank) -> Result<Box<dyn Trainer>> {
    let made = stop::catch(|| {
        let trainer = computing(plan, place)?;
        if let Some(note) = trainer.note().filter(|_| rank == Rank::SERVER) {
            log::warn!("{note}");
        }
        Ok::<_, TrainError>(on_purpose(trainer, plan, rank))
    });
    Ok(made.map_err(Error::msg)??)
}

/// Workers can keep what clients keep; alone, the server is all of them.
fn check_keeping(mpi: &Mpi, plan: &Plan, trainer: &dyn Trainer) -> Result<()> {
    let workers = match (mpi.size(), mpi.rank()) {
        (1, _) => 1..plan.config.workers_of(1) + 1,
        (_, Rank::SERVER) => 0..0,
        (_, Rank(rank)) => rank as usize..rank as usize + 1,
    };
    for worker in workers {
        engine::check_keeping(plan, trainer.layout(), Rank::from(worker))?;
    }
    Ok(())
}

/// The trainer that the plan asks for. What there is to say of it is said by [`settled`].
pub(crate) fn make_trainer(
    plan: &Plan,
    place: Place,
    rank: Rank,
) -> Result<Box<dyn Trainer>, TrainError> {
    Ok(on_purpose(computing(plan, place)?, plan, rank))
}

fn computing(plan: &Plan, place: Place) -> Result<TorchTrainer, TrainError> {
    let trainer = TorchTrainer::new(plan, place.device);
    let trainer = trainer.map_err(|error| TrainError::Failed(error.to_string()))?;
    Ok(trainer.shared_by(place.sharers))
}

/// A trainer that does less than it can, where that is wanted.
fn on_purpose(trainer: TorchTrainer, plan: &Plan, rank: Rank) -> Box<dyn Trainer> {
    if plan.config.dry_train {
        Box::new(Dry(Box::new(trainer)))
    } else {
        Faulty::from_environment(Box::new(trainer), rank)
    }
}

/// Where collective sums are made. All ranks settle it together.
pub(crate) fn sums(mpi: &Mpi, plan: &Plan, place: Place) -> Sums {
    if plan.reduce() != Reduce::Allreduce
        || plan.config.collective == Collective::Mpi
        || mpi.size() == 1
    {
        return Sums::Hosts;
    }
    let gpu = match place.device {
        Device::Cuda(index) => Some(index),
        _ => None,
    };
    let survival = "this job survives lost ranks, which NCCL does not";
    let veto = mpi.survives().then_some(survival);
    let limit = plan.round_timeout().unwrap_or(Duration::MAX);
    nccl::agree(mpi, &Host::here().name, gpu, veto, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_rank_with_too_few_cores_is_named() {
        let note = |training, usable: &[usize]| {
            let all = usable.iter().map(|&usable| Cores {
                usable,
                training,
                ..Cores::default()
            });
            short_of_cores(&all.collect::<Vec<_>>())
        };
        assert_eq!(note(2, &[2, 2]), None);
        let note = note(4, &[4, 1, 2]).expect("too few");
        assert!(note.starts_with("4 threads train, but rank 1 may use 1 core:"), "{note}");
    }

    #[test]
    fn a_server_has_a_core_where_its_host_has_one_for_every_rank() {
        let on = |host: &str, names: &[&str], threads| Cores {
            host: host.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            threads,
            ..Cores::default()
        };
        // Bound to a core each, and not bound.
        assert!(!is_crowded(&[on("a", &["0"], 1), on("a", &["1"], 1)]));
        let two = || on("a", &["0", "1"], 1);
        assert!(!is_crowded(&[two(), two(), on("b", &["0"], 1), on("b", &["0"], 1)]));
        assert!(is_crowded(&[two(), two(), two()]));
        assert!(is_crowded(&[on("a", &["0", "1"], 2), on("a", &["0", "1"], 2)]));
        // Alone.
        assert!(is_crowded(&[on("a", &["0"], 2)]) && !is_crowded(&[on("a", &["0", "1"], 2)]));
    }
}
