//! Every check of a config that needs no data and no other rank, across settings too.

mod asynchronous;
mod error;
mod method;
mod residency;
mod training;

use super::{Plan, privacy, selection};
use crate::config::{Config, Mode, RANGES};
use crate::data;
use crate::delay::Delay;
use crate::metrics::Target;
use crate::part::{AnyKind, Range, figure};
use crate::schedule::DispatchMode;
use crate::select::{self, Draw, List};
use clap::ValueEnum;

pub use error::{PlanError, require};

impl Plan {
    /// Checks that the layout suits the number of workers.
    ///
    /// # Errors
    /// When every client of a round is to have a worker of its own and there are more or fewer.
    pub fn check_workers(config: &Config, workers: usize) -> Result<(), PlanError> {
        let cohort = config.client_num_per_round as usize;
        if config.dispatch == DispatchMode::OnePerWorker && workers != cohort {
            return Err(PlanError::OnePerWorker { cohort, workers });
        }
        Ok(())
    }
}

/// The first value that is out of range or names nothing.
pub fn all(config: &Config) -> Result<(), PlanError> {
    data::KIND.complete(&config.dataset)?;
    method::check(config)?;
    check_ranges(config)?;
    check_cohort(config)?;
    check_target(config)?;
    training::check(config)?;
    asynchronous::check(config)?;
    residency::check(config)?;
    privacy::check(config)?;
    // Without a number the data tells how many clients there are, and all this is checked again.
    if config.client_num_in_total <= 0 {
        return Ok(());
    }
    Delay::make(&config.delay, config.client_num_in_total as usize)?;
    check_selector(config)
}

/// A round takes no more clients than there are, as far as they are counted.
fn check_cohort(config: &Config) -> Result<(), PlanError> {
    let (cohort, clients) = (config.client_num_per_round, config.client_num_in_total);
    let fits = clients <= 0 || cohort <= clients || config.mode == Mode::Async;
    let hint =
        format!("there are {clients} clients in total (hint: at most {clients}, or more clients)");
    require("client_num_per_round", cohort, fits, &hint)
}

/// The target can be read, and is the only one.
fn check_target(config: &Config) -> Result<(), PlanError> {
    let Some(text) = &config.target else { return Ok(()) };
    if let Err(reason) = Target::parse(text) {
        return require("target", text, false, &reason);
    }
    let both = "--target_accuracy says another target (hint: one of the two)";
    require("target", text, config.target_accuracy.is_none(), both)
}

/// The selector's file must be sound.
fn check_selector(config: &Config) -> Result<(), PlanError> {
    let list = List::of(&config.client_selection)?;
    let selector = select::make(&config.client_selection, selection(config), list.as_ref())?;
    let suits = config.mode == Mode::Sync || !selector.needs_rounds();
    let name = &config.client_selection.name;
    require("client_selection", name, suits, "it is for rounds, and --mode async has none")?;
    let reason = "each client of a round has a worker of its own, and there may be more or fewer \
                  (hint: --dispatch planned)";
    let fixed = selector.draw() != Draw::Independent;
    let suits = fixed || config.dispatch != DispatchMode::OnePerWorker;
    require("client_selection", name, suits, reason)
}

/// Every number is in its setting's range.
fn check_ranges(config: &Config) -> Result<(), PlanError> {
    let values = serde_yaml::to_value(config).expect("plain data always encodes");
    for &(name, range) in RANGES {
        let value = &values[name];
        let Some(number) = value.as_f64() else { continue };
        let is_whole = value.is_i64() || value.is_u64();
        let kind = if is_whole { "whole number" } else { "number" };
        let fits = range == Range::ANY || range.contains(number);
        require(name, figure(number), fits, &format!("it must be a {kind} {range}"))?;
    }
    Ok(())
}

/// A choice as users write it.
pub fn flag_name(choice: &impl ValueEnum) -> String {
    choice
        .to_possible_value()
        .map_or(String::new(), |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    #[test]
    fn fedmls_optimizers_are_our_aggregators_and_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fedml.yaml");
        let planned = |name: &str| {
            let text = format!("train_args:\n  federated_optimizer: {name}\n");
            std::fs::write(&path, text).expect("writable");
            let flags = Flags {
                cf: Some(path.clone()),
                ..Flags::default()
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
