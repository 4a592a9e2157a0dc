//! The plan, over data that is read once at each place.

use super::settle::{Stop, settle};
use crate::config::{Config, Evaluator, Residency};
use crate::data::{self, Dataset, Train};
use crate::ids::Rank;
use crate::partition::Partition;
use crate::plan::{Holding, Homes, Plan, PlanError, expand, housemates, shares};
use crate::transport::mpi::Mpi;
use crate::transport::{Host, World};
use anyhow::{Error, Result};
use std::path::Path;

/// The plan over the data that this rank can see.
pub(super) fn plan(mpi: &Mpi, hosts: &[Host], config: Config) -> Result<Plan, Stop> {
    if config.data_residency == Residency::Local {
        return plan_at_home(mpi, hosts, config);
    }
    let host = &hosts[mpi.rank().index()].name;
    let own = Config {
        data_dir: expand(&config.data_dir, mpi.rank(), host),
        ..config.clone()
    };
    let places = mpi.tell(&format!("{host} {:?}", own.data_dir));
    let dataset = share(mpi, &places, || Plan::read(&own))?;
    settle(mpi, Plan::new(config, dataset).map_err(Error::from))
}

/// The plan over data that stays where it is: every rank says how much it holds, and nothing else.
fn plan_at_home(mpi: &Mpi, hosts: &[Host], config: Config) -> Result<Plan, Stop> {
    let host = &hosts[mpi.rank().index()].name;
    // Alone, this rank is server and worker.
    let rank = if mpi.size() == 1 { Rank(1) } else { mpi.rank() };
    let own = Config {
        data_dir: expand(&config.data_dir, rank, host),
        ..config.clone()
    };
    let places = mpi.tell(&format!("{host} {:?} {}", own.data_dir, rank == Rank::SERVER));
    let mates = housemates(&places);
    let shares =
        settle(mpi, shares(config.client_num_in_total as usize, mates.len()).map_err(Error::from))?;
    let mut dataset = share(mpi, &places, || own_data(&own, rank))?;
    let home = mates.iter().position(|ranks| ranks.contains(&rank));
    let partition = match home {
        Some(home) => Plan::divide_own(&own, &dataset, shares[home]),
        None => Ok(Partition::in_order(vec![0])),
    };
    let partition = settle(mpi, partition.map_err(Error::from))?;
    let holdings = mpi.share(&holding(&dataset, &partition));
    if dataset.facts.shape.is_empty() {
        dataset = like_others(dataset, &holdings);
    }
    let homes = settle(mpi, Homes::new(&config, mates, &holdings).map_err(Error::from))?;
    let config = Config {
        client_num_in_total: homes.counts().len() as i64,
        ..config
    };
    settle(mpi, Plan::at_home(config, dataset, partition, homes, rank).map_err(Error::from))
}

/// What a rank reads of its own data: a worker all of it, the server what it evaluates on.
fn own_data(own: &Config, rank: Rank) -> Result<Dataset, PlanError> {
    match (rank, own.evaluate) {
        (Rank::SERVER, Evaluator::Clients) => Ok(Dataset::default()),
        (Rank::SERVER, Evaluator::Server) => Plan::read_test(own),
        _ => Plan::read(own),
    }
}

/// What others learn of a rank's data.
fn holding(dataset: &Dataset, partition: &Partition) -> Holding {
    Holding {
        facts: dataset.facts.clone(),
        about: dataset.about.in_common(),
        counts: partition
            .ids()
            .map(|client| partition.count(client))
            .collect(),
        data: dataset.train_digest(),
        digest: format!("{} {}", dataset.digest(), partition.digest()),
    }
}

/// A data set without data, of the shape that others hold.
fn like_others(dataset: Dataset, holdings: &[Holding]) -> Dataset {
    match holdings.iter().find(|held| !held.facts.shape.is_empty()) {
        Some(kind) => Dataset {
            facts: kind.facts.clone(),
            about: kind.about.clone(),
            ..dataset
        },
        None => dataset,
    }
}

/// A data set that is read by the first rank of each place and mapped by the others there.
fn share(
    mpi: &Mpi,
    places: &[String],
    read: impl Fn() -> Result<Dataset, PlanError>,
) -> Result<Dataset, Stop> {
    let read = || read().map_err(Error::from);
    let mine = mpi.rank().index();
    let mut mates = (0..places.len()).filter(|&rank| places[rank] == places[mine]);
    let first = mates.next().unwrap_or_default();
    let own = settle(mpi, (first == mine).then(read).transpose())?;
    // Whoever is alone at its place has nobody to offer it to.
    let offer = own
        .as_ref()
        .filter(|_| mates.next().is_some())
        .and_then(data::shared::offer);
    // What is offered is mapped by the first rank too, so that it keeps no second copy.
    let own = own.filter(|_| offer.is_none());
    let path = offer.as_ref().map(|file| file.path().to_string_lossy());
    let paths = mpi.tell(&path.unwrap_or_default());
    // Whoever cannot map what the first rank offers reads for itself.
    let mapped = data::shared::open(Path::new(&paths[first]));
    let failed = first != mine && mapped.is_err();
    let dataset = mapped.or_else(|_| own.map_or_else(read, Ok));
    let dataset = settle(mpi, dataset)?;
    drop(offer);
    tell_of_copies(mpi, failed && matches!(dataset.train, Train::Stored(_)));
    Ok(dataset)
}

/// Says once where ranks hold copies of their own.
fn tell_of_copies(mpi: &Mpi, alone: bool) {
    let alone = mpi.share(&alone).into_iter().filter(|&alone| alone).count();
    if mpi.rank() == Rank::SERVER
        && let Some(note) = data::shared::note(alone)
    {
        log::warn!("{note}");
    }
}
