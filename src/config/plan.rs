//! The plan: a config whose every value was checked, together with the data and its partition. All
//! checks across settings live here. Every rank resolves the same plan.

use super::Config;
use crate::aggregate::{self, AGGREGATORS, Aggregator, Merge};
use crate::data::{DATASETS, DataError, Dataset, Source};
use crate::ids::{ClientId, Round};
use crate::message::Reduce;
use crate::metrics::Metrics;
use crate::partition::{PARTITIONERS, Partition, PartitionError, Pool, Settings};
use crate::registry::{Entry, Unknown, find};
use crate::schedule::{DispatchMode, SCHEDULERS, Scheduler, Slowdown, SlowdownError};
use crate::seed::{Purpose, Seed};
use crate::select::{self, Attendance, SELECTORS, SelectError, Selector};
use crate::train::optimizer::OPTIMIZERS;
use std::sync::Arc;

/// A run, resolved and trusted.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was asked for.
    pub config: Config,
    /// Samples of all clients.
    pub dataset: Arc<Dataset>,
    /// Who owns which.
    pub partition: Arc<Partition>,
    aggregator: Entry<aggregate::Build>,
}

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
    /// Data that cannot be divided.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}

impl Plan {
    /// Checks the config alone: fast, reads no file.
    ///
    /// # Errors
    /// The first value that is out of range or names nothing.
    pub fn check(config: &Config) -> Result<(), PlanError> {
        find("dataset", DATASETS, &config.dataset)?;
        find("client optimizer", OPTIMIZERS, &config.client_optimizer)?;
        find("scheduler", SCHEDULERS, &config.scheduler)?;
        check_reduce(find("aggregator", AGGREGATORS, &config.aggregator)?, config.reduce)?;
        config.worker_slowdown.as_deref().map(Slowdown::parse).transpose()?;
        if let Some(method) = &config.partition_method {
            find("partition method", PARTITIONERS, method)?;
        }
        check_counts(config)?;
        check_rates(config)?;
        build_selector(config).map(drop)
    }

    /// Reads the data of a config and divides it.
    ///
    /// # Errors
    /// As [`Plan::check`]; data that cannot be read or divided.
    pub fn resolve(config: Config) -> Result<Plan, PlanError> {
        let dataset = Plan::read(&config)?;
        Plan::new(config, dataset)
    }

    /// Reads or generates the data of a config.
    ///
    /// # Errors
    /// As [`Plan::check`]; data that cannot be read.
    pub fn read(config: &Config) -> Result<Dataset, PlanError> {
        Plan::check(config)?;
        let clients = config.client_num_in_total as usize;
        let source = Source { folder: &config.data_dir, clients, seed: Seed(config.seed) };
        Ok((find("dataset", DATASETS, &config.dataset)?.build)(&source)?)
    }

    /// Divides data that was read for this config.
    ///
    /// # Errors
    /// As [`Plan::check`]; data that cannot be divided.
    pub fn new(config: Config, dataset: Dataset) -> Result<Plan, PlanError> {
        Plan::check(&config)?;
        let partition = match &config.partition_load {
            Some(path) => Partition::load(path, dataset.train.count(), config.client_num_in_total as usize)?,
            None => divide(&config, &dataset)?,
        };
        let aggregator = *find("aggregator", AGGREGATORS, &config.aggregator)?;
        Ok(Plan { dataset: Arc::new(dataset), partition: Arc::new(partition), config, aggregator })
    }

    /// The same plan with an aggregator of the caller's own; every rank must have it.
    ///
    /// # Errors
    /// When updates are to be summed on their way and the aggregator must see each.
    pub fn with_aggregator(mut self, aggregator: Entry<aggregate::Build>) -> Result<Plan, PlanError> {
        self.config.aggregator = aggregator.name.to_owned();
        self.aggregator = aggregator;
        check_reduce(&aggregator, self.config.reduce)?;
        Ok(self)
    }

    /// Fingerprint of everything that decides the result; equal on all ranks of a sound job.
    pub fn digest(&self) -> String {
        let decisive = Config {
            // Where things lie and how much is said may differ from host to host.
            data_dir: Default::default(),
            out_dir: None,
            overwrite: false,
            partition_save: None,
            partition_load: None,
            gpu_mapping_file: None,
            selection_file: None,
            verbose: 0,
            // Who trains whom, and where updates are summed, does not touch the result.
            scheduler: String::new(),
            dispatch: DispatchMode::Planned,
            worker_slowdown: None,
            reduce: Reduce::Server,
            ..self.config.clone()
        };
        let text = serde_json::to_string(&decisive).expect("plain data always encodes");
        let parts = [env!("CARGO_PKG_VERSION"), &text, &self.dataset.digest(), &self.partition.digest()];
        blake3::hash(parts.join("\n").as_bytes()).to_hex()[..16].to_owned()
    }

    /// Root of all randomness.
    pub fn seed(&self) -> Seed {
        Seed(self.config.seed)
    }

    /// Rounds to do.
    pub fn rounds(&self) -> u32 {
        self.config.comm_round as u32
    }

    /// Clients that own data.
    pub fn clients(&self) -> usize {
        self.partition.clients()
    }

    /// Clients per round.
    pub fn cohort_size(&self) -> usize {
        self.config.client_num_per_round as usize
    }

    /// Samples of one client.
    pub fn samples(&self, client: ClientId) -> u64 {
        self.partition.count(client)
    }

    /// Passes over a client's samples per round.
    pub fn epochs(&self) -> usize {
        self.config.epochs as usize
    }

    /// Samples per step for a client that has `samples`.
    pub fn batch(&self, samples: usize) -> usize {
        match usize::try_from(self.config.batch_size) {
            Ok(size) if size > 0 => size.min(samples),
            _ => samples,
        }
    }

    /// Whether the model is evaluated after `round`.
    pub fn evaluates_after(&self, round: Round) -> bool {
        let done = i64::from(round.0) + 1;
        done % self.config.frequency_of_the_test == 0 || done == self.config.comm_round
    }

    /// Test samples to evaluate on.
    pub fn test_samples(&self) -> usize {
        let all = self.dataset.test.labels.len();
        if self.config.ci == 1 { all.min(1000) } else { all }
    }

    /// Whether the wished accuracy is there.
    pub fn reached(&self, test: Option<&Metrics>) -> bool {
        matches!((self.config.target_accuracy, test), (Some(target), Some(test)) if test.accuracy() >= target)
    }

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
        if workers > self.cohort_size() {
            notes.push(format!("{workers} workers for {} clients a round: some stay idle", self.cohort_size()));
        }
        if let Some(slowdown) = &self.config.worker_slowdown {
            notes.push(format!("workers are slowed down on purpose (--worker_slowdown {slowdown})"));
        }
        notes
    }

    /// Stage 3's choice.
    ///
    /// # Errors
    /// When its file has changed since the plan was made.
    pub fn selector(&self) -> Result<Box<dyn Selector>, SelectError> {
        let entry = find("client selection", SELECTORS, &self.config.client_selection).expect("the plan was checked");
        (entry.build)(&selection(&self.config))
    }

    /// Who of a cohort turns up.
    pub fn attendance(&self) -> Attendance {
        let &Config { drop_rate, over_select, deadline, seconds_per_sample, speed_spread, .. } = &self.config;
        Attendance { drop_rate, over_select, deadline, seconds_per_sample, speed_spread }
    }

    /// Stage 4's choice.
    pub fn scheduler(&self) -> Box<dyn Scheduler> {
        // One each: no scheduler may put two clients on a worker.
        let name = match self.config.dispatch {
            DispatchMode::OnePerWorker => "round_robin",
            DispatchMode::Planned | DispatchMode::Pull => &self.config.scheduler,
        };
        (find("scheduler", SCHEDULERS, name).expect("the plan was checked").build)()
    }

    /// How clients reach workers.
    pub fn dispatch(&self) -> DispatchMode {
        self.config.dispatch
    }

    /// How much slower than they are workers shall seem.
    pub fn slowdown(&self) -> Slowdown {
        let text = self.config.worker_slowdown.as_deref();
        text.map(|text| Slowdown::parse(text).expect("the plan was checked")).unwrap_or_default()
    }

    /// Where updates are summed.
    pub fn reduce(&self) -> Reduce {
        self.config.reduce
    }

    /// Stage 8's choice.
    pub fn aggregator(&self) -> Box<dyn Aggregator> {
        (self.aggregator.build)()
    }
}

fn check_reduce(aggregator: &Entry<aggregate::Build>, reduce: Reduce) -> Result<(), PlanError> {
    let each = (aggregator.build)().merge() == Merge::Each;
    let reason = format!(
        "aggregator `{}` must see every client's update, which are summed on their way (hint: --reduce server)",
        aggregator.name
    );
    let name = format!("{reduce:?}").to_lowercase();
    require("reduce", name, !each || reduce == Reduce::Server, &reason)
}

fn selection(config: &Config) -> select::Settings<'_> {
    select::Settings { clients: config.client_num_in_total as usize, file: config.selection_file.as_deref() }
}

fn build_selector(config: &Config) -> Result<Box<dyn Selector>, PlanError> {
    Ok((find("client selection", SELECTORS, &config.client_selection)?.build)(&selection(config))?)
}

fn divide(config: &Config, dataset: &Dataset) -> Result<Partition, PlanError> {
    let default = if dataset.owners.is_some() { "natural" } else { "hetero" };
    let method = config.partition_method.as_deref().unwrap_or(default);
    let settings = Settings { clients: config.client_num_in_total as usize, alpha: config.partition_alpha };
    let labels = match dataset.train.labels() {
        Some(labels) => labels,
        None if method == "natural" => &[],
        None => return Err(PartitionError::NotHeld { method: method.to_owned() }.into()),
    };
    let pool = Pool { labels, classes: dataset.classes, owners: dataset.owners.as_deref() };
    let partitioner = (find("partition method", PARTITIONERS, method)?.build)(settings);
    Ok(partitioner.split(&pool, &mut Seed(config.seed).stream(Purpose::Partition))?)
}

fn check_counts(config: &Config) -> Result<(), PlanError> {
    let most = i64::from(u32::MAX);
    let counts = [
        ("client_num_in_total", config.client_num_in_total),
        ("client_num_per_round", config.client_num_per_round),
        ("comm_round", config.comm_round),
        ("epochs", config.epochs),
        ("frequency_of_the_test", config.frequency_of_the_test),
        ("threads", config.threads),
    ];
    for (name, value) in counts {
        require(name, value, (1..=most).contains(&value), "it must be a whole number from 1 up")?;
    }
    let (cohort, clients) = (config.client_num_per_round, config.client_num_in_total);
    let hint = format!("there are {clients} clients in total (hint: raise --client_num_in_total)");
    require("client_num_per_round", cohort, cohort <= clients, &hint)?;
    require("ci", config.ci, config.ci <= 1, "it must be 0 or 1")?;
    require("verbose", config.verbose, config.verbose <= 2, "it must be 0, 1 or 2")
}

fn check_rates(config: &Config) -> Result<(), PlanError> {
    let positive = [
        ("lr", config.lr),
        ("partition_alpha", config.partition_alpha),
        ("seconds_per_sample", config.seconds_per_sample),
        ("deadline", config.deadline.unwrap_or(1.0)),
    ];
    for (name, value) in positive {
        require(name, value, value.is_finite() && value > 0.0, "it must be a number above 0")?;
    }
    require("drop_rate", config.drop_rate, (0.0..1.0).contains(&config.drop_rate), "it must be from 0 to below 1")?;
    let factor = config.over_select;
    require("over_select", factor, (1.0..1e6).contains(&factor), "it must be a number from 1 up")?;
    let spread = config.speed_spread;
    require("speed_spread", spread, (0.0..10.0).contains(&spread), "it must be from 0 to below 10")?;
    require("wd", config.wd, config.wd.is_finite() && config.wd >= 0.0, "it must be a number from 0 up")?;
    require("momentum", config.momentum, (0.0..1.0).contains(&config.momentum), "it must be from 0 to below 1")?;
    let target = config.target_accuracy.unwrap_or(1.0);
    require("target_accuracy", target, target > 0.0 && target <= 1.0, "it must be above 0 and at most 1")
}

fn require(name: &'static str, value: impl ToString, holds: bool, reason: &str) -> Result<(), PlanError> {
    match holds {
        true => Ok(()),
        false => Err(PlanError::Value { name, value: value.to_string(), reason: reason.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_make_a_plan_and_ranks_agree_on_it() {
        let plan = Plan::resolve(Config::default()).expect("defaults are sound");
        assert_eq!((plan.clients(), plan.cohort_size(), plan.rounds()), (100, 10, 10));
        let elsewhere = Config { data_dir: "/elsewhere".into(), verbose: 2, ..Config::default() };
        assert_eq!(plan.digest(), Plan::resolve(elsewhere).expect("sound").digest());
        let other = Config { lr: 0.04, ..Config::default() };
        assert_ne!(plan.digest(), Plan::resolve(other).expect("sound").digest());
    }

    #[test]
    fn senseless_values_are_named() {
        let refused = |config: Config| Plan::check(&config).expect_err("refused").to_string();
        let base = Config::default;
        assert!(refused(Config { lr: f64::NAN, ..base() }).starts_with("--lr is NaN"));
        assert!(refused(Config { lr: -0.1, ..base() }).starts_with("--lr is -0.1"));
        assert!(refused(Config { comm_round: 0, ..base() }).starts_with("--comm_round is 0"));
        assert!(refused(Config { epochs: -1, ..base() }).starts_with("--epochs is -1"));
        assert!(refused(Config { client_num_per_round: 101, ..base() }).contains("100 clients in total"));
        assert!(refused(Config { dataset: "mnsit".into(), ..base() }).contains("did you mean `mnist`"));
        assert!(refused(Config { client_optimizer: "sdg".into(), ..base() }).contains("did you mean `sgd`"));
        assert!(refused(Config { target_accuracy: Some(97.0), ..base() }).starts_with("--target_accuracy is 97"));
    }

    #[test]
    fn batches_and_evaluations_follow_the_config() {
        let config = Config { batch_size: -1, frequency_of_the_test: 4, comm_round: 10, ..Config::default() };
        let plan = Plan::resolve(config).expect("sound");
        assert_eq!(plan.batch(37), 37);
        let evaluated: Vec<u32> = (0..10).filter(|&round| plan.evaluates_after(Round(round))).collect();
        assert_eq!(evaluated, [3, 7, 9]);
    }
}
