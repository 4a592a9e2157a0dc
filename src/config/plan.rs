//! The plan: a config whose every value was checked, together with the data and its partition. Every
//! rank resolves the same plan.

use super::check::{self, PlanError, check_reduce, require};
use super::data::divide;
use super::{Config, Evaluator, Homes, Mode};
use crate::aggregate::arrivals::{self, ARRIVALS, Arrivals};
use crate::aggregate::{self, AGGREGATORS, Aggregator};
use crate::data::Dataset;
use crate::delay::Delay;
use crate::ids::{ClientId, Rank, Round};
use crate::message::Reduce;
use crate::metrics::Metrics;
use crate::partition::{Partition, PartitionError};
use crate::registry::{Entry, find};
use crate::schedule::{Checkin, Chooser, Clock, DispatchMode, Refill, SCHEDULERS, Scheduler, Slowdown};
use crate::seed::Seed;
use crate::select::{self, Attendance, SELECTORS, SelectError, Selector};
use crate::staleness::{Staleness, StalenessKind};
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
    // Where clients live, unless everywhere.
    homes: Option<Arc<Homes>>,
    aggregator: Entry<aggregate::Build>,
    delay: Delay,
    // Of the data and its partition, which never change: hashing them takes long.
    pub(super) fingerprint: String,
}

impl Plan {
    /// Checks the config alone: fast, reads no data.
    ///
    /// # Errors
    /// The first value that is out of range or names nothing.
    pub fn check(config: &Config) -> Result<(), PlanError> {
        check::all(config)
    }

    /// Reads the data of a config and divides it.
    ///
    /// # Errors
    /// As [`Plan::check`]; data that cannot be read or divided.
    pub fn resolve(config: Config) -> Result<Plan, PlanError> {
        let dataset = Plan::read(&config)?;
        Plan::new(config, dataset)
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
        let fingerprint = format!("{} {}", dataset.digest(), partition.digest());
        Plan::over(config, dataset, partition, None, fingerprint)
    }

    /// The plan of a rank that holds some of the clients: `partition` divides its own `dataset`.
    ///
    /// # Errors
    /// As [`Plan::check`].
    pub fn at_home(
        config: Config,
        dataset: Dataset,
        partition: Partition,
        homes: Homes,
        rank: Rank,
    ) -> Result<Plan, PlanError> {
        Plan::check(&config)?;
        let partition = partition.among(homes.first_of(rank), homes.counts().to_vec());
        let fingerprint = homes.digest();
        Plan::over(config, dataset, partition, Some(homes), fingerprint)
    }

    fn over(
        config: Config,
        dataset: Dataset,
        partition: Partition,
        homes: Option<Homes>,
        fingerprint: String,
    ) -> Result<Plan, PlanError> {
        let countable = dataset.train.count() <= u32::MAX as usize;
        let hint = "they own more samples than can be counted";
        require("client_num_in_total", partition.clients(), countable, hint)?;
        let aggregator = match config.mode {
            Mode::Sync => *find("aggregator", AGGREGATORS, config.aggregator_name())?,
            Mode::Async => AGGREGATORS[0],
        };
        let delay = Delay::parse(&config.delay, config.client_num_in_total as usize)?;
        // What files say that the config only names.
        let list = config.selection_file.as_ref().filter(|_| config.reads_selection_file());
        let listed = list.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let files = blake3::hash(format!("{delay:?} {listed:?}").as_bytes()).to_hex();
        let fingerprint = format!("{fingerprint} {files}");
        let (dataset, partition, homes) = (Arc::new(dataset), Arc::new(partition), homes.map(Arc::new));
        Ok(Plan { config, dataset, partition, homes, aggregator, delay, fingerprint })
    }

    /// The same plan with an aggregator of the caller's own; every rank must have it.
    ///
    /// # Errors
    /// When updates are to be summed on their way and the aggregator must see each; without rounds.
    pub fn with_aggregator(mut self, aggregator: Entry<aggregate::Build>) -> Result<Plan, PlanError> {
        let rounds = self.config.mode == Mode::Sync;
        require("mode", "async", rounds, "an aggregator of the caller's own is for rounds")?;
        self.config.aggregator = Some(aggregator.name.to_owned());
        self.aggregator = aggregator;
        check_reduce(&aggregator, self.config.reduce)?;
        Ok(self)
    }

    /// Where clients live, when their data does not leave its machine.
    pub fn homes(&self) -> Option<&Homes> {
        self.homes.as_deref()
    }

    /// Who evaluates the model.
    pub fn evaluator(&self) -> Evaluator {
        self.config.evaluate
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
        attendance(&self.config)
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
        let real = self.config.mode == Mode::Async && self.config.clock == Clock::Real;
        let asleep = self.config.sleep_delays && real;
        asleep.then(|| Duration::from_secs_f64(seconds().min(1e6)))
    }

    /// Who trains when, without rounds.
    ///
    /// # Errors
    /// As [`Plan::selector`].
    pub fn chooser(&self) -> Result<Chooser, SelectError> {
        let config = &self.config;
        let refill = match config.scheduler_interval {
            0 => Refill::Keep(config.concurrency as usize),
            interval => Refill::Every { interval: interval as u32, share: config.c_ratio },
        };
        let checkin = Checkin { number: config.checkin_num as usize, interval: config.checkin_interval as u32 };
        Ok(Chooser::new(self.seed(), self.clients(), self.selector()?, refill, checkin))
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
        let entry = find("aggregator", ARRIVALS, config.aggregator_name()).expect("the plan was checked");
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

fn staleness(config: &Config) -> Staleness {
    let (a, b) = (config.staleness_a, config.staleness_b);
    match config.staleness {
        StalenessKind::Constant => Staleness::Constant,
        StalenessKind::Polynomial => Staleness::Polynomial { a },
        StalenessKind::Hinge => Staleness::Hinge { a, b },
    }
}

/// What selectors may depend on.
pub fn selection(config: &Config) -> select::Settings<'_> {
    let clients = config.client_num_in_total as usize;
    let wanted = attendance(config).invited(config.client_num_per_round as usize, clients);
    select::Settings { clients, wanted, file: config.selection_file.as_deref() }
}

fn attendance(config: &Config) -> Attendance {
    let &Config { drop_rate, over_select, deadline, .. } = config;
    Attendance { drop_rate, over_select, deadline }
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
    fn batches_and_evaluations_follow_the_config() {
        let config = Config { batch_size: -1, frequency_of_the_test: 4, comm_round: 10, ..Config::default() };
        let plan = Plan::resolve(config).expect("sound");
        assert_eq!(plan.batch(37), 37);
        let evaluated: Vec<u32> = (0..10).filter(|&round| plan.evaluates_after(Round(round))).collect();
        assert_eq!(evaluated, [3, 7, 9]);
    }
}
