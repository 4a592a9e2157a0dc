//! The plan: a config whose every value was checked, together with the data and its partition. Every
//! rank resolves the same plan.

mod check;
mod data;
mod digest;
mod homes;
mod notes;

use crate::aggregate::arrivals::{self, Arrivals};
use crate::aggregate::combine::{self, Combine};
use crate::aggregate::step::{self, ServerStep};
use crate::algorithm::{self, Algorithm};
use crate::config::{Config, Evaluator, Mode};
use crate::data::{Dataset, Train};
use crate::delay::Delay;
use crate::files;
use crate::ids::{ClientId, Rank, Round};
use crate::message::Reduce;
use crate::metrics::{Metrics, Target};
use crate::part::{Choice, PartError};
use crate::partition::{Partition, PartitionError};
use crate::schedule::{self, Checkin, Chooser, Clock, DispatchMode, Refill, Scheduler, Slowdown};
use crate::seed::Seed;
use crate::select::{self, Attendance, SelectError, Selector};
use crate::staleness::{self, Staleness};
use crate::train::schedule::{self as rates, Rate};
use crate::update::Updates;
use check::require;
use data::{divide, meant};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use check::{PlanError, flag_name};
pub use digest::{differences, settings_in};
pub use homes::{Holding, Home, Homes, HomesError, expand, housemates, shares};

/// A run, resolved and trusted.
#[derive(Clone)]
pub struct Plan {
    /// What was asked for.
    pub config: Config,
    /// Samples of all clients.
    pub dataset: Arc<Dataset>,
    /// Who owns which.
    pub partition: Arc<Partition>,
    // Where clients live, unless everywhere.
    homes: Option<Arc<Homes>>,
    /// How rounds move the model.
    pub method: Method,
    delay: Delay,
    // Of the data and its partition, which never change: hashing them takes long.
    pub(super) fingerprint: String,
}

impl fmt::Debug for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plan").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The parts that rounds are made of. They remember nothing themselves, so all who train share them.
#[derive(Clone)]
pub struct Method {
    /// What clients do beside plain steps, and what the server does with it.
    pub algorithm: Arc<dyn Algorithm>,
    /// How the model moves along a change.
    pub server_step: Arc<dyn ServerStep>,
    /// How changes become one; none is their mean.
    pub combine: Option<Arc<dyn Combine>>,
    /// What becomes of a change on its way.
    pub updates: Updates,
    /// What the learning rate is multiplied with in a round.
    pub rate: Rate,
}

impl Method {
    fn make(config: &Config) -> Result<Method, PlanError> {
        let or = |choice: &Option<Choice>, plain: &str| choice.clone().unwrap_or_else(|| plain.into());
        Ok(Method {
            algorithm: algorithm::make(&or(&config.algorithm, algorithm::PLAIN))?,
            server_step: step::make(&or(&config.server_step, step::PLAIN))?,
            combine: combine::make(&or(&config.combine, combine::PLAIN))?,
            updates: Updates::make(&config.update)?,
            rate: rates::make(&config.lr_schedule)?,
        })
    }
}

impl Plan {
    /// Checks the config alone: fast, reads no data.
    ///
    /// # Errors
    /// The first value that is out of range or names nothing.
    pub fn check(config: &Config) -> Result<(), PlanError> {
        check::all(&config.clone().completed()?)
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
        let config = data::counted(config, &dataset)?;
        Plan::check(&config)?;
        let mut config = config.completed()?;
        if config.partition_load.is_none() {
            config.partition_method = meant(&config, &dataset)?;
        }
        let partition = match &config.partition_load {
            Some(_) if matches!(dataset.train, Train::Generated(_)) => {
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
        let config = config.completed()?;
        let method = Method::make(&config)?;
        if let Some(target) = config.target.as_deref().and_then(|text| Target::parse(text).ok()) {
            let known = dataset.facts.task.metrics();
            let reason = format!("the task's metrics are {}", known.join(", "));
            require("target", target.name(), known.contains(&target.name()), &reason)?;
        }
        let delay = Delay::make(&config.delay, config.client_num_in_total as usize)?.of_epochs(config.epochs as usize);
        // What files say that the config only names.
        let list = config.client_selection.values.get("selection_file").and_then(|path| path.as_str());
        let listed = list.and_then(|path| files::bytes(Path::new(path)).ok()).unwrap_or_default();
        let files = blake3::hash(format!("{:?} {listed:?}", delay.contents()).as_bytes()).to_hex();
        let fingerprint = format!("{fingerprint} {files}");
        let (dataset, partition, homes) = (Arc::new(dataset), Arc::new(partition), homes.map(Arc::new));
        Ok(Plan { config, dataset, partition, homes, method, delay, fingerprint })
    }

    /// The same plan with a server step of the caller's own; every rank must have it.
    ///
    /// # Errors
    /// Without rounds.
    pub fn with_server_step(mut self, name: &str, step: Arc<dyn ServerStep>) -> Result<Plan, PlanError> {
        let rounds = self.config.mode == Mode::Sync;
        require("mode", "async", rounds, "a server step of the caller's own is for rounds")?;
        self.config.server_step = Some(name.into());
        self.method.server_step = step;
        Ok(self)
    }

    /// The same plan with an algorithm of the caller's own; every rank must have it.
    ///
    /// # Errors
    /// Without rounds.
    pub fn with_algorithm(mut self, name: &str, algorithm: Arc<dyn Algorithm>) -> Result<Plan, PlanError> {
        let rounds = self.config.mode == Mode::Sync;
        require("mode", "async", rounds, "an algorithm of the caller's own is for rounds")?;
        self.config.algorithm = Some(name.into());
        self.method.algorithm = algorithm;
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
        self.config.round_timeout.map(Duration::from_secs_f64)
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
        let &Config { frequency_of_the_test: every, first_test, comm_round, .. } = &self.config;
        let past = done - first_test.unwrap_or(every);
        (past >= 0 && past % every == 0) || done == comm_round
    }

    /// Test samples to evaluate on.
    pub fn test_samples(&self) -> usize {
        let all = self.dataset.test.len();
        if self.config.ci == 1 { all.min(1000) } else { all }
    }

    /// What the test metrics are to reach, if anything.
    pub fn target(&self) -> Option<Target> {
        let accuracy = self.config.target_accuracy.map(Target::accuracy);
        accuracy.or_else(|| Target::parse(self.config.target.as_deref()?).ok())
    }

    /// Whether what was wished for is there.
    pub fn reached(&self, test: Option<&Metrics>) -> bool {
        test.is_some_and(|test| self.target().is_some_and(|target| target.is_reached(test)))
    }

    /// Why a run ends after so many rounds.
    pub fn why_at_end(&self, rounds: u32, test: Option<&Metrics>) -> String {
        let planned = self.rounds();
        match self.target() {
            Some(target) if self.reached(test) => format!("the target {target} is reached"),
            _ if rounds < planned => format!("the program wanted no more of its {planned} rounds"),
            _ => format!("all {planned} rounds are done"),
        }
    }

    /// Stage 3's choice.
    ///
    /// # Errors
    /// When its file has changed since the plan was made.
    pub fn selector(&self) -> Result<Box<dyn Selector>, SelectError> {
        select::make(&self.config.client_selection, selection(&self.config))
    }

    /// Who of a cohort turns up.
    pub fn attendance(&self) -> Attendance {
        attendance(&self.config)
    }

    /// Stage 4's choice.
    pub fn scheduler(&self) -> Box<dyn Scheduler> {
        // One each: no scheduler may put two clients on a worker.
        let choice = match self.config.dispatch {
            DispatchMode::OnePerWorker => schedule::DEALING.into(),
            DispatchMode::Planned | DispatchMode::Pull => self.config.scheduler.clone(),
        };
        (schedule::KIND.look_up(&choice).expect("the plan was checked").0.build)()
    }

    /// How clients reach workers.
    pub fn dispatch(&self) -> DispatchMode {
        self.config.dispatch
    }

    /// How much slower than they are workers shall seem.
    pub fn slowdown(&self) -> Slowdown {
        self.config.worker_slowdown.clone().unwrap_or_default()
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
        arrivals(&self.config).expect("the plan was checked")
    }

    /// What an update counts that is so many versions old; none when it is dropped.
    pub fn stale_weight(&self, old: u32) -> Option<f64> {
        let config = &self.config;
        match config.max_staleness {
            Some(most) if i64::from(old) > most => Some(config.stale_weight).filter(|weight| *weight > 0.0),
            _ => Some(staleness(config).expect("the plan was checked").weight(old)),
        }
    }

    /// What the learning rate is multiplied with in a round; without rounds it stays.
    pub fn rate(&self, round: Round) -> f64 {
        match self.config.mode {
            Mode::Sync => (self.method.rate)(round, self.rounds()),
            Mode::Async => 1.0,
        }
    }
}

/// The rule for arrivals of a config.
pub fn arrivals(config: &Config) -> Result<Box<dyn Arrivals>, PartError> {
    let facts = arrivals::Facts {
        staleness: staleness(config)?,
        concurrency: config.concurrency as usize,
        deadline: config.deadline,
    };
    arrivals::make(&config.aggregator.clone().unwrap_or_else(|| arrivals::PLAIN.into()), &facts)
}

fn staleness(config: &Config) -> Result<Staleness, PartError> {
    staleness::KIND.look_up(&config.staleness).map(|(entry, values)| (entry.build)(&values))
}

/// What selectors may depend on.
pub fn selection(config: &Config) -> select::Facts {
    let clients = config.client_num_in_total as usize;
    let wanted = attendance(config).invited(config.client_num_per_round as usize, clients);
    select::Facts { clients, wanted }
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
        let spelled = Config { client_optimizer: "SGD:lr=0.03".into(), ..Config::default() };
        assert_eq!(plan.digest(), Plan::resolve(spelled).expect("sound").digest());
        let other = Config { client_optimizer: "sgd:lr=0.04".into(), ..Config::default() };
        assert_ne!(plan.digest(), Plan::resolve(other).expect("sound").digest());
    }

    #[test]
    fn what_stands_for_another_is_resolved() {
        let plan = Plan::resolve(Config::default()).expect("defaults are sound");
        assert_eq!(plan.config.partition_method.to_string(), "natural");
        let said = Plan::resolve(Config { partition_method: "natural".into(), ..Config::default() }).expect("sound");
        assert_eq!(said.digest(), plan.digest());
        let written = plan.config.portable().expect("plain data");
        assert!(written.contains("partition_method: natural\n") && !written.contains("null"), "{written}");
    }

    #[test]
    fn batches_and_evaluations_follow_the_config() {
        let config = Config { batch_size: -1, frequency_of_the_test: 4, comm_round: 10, ..Config::default() };
        let plan = Plan::resolve(config).expect("sound");
        assert_eq!(plan.batch(37), 37);
        let evaluated: Vec<u32> = (0..10).filter(|&round| plan.evaluates_after(Round(round))).collect();
        assert_eq!(evaluated, [3, 7, 9]);
        let config = Config { frequency_of_the_test: 4, first_test: Some(1), comm_round: 10, ..Config::default() };
        let plan = Plan::resolve(config).expect("sound");
        let evaluated: Vec<u32> = (0..10).filter(|&round| plan.evaluates_after(Round(round))).collect();
        assert_eq!(evaluated, [0, 4, 8, 9]);
    }
}
