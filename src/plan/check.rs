//! Every check of a config that needs no data and no other rank, across settings too.

use super::{HomesError, Plan, arrivals, selection};
use crate::aggregate::{combine, step};
use crate::algorithm;
use crate::config::{Config, Evaluator, Mode, RANGES, Residency};
use crate::data::{self, DataError};
use crate::delay::{Delay, DelayError};
use crate::message::Reduce;
use crate::metrics::Target;
use crate::part::{AnyKind, Choice, PartError, figure};
use crate::partition::PartitionError;
use crate::schedule::DispatchMode;
use crate::select::{self, List, SelectError};
use crate::train::optimizer::{self, Optimizer};
use crate::train::schedule::{self as rates, RateError};
use crate::update::Updates;
use clap::ValueEnum;

/// A config that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A value out of range.
    #[error("--{name} is {value}: {reason}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// A name of nothing, or settings of a part that make no sense.
    #[error(transparent)]
    Part(#[from] PartError),
    /// Data that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A selector that cannot be made.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A delay model that cannot be used.
    #[error(transparent)]
    Delay(#[from] DelayError),
    /// Too many or too few workers for the layout.
    #[error(
        "--dispatch one_per_worker trains each client of a round on a worker of its own: --client_num_per_round is \
         {cohort}, but there are {workers} workers (hint: mpirun -np {}, or --dispatch planned)", cohort + 1
    )]
    OnePerWorker {
        /// Clients in a round.
        cohort: usize,
        /// Ranks but the server.
        workers: usize,
    },
    /// A schedule of learning rates that cannot be used.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// Data on many machines that does not fit together.
    #[error(transparent)]
    Homes(#[from] HomesError),
    /// Data that cannot be divided.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}

impl Plan {
    /// Checks that the layout suits the number of workers.
    ///
    /// # Errors
    /// When every client of a round is to have a worker of its own and there are more or fewer.
    pub fn check_workers(config: &Config, workers: usize) -> Result<(), PlanError> {
        let cohort = config.client_num_per_round as usize;
        match config.dispatch == DispatchMode::OnePerWorker && workers != cohort {
            true => Err(PlanError::OnePerWorker { cohort, workers }),
            false => Ok(()),
        }
    }
}

/// The first value that is out of range or names nothing.
pub fn all(config: &Config) -> Result<(), PlanError> {
    data::KIND.complete(&config.dataset)?;
    check_method(config)?;
    check_ranges(config)?;
    let (cohort, clients) = (config.client_num_per_round, config.client_num_in_total);
    let hint = format!("there are {clients} clients in total (hint: raise --client_num_in_total)");
    // Without a number the data tells how many there are, and all this is checked again.
    let is_counted = clients > 0;
    require(
        "client_num_per_round",
        cohort,
        !is_counted || cohort <= clients || config.mode == Mode::Async,
        &hint,
    )?;
    if let Some(text) = &config.target {
        Target::parse(text).map_err(|reason| PlanError::Value {
            name: "target",
            value: text.clone(),
            reason,
        })?;
        let both = "--target_accuracy says another target (hint: one of the two)";
        require("target", text, config.target_accuracy.is_none(), both)?;
    }
    check_training(config)?;
    check_async(config)?;
    check_residency(config)?;
    if !is_counted {
        return Ok(());
    }
    Delay::make(&config.delay, clients as usize)?;
    check_selector(config)
}

/// Every part of the method can be made, and they suit each other.
fn check_method(config: &Config) -> Result<(), PlanError> {
    let updates = Updates::make(&config.update)?;
    match config.mode {
        Mode::Sync => {
            let made = |choice: &Option<Choice>| choice.clone().unwrap_or_default();
            algorithm::make(&made(&config.algorithm))?;
            step::make(&made(&config.server_step))?;
            check_reduce(config, combine::make(&made(&config.combine))?.is_some())
        }
        Mode::Async => {
            let without = "it is for rounds, and --mode async has none (hint: leave it out)";
            for (name, axis) in [
                ("server_step", &config.server_step),
                ("combine", &config.combine),
            ] {
                require(name, axis.clone().unwrap_or_default(), axis.is_none(), without)?;
            }
            let algorithm = config.algorithm.clone().unwrap_or_default();
            if let Some(reason) = config.unfit_without_rounds() {
                require("algorithm", algorithm, false, reason)?;
            }
            let reason = "its clients keep something, which needs rounds (hint: --mode sync, or other --update)";
            require("update", &config.update, updates.kept(1) == 0, reason)
        }
    }
}

/// What clients do suits itself.
fn check_training(config: &Config) -> Result<(), PlanError> {
    rates::make(&config.lr_schedule)?;
    rates::make(&config.server_lr_schedule)?;
    if let Optimizer::Sgd(sgd) = optimizer::make(&config.client_optimizer)? {
        let reason = "it needs --momentum above 0 and --dampening 0";
        require("client_nesterov", true, sgd.is_sound(), reason)?;
    }
    let epochs = config.epochs;
    let reason = format!(
        "--epochs {epochs} says when a client's training is over too (hint: one of the two)"
    );
    require(
        "local_steps",
        config.local_steps.unwrap_or(0),
        config.local_steps.is_none() || epochs == 1,
        &reason,
    )?;
    let both = config.max_grad_norm.is_some() && config.max_grad_value.is_some();
    let reason = "--max_grad_norm bounds gradients too (hint: one of the two)";
    require("max_grad_value", config.max_grad_value.unwrap_or(0.0), !both, reason)
}

/// A combination that must see each update cannot have them summed on their way.
fn check_reduce(config: &Config, sees_each: bool) -> Result<(), PlanError> {
    let named = config
        .combine
        .as_ref()
        .map_or(combine::PLAIN, |combine| &combine.name);
    let reason = format!(
        "`{named}` must see every client's update, which are summed on their way (hint: --reduce server)"
    );
    require(
        "reduce",
        flag_name(&config.reduce),
        !sees_each || config.reduce == Reduce::Server,
        &reason,
    )
}

/// The selector's file must be sound.
fn check_selector(config: &Config) -> Result<(), PlanError> {
    let list = List::of(&config.client_selection)?;
    let selector = select::make(&config.client_selection, selection(config), list.as_ref())?;
    let suits = config.mode == Mode::Sync || !selector.needs_rounds();
    let name = &config.client_selection.name;
    require("client_selection", name, suits, "it is for rounds, and --mode async has none")
}

/// Every number is in its setting's range.
fn check_ranges(config: &Config) -> Result<(), PlanError> {
    let values = serde_yaml::to_value(config).expect("plain data always encodes");
    for &(name, range) in RANGES {
        let value = &values[name];
        let Some(number) = value.as_f64() else { continue };
        let kind = if value.is_i64() || value.is_u64() {
            "whole number"
        } else {
            "number"
        };
        let free = range == crate::part::Range::ANY;
        require(
            name,
            figure(number),
            free || range.contains(number),
            &format!("it must be a {kind} {range}"),
        )?;
    }
    Ok(())
}

/// A choice as users write it.
pub fn flag_name(choice: &impl ValueEnum) -> String {
    choice
        .to_possible_value()
        .map_or(String::new(), |value| value.get_name().to_owned())
}

/// Refuses a value unless something holds.
pub fn require(
    name: &'static str,
    value: impl ToString,
    holds: bool,
    reason: &str,
) -> Result<(), PlanError> {
    match holds {
        true => Ok(()),
        false => Err(PlanError::Value {
            name,
            value: value.to_string(),
            reason: reason.to_owned(),
        }),
    }
}

/// What data that stays on its machine allows.
fn check_residency(config: &Config) -> Result<(), PlanError> {
    let by_clients = config.evaluate == Evaluator::Clients;
    if config.data_residency == Residency::Shared {
        let hint = "every rank has the same test data (hint: --data_residency local, or --evaluate server)";
        return require("evaluate", "clients", !by_clients, hint);
    }
    let hint = "with --data_residency local clients are trained where their data is (hint: --dispatch planned)";
    require(
        "dispatch",
        flag_name(&config.dispatch),
        config.dispatch == DispatchMode::Planned,
        hint,
    )?;
    let hint = "it is generated alike on every rank (hint: --data_residency is for data in files)";
    require("dataset", &config.dataset, config.dataset.name != data::GENERATED, hint)?;
    for (name, file) in [
        ("partition_load", &config.partition_load),
        ("partition_save", &config.partition_save),
    ] {
        let path = file
            .as_ref()
            .map_or(String::new(), |path| path.display().to_string());
        require(
            name,
            path,
            file.is_none(),
            "with --data_residency local nobody knows the whole partition",
        )?;
    }
    let hint = "without rounds the server evaluates (hint: --evaluate server)";
    require("evaluate", "clients", !by_clients || config.mode == Mode::Sync, hint)
}

/// Settings of asynchronous runs.
fn check_async(config: &Config) -> Result<(), PlanError> {
    if config.mode == Mode::Sync {
        return Ok(());
    }
    let rounds_only = "it is for rounds, and --mode async has none (hint: leave it out)";
    require(
        "dispatch",
        flag_name(&config.dispatch),
        config.dispatch == DispatchMode::Planned,
        rounds_only,
    )?;
    require("drop_rate", config.drop_rate, config.drop_rate == 0.0, rounds_only)?;
    require("fall_back", config.fall_back, !config.fall_back, rounds_only)?;
    require("evaluate_training", config.evaluate_training, !config.evaluate_training, rounds_only)?;
    require("over_select", config.over_select, config.over_select == 1.0, rounds_only)?;
    let (most, clients) = (config.concurrency, config.client_num_in_total);
    let (kept, rule) = (config.scheduler_interval == 0, arrivals(config)?);
    let hint = format!("there are {clients} clients in total (hint: lower --concurrency)");
    // Nobody has counted the clients yet where there are none.
    let is_enough = clients == 0 || most <= clients || (!kept && rule.refills_at_once());
    require("concurrency", most, is_enough, &hint)?;
    let size = config
        .aggregator
        .as_ref()
        .and_then(|rule| rule.values.get("buffer_size")?.as_i64());
    let hint = format!(
        "only {most} clients train at once (hint: lower --buffer_size or raise --concurrency)"
    );
    let size = size.filter(|_| kept).unwrap_or(0);
    require("buffer_size", size, size <= most, &hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fedmls_optimizers_are_our_aggregators_and_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fedml.yaml");
        let planned = |name: &str| {
            std::fs::write(&path, format!("train_args:\n  federated_optimizer: {name}\n"))
                .expect("writable");
            let flags = crate::config::Flags {
                cf: Some(path.clone()),
                ..Default::default()
            };
            Config::resolve(&flags).map(|config| Plan::check(&config).expect("sound"))
        };
        assert!(planned("FedAvg").is_ok());
        assert!(planned("SCAFFOLD").is_ok() && planned("FedProx").is_ok());
    }

    #[test]
    fn fixed_cohorts_are_as_large_as_those_who_are_invited() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cohorts.txt");
        std::fs::write(&path, "0 1 2\n").expect("writable");
        let fixed = |over_select| Config {
            client_selection: format!("fixed:selection_file={}", path.display())
                .as_str()
                .into(),
            client_num_per_round: 2,
            over_select,
            ..Config::default()
        };
        assert!(Plan::check(&fixed(1.5)).is_ok());
        assert!(
            Plan::check(&fixed(1.0))
                .expect_err("refused")
                .to_string()
                .contains("3 clients where a round takes 2")
        );
    }

    #[test]
    fn senseless_values_are_named() {
        let refused = |config: Config| Plan::check(&config).expect_err("refused").to_string();
        let base = Config::default;
        let sgd = |lr: &str| Config {
            client_optimizer: format!("sgd:lr={lr}").as_str().into(),
            ..base()
        };
        assert!(refused(sgd(".nan")).starts_with("--lr is .nan"));
        assert!(refused(sgd("-0.1")).starts_with("--lr is -0.1"));
        assert!(
            refused(Config {
                comm_round: 0,
                ..base()
            })
            .starts_with("--comm_round is 0")
        );
        assert!(
            refused(Config {
                epochs: -1,
                ..base()
            })
            .starts_with("--epochs is -1")
        );
        for &(name, range) in RANGES {
            let mut values = serde_yaml::to_value(base()).expect("plain data");
            for number in range.outside() {
                values[name] = if number.fract() == 0.0 {
                    (number as i64).into()
                } else {
                    number.into()
                };
                let Ok(config) = serde_yaml::from_value::<Config>(values.clone()) else {
                    continue;
                };
                assert!(refused(config).starts_with(&format!("--{name} is ")), "{name} {number}");
            }
        }
        assert!(
            refused(Config {
                threads: 3_000_000_000,
                ..base()
            })
            .contains("from 1 to 1024")
        );
        assert!(
            refused(Config {
                client_num_per_round: 101,
                ..base()
            })
            .contains("100 clients in total")
        );
        assert!(
            refused(Config {
                dataset: "mnsit".into(),
                ..base()
            })
            .contains("did you mean `mnist`")
        );
        assert!(
            refused(Config {
                client_optimizer: "sdg".into(),
                ..base()
            })
            .contains("did you mean `sgd`")
        );
        assert!(
            refused(Config {
                target_accuracy: Some(97.0),
                ..base()
            })
            .starts_with("--target_accuracy is 97: ")
        );
        assert!(
            refused(Config {
                round_timeout: Some(1e-300),
                ..base()
            })
            .starts_with("--round_timeout is 1e-300: ")
        );
    }
}
