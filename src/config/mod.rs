//! Stage 1, config: what did the user ask for? [`Config`] is what was written, from flags, `--set`,
//! a `--cf` file and defaults, in this order of precedence. [`Plan`](crate::plan::Plan) is
//! resolved, checked and trusted.

mod choose;
mod document;
mod foreign;
mod kinds;
mod origin;
mod portable;
mod resolve;
mod seed_scripts;
mod settings;
mod unusual;
mod ways;
mod written;

use crate::aggregate::{arrivals, preset};
use std::path::PathBuf;

pub use choose::PartFlags;
pub use foreign::{Row, Translation, keys, systems};
#[cfg(all(feature = "mpi", feature = "torch"))]
pub(crate) use foreign::{commented, wrapped};
pub use kinds::KINDS;
pub(crate) use kinds::{is_setting, near};
pub use origin::Traced;
pub use portable::without_nulls;
pub use settings::{Config, Flags, NAMES, RANGES};
pub use ways::{Collective, DeviceChoice, Evaluator, Mode, OnNan, Precision, Progress, Residency};
pub use written::Setting;

/// The file of a run's folder that says its config.
pub const RUN_CONFIG: &str = "config.yaml";

/// What the user wrote cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error(
        "cannot read {path}: {reason} (hint: --cf names a YAML file, --resume the folder of a run)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file that says something that is not understood.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What, where, and a hint.
        reason: String,
    },
}

impl Config {
    /// Workers of a job of so many ranks: a program that runs alone has threads for them.
    pub fn workers_of(&self, ranks: usize) -> usize {
        match ranks {
            0 | 1 => self.workers as usize,
            many => many - 1,
        }
    }

    /// The method by its name, for people: the rule for arrivals, or what the three choices are
    /// called together.
    pub fn method(&self) -> String {
        match (self.mode, &self.aggregator) {
            (Mode::Async, Some(rule)) => rule.name.clone(),
            (Mode::Async, None) => arrivals::PLAIN.to_owned(),
            (Mode::Sync, _) => {
                let axes = self.clone().axes().unwrap_or_default();
                preset::name_of(&axes[0], &axes[1], &axes[2])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;
    use std::path::Path;

    fn with_file(text: &str, flags: Flags) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.yaml");
        fs::write(&path, text).expect("writable");
        Config::resolve(&Flags {
            cf: Some(path),
            ..flags
        })
    }

    #[test]
    fn flags_win_over_file_over_defaults() {
        let flags = Flags {
            parts: PartFlags::one("lr", "0.5"),
            ..Flags::default()
        };
        let config =
            with_file("train_args:\n  lr: 0.1\n  epochs: 3\n", flags).expect("well-formed");
        let lr = |config: &Config| config.client_optimizer.values["lr"].as_f64();
        assert_eq!((lr(&config), config.epochs, config.batch_size), (Some(0.5), 3, 10));
    }

    #[test]
    fn a_path_that_is_no_text_loses_no_flag() {
        let data_dir = PathBuf::from(OsString::from_vec(b"d\xff".to_vec()));
        let flags = Flags {
            data_dir: Some(data_dir.clone()),
            epochs: Some(3),
            ..Flags::default()
        };
        let config = Config::resolve(&flags).expect("bytes are a path");
        assert_eq!((&config.data_dir, config.epochs), (&data_dir, 3));
        let again =
            with_file(&serde_yaml::to_string(&config).expect("any bytes"), Flags::default());
        assert_eq!(again.expect("own output"), config);
    }

    #[test]
    fn wrong_values_and_keys_are_named() {
        let wrong = with_file("epochs: many\n", Flags::default())
            .expect_err("a word")
            .to_string();
        assert!(
            wrong.contains("line 1: epochs: it is not a whole number")
                && wrong.contains("run.yaml"),
            "{wrong}"
        );
        let unknown = with_file("epoch: 3\n", Flags::default())
            .expect_err("unknown")
            .to_string();
        assert!(unknown.contains("did you mean `epochs`"), "{unknown}");
        let all = with_file(
            "epoch: 3\nlr: -1\nepochs: 2\ntrain:\nmore:\n  epochs: 3\nlr_: 1\n",
            Flags::default(),
        );
        let all = all.expect_err("four faults").to_string();
        for (line, fault) in [
            (1, "epoch: is no setting"),
            (2, "lr: -1 is not"),
            (6, "epochs: line 3 says 2"),
            (7, "lr_: is"),
        ] {
            assert!(all.contains(&format!("line {line}: {fault}")), "{all}");
        }
        let alias = with_file("seed: 1\nrandom_seed: 2\n", Flags::default())
            .expect_err("unequal")
            .to_string();
        assert!(
            alias.contains("line 2: random_seed: line 1 says 1 for the same, as `seed`"),
            "{alias}"
        );
        assert_eq!(
            with_file("seed: 1\nrandom_seed: 1\n", Flags::default())
                .expect("equal")
                .seed,
            1
        );
        let torn = with_file("a: [1\n", Flags::default())
            .expect_err("torn")
            .to_string();
        assert!(torn.contains("line"), "{torn}");
        let set = Flags {
            set: vec!["epochs=many".to_owned()],
            ..Flags::default()
        };
        let wrong = with_file("lr: 1\n", set).expect_err("a word").to_string();
        assert!(wrong.contains("`epochs`") && wrong.starts_with("--set"), "{wrong}");
    }

    #[test]
    fn single_settings_win_over_the_file_and_lose_to_flags() {
        let set = vec![
            "aggregate.alpha=0.25".to_owned(),
            "epochs=4".to_owned(),
            "lr=9".to_owned(),
        ];
        let flags = Flags {
            set,
            parts: PartFlags::one("lr", "0.5"),
            ..Flags::default()
        };
        let text = "mode: async\naggregate:\n  aggregator: fedasync\n  alpha: 0.1\n";
        let config = with_file(text, flags).expect("well-formed");
        let rule = config.aggregator.expect("chosen");
        assert_eq!((rule.values["alpha"].as_f64(), config.epochs), (Some(0.25), 4));
        assert_eq!(config.client_optimizer.values["lr"].as_f64(), Some(0.5));
        let unknown = Flags {
            set: vec!["aggregate.alfa=1".to_owned()],
            ..Flags::default()
        };
        assert!(
            Config::resolve(&unknown)
                .expect_err("unknown")
                .to_string()
                .contains("did you mean `alpha`")
        );
    }

    #[test]
    fn settings_go_to_the_parts_that_have_them() {
        let resolved = |text: &str| with_file(text, Flags::default());
        let told = |text: &str| resolved(text).expect("well-formed");
        let refused = |text: &str| resolved(text).expect_err("refused").to_string();
        let adam = told(
            "federated_optimizer: FedOpt\nserver_optimizer: adam\nserver_lr: 0.01\nbeta1: 0.8\n",
        );
        let step = adam.server_step.clone().expect("completed");
        assert_eq!((step.name.as_str(), step.values["server_lr"].as_f64()), ("adam", Some(0.01)));
        let spelled = told("server_step: {name: adam, server_lr: 0.01, beta1: 0.8}\n");
        assert_eq!((adam.server_step, adam.algorithm), (spelled.server_step, spelled.algorithm));
        assert_eq!(told("rho: 0.5\n").algorithm, told("algorithm: fedprox:0.5\n").algorithm);
        assert_eq!(told("rho: 0.0\n"), told("aggregator: FedAvg\n"));
        let noted = told(
            "partition_method: homo\npartition_alpha: 0.1\nclient_optimizer: adam\nmomentum: 0.9\n",
        );
        assert_eq!(noted.idle.len(), 2);
        let none = refused("beta1: 0.8\n");
        assert!(none.contains("--beta1 would do nothing: it belongs to adam, yogi"), "{none}");
        assert!(refused("aggregator: fedadam:lrr=1\n").contains("`lrr`"));
        assert!(refused("aggregator: FedBuff\n").contains("`fedbuff` needs --mode async"));
        assert!(
            refused("mode: async\naggregator: fedadam\n").contains("`fedadam` needs --mode sync")
        );
        // Two parts of one chain: whoever is meant must be named.
        assert!(refused("update: topk;topk\nshare: 0.5\n").contains("could be meant for 2 parts"));
    }

    #[test]
    fn a_home_folder_is_resolved_wherever_a_path_is_said() {
        let home = std::env::home_dir().expect("a home folder");
        let text = "data_dir: ~/data\nout_dir: ~/run\nclient_selection: {name: fixed, selection_file: ~/cohorts}\n";
        let config = with_file(text, Flags::default()).expect("well-formed");
        let list = config.client_selection.values["selection_file"]
            .as_str()
            .map(PathBuf::from);
        assert_eq!((config.data_dir, config.out_dir), (home.join("data"), Some(home.join("run"))));
        assert_eq!(list, Some(home.join("cohorts")));
        let missing = Flags {
            resume: Some("~/no run of mine".into()),
            ..Flags::default()
        };
        let refused = Config::resolve(&missing)
            .expect_err("not there")
            .to_string();
        assert!(refused.contains(&home.join("no run of mine").display().to_string()), "{refused}");
    }

    #[test]
    fn a_run_goes_on_where_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.yaml"), "comm_round: 3\n").expect("writable");
        let resumed = |out_dir: Option<&Path>| {
            let flags = Flags {
                resume: Some(folder.path().to_owned()),
                out_dir: out_dir.map(Path::to_owned),
                ..Flags::default()
            };
            Config::resolve(&flags)
        };
        assert!(resumed(None).is_ok() && resumed(Some(folder.path())).is_ok());
        let refused = resumed(Some(Path::new("other")))
            .expect_err("elsewhere")
            .to_string();
        assert!(refused.contains("--out_dir other would do nothing"), "{refused}");
    }

    #[test]
    fn a_setting_that_is_said_twice_must_say_the_same() {
        let set = |texts: &[&str]| Flags {
            set: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..Flags::default()
        };
        let resolved = |flags: &Flags| Config::resolve(flags).map_err(|error| error.to_string());
        assert!(resolved(&set(&["lr=1", "a.lr=1.0"])).is_ok());
        assert!(
            resolved(&set(&["lr=1", "lr=2"]))
                .expect_err("refused")
                .contains("`lr` is 1 and 2")
        );
        let both = |optimizer: &str| Flags {
            client_optimizer: Some(optimizer.into()),
            parts: PartFlags::one("lr", "0.1"),
            ..Flags::default()
        };
        assert!(
            resolved(&both("sgd:lr=0.1")).is_ok() && resolved(&both("sgd:momentum=0.5")).is_ok()
        );
        for twice in ["sgd:lr=0.5", "sgd:0.5"] {
            let refused = resolved(&both(twice)).expect_err("refused");
            assert!(refused.contains("--lr is 0.1, and 0.5 in --client_optimizer"), "{refused}");
        }
        // One layer above another is no contradiction.
        let text = "client_optimizer: {name: sgd, lr: 0.5}\n";
        let config = with_file(
            text,
            Flags {
                parts: PartFlags::one("lr", "0.1"),
                ..Flags::default()
            },
        )
        .expect("sound");
        assert_eq!(config.client_optimizer.values["lr"].as_f64(), Some(0.1));
        let whole = |step: &str| Flags {
            aggregator: Some("fedadam:server_lr=1".into()),
            server_step: Some(step.into()),
            ..Flags::default()
        };
        assert!(resolved(&whole("adam:server_lr=1")).is_ok());
        assert!(
            resolved(&whole("adam:server_lr=2"))
                .expect_err("refused")
                .contains("--server_lr is 2")
        );
        let above = Flags {
            server_step: Some("adam:server_lr=2".into()),
            ..Flags::default()
        };
        let config = with_file("aggregator: fedadam:server_lr=1\n", above).expect("sound");
        assert_eq!(config.server_step.expect("completed").values["server_lr"].as_f64(), Some(2.0));
    }

    /// What runs left behind that were made before parts had settings of their own.
    #[test]
    fn older_configs_are_read() {
        let text = "dataset: synthetic\npartition_method: null\npartition_alpha: 0.5\nselection_file: null\n\
                    aggregator: null\nalpha: 0.6\nstaleness: polynomial\nstaleness_a: 0.5\nstaleness_b: 4.0\n\
                    buffer_size: 10\nserver_lr: 1.0\nsemi_fraction: 0.5\nlr: 0.05\nrho: 0.0\nwd: 0.0\nmomentum: 0.0\n";
        let config = with_file(text, Flags::default()).expect("readable");
        let wanted = Config {
            client_optimizer: "sgd:lr=0.05".into(),
            ..Config::default()
        };
        assert_eq!(Ok(config), wanted.completed());
    }

    #[test]
    fn a_resolved_config_reads_back() {
        let text = serde_yaml::to_string(&Config::default()).expect("plain data");
        let again = with_file(&text, Flags::default()).expect("own output");
        assert_eq!(Ok(again), Config::default().completed());
    }
}
