//! The plan: a config whose every value was checked, together with the data and its partition. All
//! checks across settings live here. Every rank resolves the same plan.

use super::{Config, Mode};
use crate::aggregate::arrivals::{self, ARRIVALS, Arrivals};
use crate::aggregate::{self, AGGREGATORS, Aggregator, Merge};
use crate::data::{DATASETS, DataError, Dataset, Source};
use crate::delay::{Delay, DelayError};
use crate::ids::{ClientId, Round};
use crate::message::Reduce;
use crate::metrics::Metrics;
use crate::partition::{PARTITIONERS, Partition, PartitionError, Pool, Settings};
use crate::registry::{Entry, Unknown, find};
use crate::schedule::{Checkin, Chooser, Clock, DispatchMode, Refill, SCHEDULERS, Scheduler, Slowdown, SlowdownError};
use crate::seed::{Purpose, Seed};
use crate::select::{self, Attendance, SELECTORS, SelectError, Selector};
use crate::staleness::{Staleness, StalenessKind};
use crate::train::optimizer::OPTIMIZERS;
use std::sync::Arc;
use std::time::Duration;

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
    delay: Delay,
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
        match config.mode {
            Mode::Sync => check_reduce(find("aggregator", AGGREGATORS, aggregator_name(config))?, config.reduce)?,
            Mode::Async => _ = find("aggregator", ARRIVALS, aggregator_name(config))?,
        }
        config.worker_slowdown.as_deref().map(Slowdown::parse).transpose()?;
        if let Some(method) = &config.partition_method {
            find("partition method", PARTITIONERS, method)?;
        }
        check_counts(config)?;
        check_rates(config)?;
        check_async(config)?;
        Delay::parse(&config.delay, config.client_num_in_total as usize)?;
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
            Some(_) if dataset.train.labels().is_none() => {
                return Err(PartitionError::NotHeld { method: "--partition_load".to_owned() }.into());
            }
            Some(path) => Partition::load(path, dataset.train.count(), config.client_num_in_total as usize)?,
            None => divide(&config, &dataset)?,
        };
        let samples = dataset.train.count();
        let most = u32::MAX as usize;
        require(
            "client_num_in_total",
            partition.clients(),
            samples <= most,
            "they own more samples than can be counted",
        )?;
        let aggregator = match config.mode {
            Mode::Sync => *find("aggregator", AGGREGATORS, aggregator_name(&config))?,
            Mode::Async => AGGREGATORS[0],
        };
        let delay = Delay::parse(&config.delay, config.client_num_in_total as usize)?;
        Ok(Plan { dataset: Arc::new(dataset), partition: Arc::new(partition), config, aggregator, delay })
    }

    /// The same plan with an aggregator of the caller's own; every rank must have it.
    ///
    /// # Errors
    /// When updates are to be summed on their way and the aggregator must see each.
    pub fn with_aggregator(mut self, aggregator: Entry<aggregate::Build>) -> Result<Plan, PlanError> {
        self.config.aggregator = Some(aggregator.name.to_owned());
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
            resume: None,
            round_timeout: None,
            checkpoint_every: None,
            keep_checkpoints: 0,
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

    /// Fingerprint of what must not change when a run goes on: how long it goes on and how often it is
    /// looked at may.
    pub fn lasting_digest(&self) -> String {
        let config =
            Config { comm_round: 0, frequency_of_the_test: 0, ci: 0, target_accuracy: None, ..self.config.clone() };
        Plan { config, ..self.clone() }.digest()
    }

    /// How long the server waits for a report.
    pub fn round_timeout(&self) -> Option<Duration> {
        self.config.round_timeout.map(|seconds| Duration::from_secs_f64(seconds.min(1e9)))
    }

    /// Rounds between two checkpoints; none leaves it to their cost.
    pub fn checkpoint_every(&self) -> Option<u32> {
        self.config.checkpoint_every.map(|rounds| rounds as u32)
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
        let &Config { drop_rate, over_select, deadline, .. } = &self.config;
        Attendance { drop_rate, over_select, deadline }
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

    /// Where updates are summed. Without rounds every update travels.
    pub fn reduce(&self) -> Reduce {
        match self.config.mode {
            Mode::Sync => self.config.reduce,
            Mode::Async => Reduce::Server,
        }
    }

    /// Whether the model moves in rounds or as updates arrive.
    pub fn mode(&self) -> Mode {
        self.config.mode
    }

    /// Virtual time of trainings.
    pub fn delay(&self) -> &Delay {
        &self.delay
    }

    /// What the order of arrivals follows.
    pub fn clock(&self) -> Clock {
        self.config.clock
    }

    /// How long a worker sleeps to make a delay real.
    pub fn nap(&self, client: ClientId, task: Round) -> Option<Duration> {
        let seconds = || self.delay.seconds(self.seed(), client, task, self.samples(client));
        let asleep = self.config.sleep_delays && self.config.mode == Mode::Async;
        asleep.then(|| Duration::from_secs_f64(seconds().min(1e6)))
    }

    /// Who trains when, without rounds.
    pub fn chooser(&self) -> Chooser {
        let config = &self.config;
        let refill = match config.scheduler_interval {
            0 => Refill::Keep(config.concurrency as usize),
            interval => {
                Refill::Every { interval: interval as u32, schedule: config.async_schedule, share: config.c_ratio }
            }
        };
        let checkin = Checkin { number: config.checkin_num as usize, interval: config.checkin_interval as u32 };
        Chooser::new(self.seed(), self.clients(), refill, checkin)
    }

    /// How updates move the model, without rounds.
    pub fn arrivals(&self) -> Box<dyn Arrivals> {
        let config = &self.config;
        let settings = arrivals::Settings {
            alpha: config.alpha,
            staleness: staleness(config),
            buffer: config.buffer_size as usize,
            server_lr: config.server_lr,
            concurrency: config.concurrency as usize,
            fraction: config.semi_fraction,
            deadline: config.deadline,
        };
        let entry = find("aggregator", ARRIVALS, aggregator_name(config)).expect("the plan was checked");
        (entry.build)(&settings)
    }

    /// What an update counts that is so many versions old; none when it is dropped.
    pub fn stale_weight(&self, old: u32) -> Option<f64> {
        let config = &self.config;
        match config.max_staleness {
            Some(most) if i64::from(old) > most => Some(config.stale_weight).filter(|weight| *weight > 0.0),
            _ => Some(staleness(config).weight(old)),
        }
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

fn aggregator_name(config: &Config) -> &str {
    config.aggregator.as_deref().unwrap_or(match config.mode {
        Mode::Sync => "fedavg",
        Mode::Async => "fedasync",
    })
}

fn staleness(config: &Config) -> Staleness {
    let (a, b) = (config.staleness_a, config.staleness_b);
    match config.staleness {
        StalenessKind::Constant => Staleness::Constant,
        StalenessKind::Polynomial => Staleness::Polynomial { a },
        StalenessKind::Hinge => Staleness::Hinge { a, b },
    }
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
    let resume = config.resume.as_ref().map_or(String::new(), |folder| folder.display().to_string());
    require("resume", resume, config.resume.is_none(), "asynchronous runs cannot go on (hint: start anew)")?;
    let (most, clients) = (config.concurrency, config.client_num_in_total);
    let hint = format!("there are {clients} clients in total (hint: lower --concurrency)");
    require("concurrency", most, most <= clients, &hint)?;
    let buffered = ["fedbuff", "fedavg_async"].contains(&aggregator_name(config)) && config.scheduler_interval == 0;
    let hint = format!("only {most} clients train at once (hint: lower --buffer_size or raise --concurrency)");
    require("buffer_size", config.buffer_size, !buffered || config.buffer_size <= most, &hint)
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
        ("concurrency", config.concurrency),
        ("buffer_size", config.buffer_size),
        ("checkin_interval", config.checkin_interval),
        ("keep_checkpoints", config.keep_checkpoints),
    ];
    for (name, value) in counts {
        require(name, value, (1..=most).contains(&value), "it must be a whole number from 1 up")?;
    }
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
