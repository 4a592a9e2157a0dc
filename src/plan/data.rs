//! From a config to its data and who owns it.

use super::Plan;
use super::check::{PlanError, require};
use crate::config::Config;
use crate::data::{self, Dataset, Source, Train};
use crate::metrics::Target;
use crate::part::{AnyKind, Choice, PartError};
use crate::partition::{self, Partition, PartitionError, Pool, Sees};
use crate::seed::{Purpose, Seed};
use crate::task::Input;
use std::path::Path;

impl Plan {
    /// Reads or generates the data of a config.
    ///
    /// # Errors
    /// As [`Plan::check`]; data that cannot be read.
    pub fn read(config: &Config) -> Result<Dataset, PlanError> {
        read(config, false)
    }

    /// Reads only the test data of a config.
    ///
    /// # Errors
    /// As [`Plan::read`].
    pub fn read_test(config: &Config) -> Result<Dataset, PlanError> {
        read(config, true)
    }

    /// Writes the partition where the config wants it; gives where, if it does.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_partition(&self) -> Result<Option<&Path>, PartitionError> {
        let path = self.config.partition_save.as_deref();
        path.map(|path| self.partition.save(path)).transpose()?;
        Ok(path)
    }

    /// Divides the samples of one home among the clients that live there.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn divide_own(
        config: &Config,
        dataset: &Dataset,
        clients: usize,
    ) -> Result<Partition, PlanError> {
        let clients = dataset
            .owners
            .as_ref()
            .map_or(clients, |owners| owners.len() - 1);
        require("client_num_in_total", 0, clients > 0, NO_OWNERS)?;
        divide(
            &Config {
                client_num_in_total: clients as i64,
                ..config.clone()
            },
            dataset,
        )
    }
}

/// Nobody can count the clients.
const NO_OWNERS: &str = "the data has no owners to count (hint: say how many clients there are)";

fn read(config: &Config, test_only: bool) -> Result<Dataset, PlanError> {
    Plan::check(config)?;
    let clients = config.client_num_in_total as usize;
    let source = Source {
        folder: &config.data_dir,
        clients,
        seed: Seed(config.seed),
        test_only,
    };
    let (entry, values) = data::KIND.look_up(&config.dataset)?;
    Ok((entry.build)(&values, &source)?)
}

/// The same config where the data tells how many clients there are.
pub fn counted(config: Config, dataset: &Dataset) -> Result<Config, PlanError> {
    if config.client_num_in_total != 0 {
        return Ok(config);
    }
    let owners = dataset.owners.as_ref().map_or(0, |starts| starts.len() - 1);
    require("client_num_in_total", 0, owners > 0, NO_OWNERS)?;
    Ok(Config {
        client_num_in_total: owners as i64,
        ..config
    })
}

/// The config's partition method with what it stands for in its place, and those of its settings
/// that this has.
pub fn meant(config: &Config, dataset: &Dataset) -> Result<Choice, PartError> {
    let (entry, values) = partition::KIND.look_up(&config.partition_method)?;
    let partitioner = (entry.build)(&values, config.client_num_in_total as usize);
    let Some(name) = partitioner.stands_for(dataset.owners.is_some()) else {
        return Ok(config.partition_method.clone());
    };
    let mut values = config.partition_method.values.clone();
    let known = partition::KIND.described(name)?.params;
    values.retain(|key, _| known.iter().any(|param| Some(param.name) == key.as_str()));
    Ok(Choice {
        name: name.to_owned(),
        values,
    })
}

/// Who owns which samples, as a file says.
pub fn loaded(
    config: &Config,
    path: &Path,
    dataset: &Dataset,
) -> Result<Partition, PartitionError> {
    if let Train::Generated(_) = dataset.train {
        return Err(PartitionError::NotHeld {
            method: "--partition_load".to_owned(),
        });
    }
    Partition::load(path, dataset.train.count(), config.client_num_in_total as usize)
}

/// The data allows what the config asks of it, and can be counted.
pub fn check_data(
    config: &Config,
    dataset: &Dataset,
    partition: &Partition,
) -> Result<(), PlanError> {
    let is_countable = dataset.train.count() <= u32::MAX as usize;
    let hint = "they own more samples than can be counted";
    require("client_num_in_total", partition.clients(), is_countable, hint)?;
    let noise = config.feature_noise;
    let is_apt = noise == 0.0 || dataset.facts.input == Input::Numbers;
    let hint = "the data is rows of tokens, which take no noise (hint: 0)";
    require("feature_noise", noise, is_apt, hint)?;
    let target = config
        .target
        .as_deref()
        .and_then(|text| Target::parse(text).ok());
    let Some(target) = target else { return Ok(()) };
    let known = dataset.facts.task.metrics();
    let reason = format!("the task's metrics are {}", known.join(", "));
    require("target", target.name(), known.contains(&target.name()), &reason)
}

/// Who owns which samples, as the config's partitioner says.
pub fn divide(config: &Config, dataset: &Dataset) -> Result<Partition, PlanError> {
    let (entry, values) = partition::KIND.look_up(&config.partition_method)?;
    let partitioner = (entry.build)(&values, config.client_num_in_total as usize);
    let held = matches!(dataset.train, Train::Stored(_));
    let labels = match (partitioner.sees(dataset.owners.is_some()), dataset.train.classes()) {
        (_, Some(labels)) => labels,
        (Sees::Owners, None) => &[],
        (_, None) if !held => {
            return Err(PartitionError::NotHeld {
                method: entry.name.to_owned(),
            }
            .into());
        }
        (Sees::Samples, None) => &[],
        (Sees::Classes, None) => {
            return Err(PartitionError::NoClasses {
                method: entry.name.to_owned(),
            }
            .into());
        }
    };
    let (count, classes) = (dataset.train.count(), dataset.facts.task.outputs());
    let pool = Pool {
        count,
        labels,
        classes,
        owners: dataset.owners.as_deref(),
    };
    Ok(partitioner.split(&pool, &mut Seed(config.seed).stream(Purpose::Partition))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_tells_how_many_clients_there_are_if_it_has_owners() {
        let config = || Config {
            client_num_in_total: 0,
            ..Config::default()
        };
        let dataset = |owners: &[usize]| Dataset {
            owners: Some(owners.to_vec()),
            ..Dataset::default()
        };
        assert_eq!(
            counted(config(), &dataset(&[0, 4, 9]))
                .expect("two owners")
                .client_num_in_total,
            2
        );
        assert_eq!(
            counted(Config::default(), &dataset(&[0, 4]))
                .expect("said")
                .client_num_in_total,
            100
        );
        for nobody in [Dataset::default(), dataset(&[0])] {
            let fault = counted(config(), &nobody)
                .expect_err("nobody to count")
                .to_string();
            assert!(fault.contains("no owners to count"), "{fault}");
        }
        assert!(Plan::check(&config()).is_ok());
    }
}
