//! Every check of a config that needs no data and no other rank, across settings too.

use super::plan::selection;
use super::{Config, Evaluator, HomesError, Mode, Plan, Residency};
use crate::aggregate::arrivals::ARRIVALS;
use crate::aggregate::{self, AGGREGATORS, Merge};
use crate::data::{DATASETS, DataError};
use crate::delay::{Delay, DelayError};
use crate::message::Reduce;
use crate::partition::{PARTITIONERS, PartitionError};
use crate::registry::{Entry, Unknown, find};
use crate::schedule::{Clock, DispatchMode, SCHEDULERS, Slowdown, SlowdownError};
use crate::select::{SELECTORS, SelectError};
use crate::train::optimizer::OPTIMIZERS;
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
    /// A name of nothing.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// Data that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A selector that cannot be made.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A delay model that cannot be used.
    #[error(transparent)]
    Delay(#[from] DelayError),
    /// A slowdown that cannot be read.
    #[error(transparent)]
    Slowdown(#[from] SlowdownError),
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
    pub fn check_workers(&self, workers: usize) -> Result<(), PlanError> {
        let cohort = self.cohort_size();
        match self.config.dispatch == DispatchMode::OnePerWorker && workers != cohort {
            true => Err(PlanError::OnePerWorker { cohort, workers }),
            false => Ok(()),
        }
    }

    /// What a user should know before the run, said once.
    pub fn notes(&self, workers: usize) -> Vec<String> {
        let mut notes = Vec::new();
        let (most, what) = match self.config.mode {
            Mode::Sync => (self.cohort_size(), "a round"),
            Mode::Async if self.config.scheduler_interval > 0 => (self.clients(), "in total"),
            Mode::Async => (self.config.concurrency as usize, "in training at once"),
        };
        if workers > most {
            notes.push(format!("{workers} workers for {most} clients {what}: some stay idle"));
        }
        if let Some(slowdown) = &self.config.worker_slowdown {
            notes.push(format!("workers are slowed down on purpose (--worker_slowdown {slowdown})"));
            // A run may go on with fewer ranks than it began with.
            let slowdown = self.slowdown();
            let absent = slowdown.ranks().filter(|rank| !(1..=workers).contains(&rank.index()));
            notes.extend(absent.map(|rank| format!("rank {rank} does not train, so it is not slowed down")));
        }
        notes.extend(without_effect(&self.config));
        notes
    }
}

/// Settings that were changed though nothing in this run depends on them.
fn without_effect(config: &Config) -> Vec<String> {
    let (rounds, named) = (config.mode == Mode::Sync, config.aggregator_name());
    let skewed = |method: &String| ["hetero", "power_law"].contains(&method.as_str());
    let rules: [(&[&str], bool, &str); 9] = [
        (&["reduce", "scheduler", "client_num_per_round"], rounds, "it is for rounds, and --mode async has none"),
        (&["deadline"], rounds || named == "semi_async", "without rounds it is for --aggregator semi_async"),
        (
            &[
                "concurrency",
                "clock",
                "sleep_delays",
                "alpha",
                "staleness",
                "staleness_a",
                "staleness_b",
                "max_staleness",
                "stale_weight",
                "buffer_size",
                "server_lr",
                "semi_fraction",
                "scheduler_interval",
                "c_ratio",
                "checkin_num",
                "checkin_interval",
            ],
            !rounds,
            "it is for --mode async",
        ),
        (&["collective"], rounds && config.reduce == Reduce::Allreduce, "it is for --reduce allreduce"),
        (&["scheduler"], config.dispatch == DispatchMode::Planned, "it is for --dispatch planned"),
        (&["selection_file"], config.reads_selection_file(), "it is for --client_selection fixed and availability"),
        (
            &["partition_alpha"],
            config.partition_method.as_ref().is_none_or(skewed),
            "it is for --partition_method hetero and power_law",
        ),
        (&["momentum"], config.client_optimizer == "sgd", "it is for --client_optimizer sgd"),
        (&["sleep_delays"], rounds || config.clock == Clock::Real, "it is for --clock real"),
    ];
    let values = |config: &Config| serde_yaml::to_value(config).expect("plain data always encodes");
    let (given, usual) = (values(config), values(&Config::default()));
    let idle = rules.into_iter().filter(|(_, counts, _)| !counts);
    let changed = idle.flat_map(|(names, _, why)| names.iter().map(move |name| (*name, why)));
    let changed = changed.filter(|(name, _)| given[*name] != usual[*name]);
    changed.map(|(name, why)| format!("--{name} has no effect: {why}")).collect()
}

/// The first value that is out of range or names nothing.
pub fn all(config: &Config) -> Result<(), PlanError> {
    find("dataset", DATASETS, &config.dataset)?;
    find("client optimizer", OPTIMIZERS, &config.client_optimizer)?;
    find("scheduler", SCHEDULERS, &config.scheduler)?;
    match config.mode {
        Mode::Sync => check_reduce(find("aggregator", AGGREGATORS, config.aggregator_name())?, config.reduce)?,
        Mode::Async => _ = find("aggregator", ARRIVALS, config.aggregator_name())?,
    }
    config.worker_slowdown.as_deref().map(Slowdown::parse).transpose()?;
    if let Some(method) = &config.partition_method {
        find("partition method", PARTITIONERS, method)?;
    }
    check_counts(config)?;
    check_rates(config)?;
    check_async(config)?;
    check_residency(config)?;
    Delay::parse(&config.delay, config.client_num_in_total as usize)?;
    check_selector(config)
}

/// An aggregator that must see each update cannot have them summed on their way.
pub fn check_reduce(aggregator: &Entry<aggregate::Build>, reduce: Reduce) -> Result<(), PlanError> {
    let each = (aggregator.build)().merge() == Merge::Each;
    let reason = format!(
        "aggregator `{}` must see every client's update, which are summed on their way (hint: --reduce server)",
        aggregator.name
    );
    require("reduce", flag_name(&reduce), !each || reduce == Reduce::Server, &reason)
}

/// The selector's file must be sound.
fn check_selector(config: &Config) -> Result<(), PlanError> {
    let entry = find("client selection", SELECTORS, &config.client_selection)?;
    let selector = (entry.build)(&selection(config))?;
    let suits = config.mode == Mode::Sync || !selector.needs_rounds();
    require("client_selection", entry.name, suits, "it is for rounds, and --mode async has none")
}

fn check_counts(config: &Config) -> Result<(), PlanError> {
    let most = i64::from(u32::MAX);
    let counts = [
        ("client_num_in_total", config.client_num_in_total),
        ("client_num_per_round", config.client_num_per_round),
        ("comm_round", config.comm_round),
        ("epochs", config.epochs),
        ("frequency_of_the_test", config.frequency_of_the_test),
        ("concurrency", config.concurrency),
        ("buffer_size", config.buffer_size),
        ("checkin_interval", config.checkin_interval),
        ("keep_checkpoints", config.keep_checkpoints),
    ];
    for (name, value) in counts {
        require(name, value, (1..=most).contains(&value), "it must be a whole number from 1 to 4294967295")?;
    }
    let threads = config.threads;
    require("threads", threads, (1..=1024).contains(&threads), "it must be a whole number from 1 to 1024")?;
    let (cohort, clients) = (config.client_num_per_round, config.client_num_in_total);
    let hint = format!("there are {clients} clients in total (hint: raise --client_num_in_total)");
    require("client_num_per_round", cohort, cohort <= clients || config.mode == Mode::Async, &hint)?;
    require("ci", config.ci, config.ci <= 1, "it must be 0 or 1")?;
    require("verbose", config.verbose, config.verbose <= 2, "it must be 0, 1 or 2")
}

fn check_rates(config: &Config) -> Result<(), PlanError> {
    let positive = [
        ("lr", config.lr),
        ("partition_alpha", config.partition_alpha),
        ("deadline", config.deadline.unwrap_or(1.0)),
        ("round_timeout", config.round_timeout.unwrap_or(1.0)),
    ];
    for (name, value) in positive {
        require(name, value, value.is_finite() && value > 0.0, "it must be a number above 0")?;
    }
    require("drop_rate", config.drop_rate, (0.0..1.0).contains(&config.drop_rate), "it must be from 0 to below 1")?;
    let factor = config.over_select;
    require("over_select", factor, (1.0..1e6).contains(&factor), "it must be a number from 1 up")?;
    require("wd", config.wd, config.wd.is_finite() && config.wd >= 0.0, "it must be a number from 0 up")?;
    require("momentum", config.momentum, (0.0..1.0).contains(&config.momentum), "it must be from 0 to below 1")?;
    let target = config.target_accuracy.unwrap_or(1.0);
    require("target_accuracy", target, target > 0.0 && target <= 1.0, "it must be above 0 and at most 1")
}

/// A choice as users write it.
pub fn flag_name(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}

/// Refuses a value unless something holds.
pub fn require(name: &'static str, value: impl ToString, holds: bool, reason: &str) -> Result<(), PlanError> {
    match holds {
        true => Ok(()),
        false => Err(PlanError::Value { name, value: value.to_string(), reason: reason.to_owned() }),
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
    require("dispatch", flag_name(&config.dispatch), config.dispatch == DispatchMode::Planned, hint)?;
    let hint = "it is generated alike on every rank (hint: --data_residency is for data in files)";
    require("dataset", &config.dataset, config.dataset != "synthetic", hint)?;
    for (name, file) in [("partition_load", &config.partition_load), ("partition_save", &config.partition_save)] {
        let path = file.as_ref().map_or(String::new(), |path| path.display().to_string());
        require(name, path, file.is_none(), "with --data_residency local nobody knows the whole partition")?;
    }
    let hint = "without rounds the server evaluates (hint: --evaluate server)";
    require("evaluate", "clients", !by_clients || config.mode == Mode::Sync, hint)
}

/// Settings of asynchronous runs.
fn check_async(config: &Config) -> Result<(), PlanError> {
    let unit = |name, value: f64| {
        require(name, value, value > 0.0 && value <= 1.0, "it must be a number above 0 and at most 1")
    };
    unit("alpha", config.alpha)?;
    unit("semi_fraction", config.semi_fraction)?;
    unit("c_ratio", config.c_ratio)?;
    let from_zero = [
        ("staleness_a", config.staleness_a),
        ("staleness_b", config.staleness_b),
        ("rho", config.rho),
        ("server_lr", config.server_lr),
    ];
    for (name, value) in from_zero {
        require(name, value, value.is_finite() && value >= 0.0, "it must be a number from 0 up")?;
    }
    let weight = config.stale_weight;
    require("stale_weight", weight, (0.0..=1.0).contains(&weight), "it must be from 0 to 1")?;
    let counts = [
        ("max_staleness", config.max_staleness.unwrap_or(0)),
        ("checkpoint_every", config.checkpoint_every.unwrap_or(0)),
        ("scheduler_interval", config.scheduler_interval),
        ("checkin_num", config.checkin_num),
    ];
    for (name, value) in counts {
        require(name, value, (0..=i64::from(u32::MAX)).contains(&value), "it must be a whole number from 0 up")?;
    }
    if config.mode == Mode::Sync {
        return Ok(());
    }
    let rounds_only = "it is for rounds, and --mode async has none (hint: leave it out)";
    require("dispatch", flag_name(&config.dispatch), config.dispatch == DispatchMode::Planned, rounds_only)?;
    require("drop_rate", config.drop_rate, config.drop_rate == 0.0, rounds_only)?;
    require("over_select", config.over_select, config.over_select == 1.0, rounds_only)?;
    let (most, clients) = (config.concurrency, config.client_num_in_total);
    let (kept, rule) = (config.scheduler_interval == 0, config.aggregator_name());
    let hint = format!("there are {clients} clients in total (hint: lower --concurrency)");
    require("concurrency", most, most <= clients || !(kept || rule == "semi_async"), &hint)?;
    let buffered = kept && ["fedbuff", "fedavg_async"].contains(&rule);
    let hint = format!("only {most} clients train at once (hint: lower --buffer_size or raise --concurrency)");
    require("buffer_size", config.buffer_size, !buffered || config.buffer_size <= most, &hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fedmls_optimizers_are_our_aggregators_and_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fedml.yaml");
        let planned = |name: &str| {
            std::fs::write(&path, format!("train_args:\n  federated_optimizer: {name}\n")).expect("writable");
            let flags = crate::config::Flags { cf: Some(path.clone()), ..Default::default() };
            Plan::check(&Config::resolve(&flags).expect("well-formed"))
        };
        assert!(planned("FedAvg").is_ok());
        assert!(planned("SCAFFOLD").expect_err("refused").to_string().contains("SCAFFOLD"));
    }

    #[test]
    fn what_should_be_known_before_a_run_is_noted() {
        let notes = |config: Config| Plan::resolve(config).expect("sound").notes(3).join("; ");
        let base = || Config { client_num_per_round: 2, ..Config::default() };
        assert_eq!(notes(base()), "3 workers for 2 clients a round: some stay idle");
        let alone = Config { mode: Mode::Async, concurrency: 1, ..Config::default() };
        assert_eq!(notes(alone), "3 workers for 1 clients in training at once: some stay idle");
        let idle = Config { alpha: 0.9, momentum: 0.5, dispatch: DispatchMode::Pull, ..Config::default() };
        assert_eq!(notes(idle), "--alpha has no effect: it is for --mode async");
        let idle = Config { scheduler: "balanced".into(), dispatch: DispatchMode::Pull, ..Config::default() };
        assert_eq!(notes(idle), "--scheduler has no effect: it is for --dispatch planned");
        let slow = Config { worker_slowdown: Some("4:2,1:2".into()), client_num_per_round: 9, ..base() };
        assert!(notes(slow).ends_with("(--worker_slowdown 4:2,1:2); rank 4 does not train, so it is not slowed down"));
    }

    #[test]
    fn fixed_cohorts_are_as_large_as_those_who_are_invited() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cohorts.txt");
        std::fs::write(&path, "0 1 2\n").expect("writable");
        let fixed = |over_select| Config {
            client_selection: "fixed".into(),
            selection_file: Some(path.clone()),
            client_num_per_round: 2,
            over_select,
            ..Config::default()
        };
        assert!(Plan::check(&fixed(1.5)).is_ok());
        assert!(Plan::check(&fixed(1.0)).expect_err("refused").to_string().contains("3 clients where a round takes 2"));
    }

    #[test]
    fn senseless_values_are_named() {
        let refused = |config: Config| Plan::check(&config).expect_err("refused").to_string();
        let base = Config::default;
        assert!(refused(Config { lr: f64::NAN, ..base() }).starts_with("--lr is NaN"));
        assert!(refused(Config { lr: -0.1, ..base() }).starts_with("--lr is -0.1"));
        assert!(refused(Config { comm_round: 0, ..base() }).starts_with("--comm_round is 0"));
        assert!(refused(Config { epochs: -1, ..base() }).starts_with("--epochs is -1"));
        assert!(refused(Config { threads: 3_000_000_000, ..base() }).contains("from 1 to 1024"));
        assert!(refused(Config { client_num_per_round: 101, ..base() }).contains("100 clients in total"));
        assert!(refused(Config { dataset: "mnsit".into(), ..base() }).contains("did you mean `mnist`"));
        assert!(refused(Config { client_optimizer: "sdg".into(), ..base() }).contains("did you mean `sgd`"));
        assert!(refused(Config { target_accuracy: Some(97.0), ..base() }).starts_with("--target_accuracy is 97"));
    }
}
