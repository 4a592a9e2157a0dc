//! The plan: a config whose every value was checked, together with the data and its partition.
//! Every rank resolves the same plan.

mod check;
mod data;
mod digest;
mod homes;
mod method;
mod mix;
mod notes;
mod privacy;
mod questions;

use crate::aggregate::step::ServerStep;
use crate::algorithm::Algorithm;
use crate::config::{Config, Mode};
use crate::data::Dataset;
use crate::delay::Delay;
use crate::ids::Rank;
use crate::partition::Partition;
use crate::privacy::Privacy;
use crate::select::List;
use check::require;
use data::{check_data, divide, loaded, meant};
use digest::of_files;
use std::fmt;
use std::sync::Arc;

pub use check::{PlanError, flag_name};
pub use digest::{OTHER_DATA, differences, follows_length, settings_in};
pub use homes::{Holding, Home, Homes, HomesError, expand, housemates, shares};
pub use method::Method;
pub use questions::{arrivals, passed, scheduler, selection};

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
    /// What is promised of privacy, if anything is.
    pub privacy: Option<Privacy>,
    delay: Delay,
    // What the selector reads.
    list: Option<List>,
    // Where who trains some of the rounds only leaves it.
    last: Option<u32>,
    // Whether the server has no core of its own.
    crowded: bool,
    // Of the data and its partition, which never change: hashing them takes long.
    pub(super) fingerprint: String,
}

impl fmt::Debug for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plan")
            .field("config", &self.config)
            .finish_non_exhaustive()
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
            Some(path) => loaded(&config, path, &dataset)?,
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
        let mut config = config.completed()?;
        check_data(&config, &dataset, &partition)?;
        let method = Method::make(&config)?;
        let privacy = privacy::promised(&mut config, partition.clients())?;
        let delay = Delay::make(&config.delay, config.client_num_in_total as usize)?
            .passing(passed(&config));
        let list = List::of(&config.client_selection)?;
        let files = of_files(&config, &method, &delay, list.as_ref())?;
        let fingerprint = format!("{fingerprint} {files}");
        let (dataset, partition, homes) =
            (Arc::new(dataset), Arc::new(partition), homes.map(Arc::new));
        Ok(Plan {
            config,
            dataset,
            partition,
            homes,
            method,
            privacy,
            delay,
            list,
            last: None,
            crowded: false,
            fingerprint,
        })
    }

    /// The same plan with a server step of the caller's own; every rank must have it.
    ///
    /// # Errors
    /// Without rounds.
    pub fn with_server_step(
        mut self,
        name: &str,
        step: Arc<dyn ServerStep>,
    ) -> Result<Plan, PlanError> {
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
    pub fn with_algorithm(
        mut self,
        name: &str,
        algorithm: Arc<dyn Algorithm>,
    ) -> Result<Plan, PlanError> {
        let rounds = self.config.mode == Mode::Sync;
        require("mode", "async", rounds, "an algorithm of the caller's own is for rounds")?;
        let covered = self.privacy.is_none() || privacy::is_covered(algorithm.as_ref());
        require("algorithm", name, covered, privacy::UNCOVERED)?;
        self.config.algorithm = Some(name.into());
        self.method.algorithm = algorithm;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientId, Round};
    use crate::seed::Purpose;
    use crate::select::{Members, Pool};

    #[test]
    fn defaults_make_a_plan_and_ranks_agree_on_it() {
        let plan = Plan::resolve(Config::default()).expect("defaults are sound");
        assert_eq!((plan.clients(), plan.cohort_size(), plan.rounds()), (100, 10, 10));
        let elsewhere = Config {
            data_dir: "/elsewhere".into(),
            verbose: 2,
            ..Config::default()
        };
        assert_eq!(plan.digest(), Plan::resolve(elsewhere).expect("sound").digest());
        let spelled = Config {
            client_optimizer: "SGD:lr=0.03".into(),
            ..Config::default()
        };
        assert_eq!(plan.digest(), Plan::resolve(spelled).expect("sound").digest());
        let other = Config {
            client_optimizer: "sgd:lr=0.04".into(),
            ..Config::default()
        };
        assert_ne!(plan.digest(), Plan::resolve(other).expect("sound").digest());
    }

    #[test]
    fn what_stands_for_another_is_resolved() {
        let plan = Plan::resolve(Config::default()).expect("defaults are sound");
        assert_eq!(plan.config.partition_method.to_string(), "natural");
        let said = Plan::resolve(Config {
            partition_method: "natural".into(),
            ..Config::default()
        })
        .expect("sound");
        assert_eq!(said.digest(), plan.digest());
        let written = plan.config.portable().expect("plain data");
        assert!(
            written.contains("partition_method: natural\n") && !written.contains("null"),
            "{written}"
        );
    }

    #[test]
    fn batches_and_evaluations_follow_the_config() {
        let config = Config {
            batch_size: -1,
            frequency_of_the_test: 4,
            comm_round: 10,
            ..Config::default()
        };
        let plan = Plan::resolve(config).expect("sound");
        assert_eq!(plan.batch(37), 37);
        let evaluated: Vec<u32> = (0..10)
            .filter(|&round| plan.evaluates_after(Round(round)))
            .collect();
        assert_eq!(evaluated, [3, 7, 9]);
        let config = Config {
            frequency_of_the_test: 4,
            first_test: Some(1),
            comm_round: 10,
            ..Config::default()
        };
        let plan = Plan::resolve(config).expect("sound");
        let evaluated: Vec<u32> = (0..10)
            .filter(|&round| plan.evaluates_after(Round(round)))
            .collect();
        assert_eq!(evaluated, [0, 4, 8, 9]);
    }

    #[test]
    fn files_decide_by_what_they_said_when_the_plan_was_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let [cohorts, stale] = ["cohorts.txt", "stale.txt"].map(|name| folder.path().join(name));
        let write = |cohort: &str, seconds: &str| {
            std::fs::write(&cohorts, cohort).expect("writable");
            std::fs::write(&stale, seconds).expect("writable");
        };
        let config = || Config {
            client_num_in_total: 3,
            client_num_per_round: 1,
            client_selection: format!("fixed:selection_file={}", cohorts.display())
                .as_str()
                .into(),
            delay: format!("file:{}", stale.display()).as_str().into(),
            ..Config::default()
        };
        write("2\n", "1\n2\n3\n");
        let plan = Plan::resolve(config()).expect("sound");
        write("0\n", "7\n7\n7\n");
        let mut selector = plan.selector().expect("read already");
        let pool = Pool {
            members: Members::All(3),
            samples: &|_| 1,
        };
        let mut stream = plan.seed().stream(Purpose::Select);
        assert_eq!(selector.select(Round(0), &pool, 1, &mut stream), [ClientId(2)]);
        assert_eq!(plan.delay().seconds(plan.seed(), ClientId(2), Round(0), 1), 3.0);
        let differs = differences(
            &Plan::resolve(config()).expect("sound").lasting_text(),
            &plan.lasting_text(),
        );
        assert!(differs.contains("what a file of delays, cohorts or rates says"), "{differs}");
    }
}
