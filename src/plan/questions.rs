//! What the stages ask a plan.

use super::{Homes, Plan};
use crate::aggregate::arrivals::{self, Arrivals};
use crate::config::{Config, Evaluator, Mode};
use crate::data::FeatureNoise;
use crate::delay::Delay;
use crate::ids::{ClientId, Round};
use crate::message::Reduce;
use crate::metrics::{Metrics, Target};
use crate::part::PartError;
use crate::schedule::{self, Checkin, Chooser, Clock, DispatchMode, Refill, Scheduler, Slowdown};
use crate::seed::Seed;
use crate::select::{self, Attendance, SelectError, Selector};
use crate::staleness::{self, Staleness};
use crate::train::{Length, Limit, Workload};
use crate::weights::{LARGE, Layout};
use std::time::Duration;

impl Plan {
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

    /// What a client does in a round.
    pub fn workload(&self) -> Workload {
        workload(&self.config)
    }

    /// The noise on a client's inputs, if there is any.
    pub fn feature_noise(&self, client: ClientId) -> Option<FeatureNoise> {
        FeatureNoise::of(self.seed(), client, self.clients(), self.config.feature_noise)
    }

    /// How large gradients may be.
    pub fn limit(&self) -> Limit {
        match (self.config.max_grad_norm, self.config.max_grad_value) {
            (Some(norm), _) => Limit::Norm(norm),
            (None, Some(value)) => Limit::Value(value),
            (None, None) => Limit::None,
        }
    }

    /// Samples per step for a client that has `samples`.
    pub fn batch(&self, samples: usize) -> usize {
        batch(&self.config, samples)
    }

    /// Whether the model is evaluated after `round`.
    pub fn evaluates_after(&self, round: Round) -> bool {
        let done = i64::from(round.0) + 1;
        let &Config {
            frequency_of_the_test: every,
            first_test,
            comm_round,
            ..
        } = &self.config;
        let past = done - first_test.unwrap_or(every);
        (past >= 0 && past % every == 0) || done == comm_round || self.spent(round.0 + 1).is_some()
    }

    /// Whether the evaluation after `round` may go on while the next one is trained: nothing waits
    /// for what it says, and the server can do it alone, on a core of its own.
    pub fn evaluates_meanwhile(&self, round: Round) -> bool {
        let waits =
            self.target().is_some() || self.config.fall_back || self.config.evaluate_training;
        let is_last = self.is_over(round.0 + 1, None);
        let is_able = self.evaluator() == Evaluator::Server && !self.crowded;
        self.evaluates_after(round) && is_able && !waits && !is_last
    }

    /// Test samples to evaluate on.
    pub fn test_samples(&self) -> usize {
        let all = self.dataset.test.len();
        if self.config.ci == 1 {
            all.min(1000)
        } else {
            all
        }
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

    /// The same plan for who trains it again in part: it is left after so many rounds, each of
    /// which is as in the whole.
    pub fn up_to(self, rounds: u32) -> Plan {
        Plan {
            last: Some(rounds),
            ..self
        }
    }

    /// The same plan for a server that shares its core with workers: what it does while they train
    /// would hold them up.
    pub fn crowded(self) -> Plan {
        Plan {
            crowded: true,
            ..self
        }
    }

    /// The same plan for ranks that are threads of one process: workers of a large model have no
    /// sums, but add what each client changes to the server's. For a small one it takes longer to
    /// tell the server of each client.
    pub fn in_one_process(mut self, model: &Layout) -> Plan {
        let is_large = model.length() > LARGE;
        if is_large && self.reduce() == Reduce::Worker && self.needs_only_sums() {
            self.config.reduce = Reduce::Server;
        }
        self
    }

    /// The privacy budget that leaves no room for another round after so many.
    fn spent(&self, rounds: u32) -> Option<f64> {
        let privacy = self.privacy.as_ref()?;
        privacy
            .budget
            .filter(|_| privacy.affordable <= Some(rounds))
    }

    /// Whether nothing is left to do after so many rounds.
    pub fn is_over(&self, rounds: u32, test: Option<&Metrics>) -> bool {
        let last = self.last.unwrap_or_else(|| self.rounds());
        rounds >= last || self.spent(rounds).is_some() || self.reached(test)
    }

    /// Why a run ends after so many rounds.
    pub fn why_at_end(&self, rounds: u32, test: Option<&Metrics>) -> String {
        let planned = self.rounds();
        match (self.target(), self.spent(rounds)) {
            (Some(target), _) if self.reached(test) => format!("the target {target} is reached"),
            (_, Some(budget)) if rounds < planned => {
                format!("the privacy budget of epsilon {budget} is spent")
            }
            _ if rounds < planned => format!("the program wanted no more of its {planned} rounds"),
            _ if planned == 1 => "its only round is done".to_owned(),
            _ => format!("all {planned} rounds are done"),
        }
    }

    /// Stage 3's choice.
    ///
    /// # Errors
    /// When its file has changed since the plan was made.
    pub fn selector(&self) -> Result<Box<dyn Selector>, SelectError> {
        select::make(&self.config.client_selection, selection(&self.config), self.list.as_ref())
    }

    /// Who of a cohort turns up.
    pub fn attendance(&self) -> Attendance {
        attendance(&self.config)
    }

    /// Stage 4's choice.
    pub fn scheduler(&self) -> Box<dyn Scheduler> {
        scheduler(&self.config)
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

    /// Whether a round needs no more of its clients' changes than their sum.
    pub fn needs_only_sums(&self) -> bool {
        self.mode() == Mode::Sync && self.method.combine.is_none()
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
        let is_real = self.config.mode == Mode::Async && self.config.clock == Clock::Real;
        if !self.config.sleep_delays || !is_real {
            return None;
        }
        let samples = self.samples(client);
        let seconds = self.delay.seconds(self.seed(), client, task, samples);
        Some(Duration::from_secs_f64(seconds.min(1e6)))
    }

    /// Who trains when, without rounds.
    ///
    /// # Errors
    /// As [`Plan::selector`].
    pub fn chooser(&self) -> Result<Chooser, SelectError> {
        let config = &self.config;
        let refill = match config.scheduler_interval {
            0 => Refill::Keep(config.concurrency as usize),
            interval => Refill::Every {
                interval: interval as u32,
                share: config.c_ratio,
            },
        };
        let checkin = Checkin {
            number: config.checkin_num as usize,
            interval: config.checkin_interval as u32,
        };
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
            Some(most) if i64::from(old) > most => {
                Some(config.stale_weight).filter(|weight| *weight > 0.0)
            }
            _ => Some(staleness(config).expect("the plan was checked").weight(old)),
        }
    }

    /// What the learning rate is multiplied with in a round; without rounds, for who starts from
    /// the model after so many moves.
    pub fn rate(&self, round: Round) -> f64 {
        self.method.rate.at(round, self.rounds())
    }
}

/// The scheduler of a config that was checked.
pub fn scheduler(config: &Config) -> Box<dyn Scheduler> {
    // One each: no scheduler may put two clients on a worker.
    let choice = match config.dispatch {
        DispatchMode::OnePerWorker => schedule::DEALING.into(),
        DispatchMode::Planned | DispatchMode::Pull => config.scheduler.clone(),
    };
    (schedule::KIND
        .look_up(&choice)
        .expect("the plan was checked")
        .0
        .build)()
}

/// What a client does in a round.
pub fn workload(config: &Config) -> Workload {
    let epochs = Length::Epochs(config.epochs as u64);
    let length = config
        .local_steps
        .map_or(epochs, |steps| Length::Steps(steps as u64));
    Workload {
        length,
        accumulate: config.accumulate as u64,
    }
}

/// Samples per step's batch for a client that has `samples`.
fn batch(config: &Config, samples: usize) -> usize {
    match usize::try_from(config.batch_size) {
        Ok(size) if size > 0 => size.min(samples),
        _ => samples,
    }
}

/// How many samples a training passes, of a client that has so many.
pub fn passed(config: &Config) -> impl Fn(u64) -> u64 + Send + Sync + 'static {
    let config = config.clone();
    move |samples| workload(&config).samples(samples, batch(&config, samples as usize) as u64)
}

/// The rule for arrivals of a config.
pub fn arrivals(config: &Config) -> Result<Box<dyn Arrivals>, PartError> {
    let facts = arrivals::Facts {
        staleness: staleness(config)?,
        concurrency: config.concurrency as usize,
        deadline: config.deadline,
    };
    arrivals::make(
        &config
            .aggregator
            .clone()
            .unwrap_or_else(|| arrivals::PLAIN.into()),
        &facts,
    )
}

fn staleness(config: &Config) -> Result<Staleness, PartError> {
    staleness::KIND
        .look_up(&config.staleness)
        .map(|(entry, values)| (entry.build)(&values))
}

/// What selectors may depend on.
pub fn selection(config: &Config) -> select::Facts {
    let clients = config.client_num_in_total as usize;
    let wanted = attendance(config).invited(config.client_num_per_round as usize, clients);
    select::Facts { clients, wanted }
}

fn attendance(config: &Config) -> Attendance {
    let &Config {
        drop_rate,
        over_select,
        deadline,
        ..
    } = config;
    Attendance {
        drop_rate,
        over_select,
        deadline,
    }
}
