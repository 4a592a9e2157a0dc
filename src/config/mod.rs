//! Stage 1, config: what did the user ask for? [`Config`] is what was written, from flags, a `--cf`
//! file and defaults, in this order of precedence. [`Plan`](crate::plan::Plan) is resolved, checked and trusted.

mod choose;
mod document;
mod foreign;
mod kinds;
mod portable;
mod seed_scripts;
mod unusual;
mod ways;
mod written;

use crate::files;
use crate::message::Reduce;
use crate::part::{Choice, Range, plain, yaml};
use crate::schedule::{Clock, DispatchMode, Slowdown};
use crate::update::Chain;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};
use std::io;
use std::path::{Path, PathBuf};

use crate::aggregate::{arrivals, preset};
use choose::{Said, alike};
use document::{Entry, Node};
use foreign::Around;
use kinds::{is_setting, near};
use portable::{is_of_a_run, leave_places};
use seed_scripts::SeedScripts;

pub use choose::PartFlags;
pub(crate) use foreign::wrapped;
pub use foreign::{Row, Translation, keys, systems};
pub use kinds::KINDS;
pub use ways::{Collective, DeviceChoice, Evaluator, Mode, OnNan, Residency};
pub use written::Setting;

/// What every run records.
const RECORD: &str = "csv;model;async_fl";

/// One line per setting makes its field in [`Config`], its default, its flag and its help text.
macro_rules! settings {
    ($($name:ident: $type:ty = $default:expr, $unit:literal, $shown:literal, $range:expr, $help:literal;)*) => {
        /// What the user wrote, with defaults for the rest.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $(
                #[doc = $help]
                #[doc = concat!(" Unit: ", $unit, "; default: ", $shown, ".")]
                #[serde(serialize_with = "written::write", deserialize_with = "written::read")]
                pub $name: $type,
            )*
            /// Settings that were said for parts that were not chosen, with the reason why they do nothing.
            #[serde(skip)]
            pub idle: Vec<String>,
            /// What became of a file of another system.
            #[serde(skip)]
            pub translation: Translation,
        }

        impl Default for Config {
            fn default() -> Self {
                Config { $($name: $default,)* idle: Vec::new(), translation: Translation::default() }
            }
        }

        /// The flags of `fedmpi` and `fedmpi check`; none is set unless given.
        #[derive(Args, Clone, Debug, Default, Serialize)]
        #[command(rename_all = "snake_case")]
        pub struct Flags {
            /// YAML file with the flags' names; or a file of FedML, FLUTE or async-FL [default: none]
            #[arg(long, value_name = "FILE")]
            #[serde(skip)]
            pub cf: Option<PathBuf>,
            /// What `launch` calls its job, by which it knows the run's folder again [default: none]
            #[arg(long, value_name = "NAME", hide = true)]
            #[serde(skip)]
            pub job: Option<String>,
            /// A setting by name, as `aggregate.alpha=0.6`; the section is for the reader [default: none]
            #[arg(long, value_name = "NAME=VALUE")]
            #[serde(skip)]
            pub set: Vec<String>,
            /// Settings of parts.
            #[command(flatten)]
            #[serde(skip)]
            pub parts: PartFlags,
            /// What decides nothing.
            #[command(flatten)]
            #[serde(skip)]
            pub seed_scripts: SeedScripts,
            $(
                #[doc = $help]
                #[arg(long, value_name = $unit, allow_negative_numbers = true,
                      help = concat!($help, " [default: ", $shown, "]"))]
                #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::write")]
                pub $name: Option<<$type as Setting>::Flag>,
            )*
        }

        impl Config {
            /// Resolves `~` at the beginning of all paths.
            fn go_home(&mut self) -> io::Result<()> {
                $(self.$name.go_home()?;)*
                Ok(())
            }
        }

        /// The name of every setting.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Which numbers every setting may be.
        pub const RANGES: &[(&str, Range)] = &[$((stringify!($name), $range)),*];
    };
}

written::plain!(String, f64, i64, u64, u32, u8, bool);
written::plain!(DeviceChoice, Reduce, Collective, DispatchMode, Mode, Clock, Residency, Evaluator, OnNan, Slowdown);

settings! {
    dataset: String = "synthetic".into(), "NAME", "synthetic", Range::ANY, "Data set; `fedmpi list` shows all";
    data_dir: PathBuf = "data".into(), "FOLDER", "data", Range::ANY, "Folder with the data files, on every host; `{rank}` and `{host}` in it stand for the rank and its host";
    data_residency: Residency = Residency::Shared, "shared|local", "shared", Range::ANY, "shared: every rank reads all data; local: each worker holds and trains only the clients of its own --data_dir, and no data leaves it";
    client_num_in_total: i64 = 100, "CLIENTS", "100", Range::COUNT_OR_NONE, "Clients that own data; 0: as many as the data has owners";
    partition_method: Choice = "auto".into(), "NAME", "auto", Range::ANY, "How samples are divided among clients; `fedmpi list` shows all";
    partition_load: Option<PathBuf> = None, "FILE", "none", Range::ANY, "Read the partition from a file written by --partition_save";
    partition_save: Option<PathBuf> = None, "FILE", "none", Range::ANY, "Write the partition to a JSON file";
    client_num_per_round: i64 = 10, "CLIENTS", "10", Range::COUNT, "Clients in each round's cohort, whatever the number of workers";
    client_selection: Choice = "uniform".into(), "NAME", "uniform", Range::ANY, "How clients are chosen; `fedmpi list` shows all";
    over_select: f64 = 1.0, "FACTOR", "1", Range::between(1.0, 1e6), "Select so many times the clients wanted; the first to finish by the virtual clock count";
    drop_rate: f64 = 0.0, "SHARE", "0", Range::FRACTION, "Chance that a selected client drops out of the round, from 0 to below 1";
    deadline: Option<f64> = None, "SECONDS", "none", Range::POSITIVE, "Leave out clients that need longer by the virtual clock; with `semi_async`, how long a round waits";
    delay: Choice = "samples".into(), "NAME", "samples: 0.001 s for each", Range::ANY, "Virtual time of a client's training; `fedmpi list` shows all models";
    scheduler: Choice = "runtime".into(), "NAME", "runtime", Range::ANY, "How a planned round's clients are divided among workers; `fedmpi list` shows all";
    dispatch: DispatchMode = DispatchMode::Planned, "planned|pull|one_per_worker", "planned", Range::ANY, "planned sends all clients at once; pull sends the next to whoever is free, unless another would end it sooner; one_per_worker is FedML's classical layout";
    worker_slowdown: Option<Slowdown> = None, "TEXT", "none", Range::ANY, "Emulate slower ranks: `1:2,3:1.5` takes a multiple of the time, `cos:0.5` comes in waves";
    reduce: Reduce = Reduce::Worker, "server|worker|allreduce", "worker", Range::ANY, "Where updates are summed: each travels to the server, each worker sends a partial sum, or collectively";
    collective: Collective = Collective::Auto, "auto|mpi", "auto", Range::ANY, "With --reduce allreduce: auto sums through NCCL where each worker has a GPU of its own, else through MPI; mpi always does";
    aggregator: Option<Choice> = None, "NAME", "fedavg, fedasync in async mode", Range::ANY, "The method, by the name of a whole: algorithm, server step and combination; in async mode the rule for arrivals; `fedmpi list` shows all";
    algorithm: Option<Choice> = None, "NAME", "the aggregator's, else fedavg", Range::ANY, "What clients do beside plain steps, and what the server does with it; `fedmpi list` shows all";
    server_step: Option<Choice> = None, "NAME", "the aggregator's, else sgd", Range::ANY, "How the server moves the model along the cohort's change; `fedmpi list` shows all";
    combine: Option<Choice> = None, "NAME", "the aggregator's, else mean", Range::ANY, "How the changes of a cohort become one; `fedmpi list` shows all";
    update: Chain = Chain::default(), "NAME[;NAME...]", "none", Range::ANY, "What becomes of a client's change on its way, one after another, as `clip:norm=1;topk:share=0.01`; `fedmpi list` shows all";
    mode: Mode = Mode::Sync, "sync|async", "sync", Range::ANY, "In rounds, or as updates arrive; --comm_round then counts how often the model moves";
    concurrency: i64 = 10, "CLIENTS", "10", Range::COUNT, "Async: clients in training at once";
    clock: Clock = Clock::Virtual, "virtual|real", "virtual", Range::ANY, "Async: updates arrive in the order of --delay, the same in every run, or as they really do";
    sleep_delays: bool = false, "true|false", "false", Range::ANY, "With --clock real: workers sleep for --delay";
    staleness: Choice = "polynomial".into(), "NAME", "polynomial", Range::ANY, "Async: how much an update counts that comes from an old model; `fedmpi list` shows all";
    max_staleness: Option<i64> = None, "VERSIONS", "none", Range::COUNT_OR_NONE, "Async: updates from older models count --stale_weight";
    stale_weight: f64 = 0.0, "SHARE", "0", Range::UNIT, "Async: what updates beyond --max_staleness count; 0 drops them";
    scheduler_interval: i64 = 0, "MOVES", "0: at once", Range::COUNT_OR_NONE, "Async: choose clients only every so many moves of the model (async-FL)";
    c_ratio: f64 = 0.1, "SHARE", "0.1", Range::SHARE, "Async: share of the checked-in clients to choose every --scheduler_interval; 1 takes all that are idle";
    checkin_num: i64 = 0, "CLIENTS", "0: all at the start", Range::COUNT_OR_NONE, "Async: clients that check in at the start and every --checkin_interval";
    checkin_interval: i64 = 1, "MOVES", "1", Range::COUNT, "Async: moves of the model between two check-ins";
    model: String = "lr".into(), "NAME", "lr", Range::ANY, "Model; `fedmpi list` shows all";
    comm_round: i64 = 10, "ROUNDS", "10", Range::COUNT, "Rounds of training and aggregation";
    epochs: i64 = 1, "EPOCHS", "1", Range::COUNT, "Passes over a client's samples per round";
    batch_size: i64 = 10, "SAMPLES", "10", Range::ANY, "Samples per step; 0 or less takes all of a client's samples";
    client_optimizer: Choice = "sgd".into(), "NAME", "sgd", Range::ANY, "Optimizer on clients; `fedmpi list` shows all";
    lr_schedule: Choice = "constant".into(), "NAME", "constant", Range::ANY, "How the clients' learning rate changes over rounds; `fedmpi list` shows all";
    on_nan: OnNan = OnNan::End, "end|skip", "end", Range::ANY, "When a client's numbers are not finite or beyond all bounds: end the run, or leave the client out, counted and said; rules such as `median` take it in unless it is to be left out";
    dry_train: bool = false, "true|false", "false", Range::ANY, "Clients give back what they got: shows what the exchange itself costs";
    frequency_of_the_test: i64 = 1, "ROUNDS", "1", Range::COUNT, "Evaluate every so many rounds, and after the last";
    first_test: Option<i64> = None, "ROUND", "frequency_of_the_test", Range::COUNT, "First round after which the model is evaluated";
    evaluate: Evaluator = Evaluator::Server, "server|clients", "server", Range::ANY, "With --data_residency local: the server evaluates on its own test data, or each worker on its own and the server adds up";
    ci: u8 = 0, "0|1", "0", Range::UNIT, "1 evaluates on at most 1000 test samples, for quick checks";
    target_accuracy: Option<f64> = None, "SHARE", "none", Range::SHARE, "Stop once the test accuracy reaches this share, from 0 to 1";
    target: Option<String> = None, "METRIC", "none", Range::ANY, "Stop once a test metric is there, as `perplexity<=60`";
    seed: u64 = 0, "INTEGER", "0", Range::ANY, "Root of all randomness";
    out_dir: Option<PathBuf> = None, "FOLDER", "runs/TIME-DATASET-MODEL", Range::ANY, "The run's folder";
    record: Chain = RECORD.parse().unwrap_or_default(), "NAME[;NAME...]", "csv;model;async_fl", Range::ANY, "What the run's folder holds beside its config, journal, checkpoints and summary; `fedmpi list record` shows all";
    round_timeout: Option<f64> = None, "SECONDS", "none", Range::between(0.1, 1e9), "End the job when a worker that has clients to train gives no sign of life for so long; training gives one after each step";
    checkpoint_every: Option<i64> = None, "ROUNDS", "as often as costs at most 5 % of the time", Range::COUNT_OR_NONE, "Save the run's state every so many rounds; 0 never does";
    keep_checkpoints: i64 = 2, "FILES", "2", Range::COUNT, "Checkpoints to keep";
    resume: Option<PathBuf> = None, "FOLDER", "none", Range::ANY, "Go on with the run in this folder";
    overwrite: bool = false, "true|false", "false", Range::ANY, "Replace the run that --out_dir holds";
    gpu_mapping_file: Option<PathBuf> = None, "FILE", "none: every rank on CPU", Range::ANY, "Processes per GPU and host, in FedML's form";
    gpu_mapping_key: String = "mapping_default".into(), "NAME", "mapping_default", Range::ANY, "Which mapping of the file";
    gpu_util_parse: Option<String> = None, "TEXT", "none", Range::ANY, "The mapping in one line, `host1:0,1,1;host2:2`: processes per GPU; wins over the file";
    device: DeviceChoice = DeviceChoice::Auto, "cpu|auto|mapped", "auto", Range::ANY, "cpu ignores the mapping; auto follows it, on CPU where a host has no GPU; mapped insists on it";
    threads: i64 = 1, "THREADS", "1", Range::between(1.0, 1024.0), "Torch threads per rank; part of what makes results reproducible";
    verbose: u8 = 0, "0|1|2", "0", Range::between(0.0, 2.0), "Log per round, per client or per message; RUST_LOG wins";
}

/// What the user wrote cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason} (hint: --cf names a YAML file, --resume the folder of a run)")]
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
    /// Reads the text of a `--cf` file over defaults.
    ///
    /// # Errors
    /// What is not YAML, unknown keys, or values of the wrong kind.
    pub fn parse(text: &str) -> Result<Config, String> {
        let mut said = Said::default();
        said.lay(settings(&Node::parse(text)?, Around { file: Path::new(""), data_dir: None })?.0)?;
        said.chosen()
    }

    /// Lays flags over the `--cf` file over defaults, and gives settings of parts to the parts that were chosen.
    ///
    /// # Errors
    /// A file that cannot be read, is not YAML, has unknown keys, or values of the wrong kind; settings of
    /// parts that were not chosen.
    pub fn resolve(flags: &Flags) -> Result<Config, ConfigError> {
        let home = |path: &PathBuf| {
            files::at_home(path).map_err(|error| ConfigError::Read { path: path.clone(), reason: error.to_string() })
        };
        let (written, resumed) =
            (flags.cf.as_ref().map(home).transpose()?, flags.resume.as_ref().map(home).transpose()?);
        let stored = resumed.as_ref().map(|folder| folder.join("config.yaml"));
        let blamed = |path: &Path| {
            let path = path.to_owned();
            |reason| ConfigError::Content { path, reason }
        };
        let (mut said, mut translation, mut left) = (Said::default(), Translation::default(), None);
        if let Some(path) = written.as_ref().or(stored.as_ref()) {
            let around = Around { file: path, data_dir: flags.data_dir.as_deref() };
            let entries = Node::parse(&read(path)?).map_err(blamed(path))?;
            let (mut given, translated) = settings(&entries, around).map_err(blamed(path))?;
            if flags.cf.is_none() || is_of_a_run(&entries) {
                left = leave_places(&mut given, path);
            }
            said.lay(given).map_err(blamed(path))?;
            translation = translated;
        }
        said.lay(all_set(&flags.set).map_err(blamed(Path::new("--set")))?).map_err(blamed(Path::new("--set")))?;
        let given = flags.given().map_err(blamed(Path::new("flags")))?;
        said.lay(given).map_err(blamed(Path::new("flags")))?;
        let mut config = Config { translation, ..said.chosen().map_err(blamed(Path::new("flags")))? };
        config.go_home().map_err(|error| blamed(Path::new("flags"))(error.to_string()))?;
        config.idle.extend(left.into_iter().chain(flags.seed_scripts.notes()));
        check_resumed(&config, resumed.as_deref()).map_err(blamed(Path::new("flags")))?;
        Ok(match resumed {
            Some(folder) => Config { resume: Some(folder.clone()), out_dir: Some(folder), ..config },
            None => Config { resume: None, ..config },
        })
    }

    /// The method by its name, for people: the rule for arrivals, or what the three choices are called together.
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

impl Flags {
    /// Those that were given, settings of parts among them.
    fn given(&self) -> Result<Mapping, String> {
        let settings: Mapping =
            serde_yaml::to_value(self).and_then(serde_yaml::from_value).map_err(|error| error.to_string())?;
        let mut given = self.parts.given();
        given.extend(settings);
        Ok(given)
    }
}

/// A run goes on where it is.
fn check_resumed(config: &Config, resumed: Option<&Path>) -> Result<(), String> {
    let (Some(run), Some(folder)) = (resumed, &config.out_dir) else { return Ok(()) };
    if files::are_one(run, folder) {
        return Ok(());
    }
    let (run, folder) = (run.display(), folder.display());
    Err(format!("--resume goes on in {run}, so --out_dir {folder} would do nothing (hint: leave it out)"))
}

/// The text of a file.
fn read(path: &Path) -> Result<String, ConfigError> {
    files::text(path).map_err(|error| ConfigError::Read { path: path.to_owned(), reason: error.to_string() })
}

/// What a file says, in our words, and what was done to get there.
fn settings(entries: &[Entry], around: Around<'_>) -> Result<(Mapping, Translation), String> {
    foreign::translate(entries, around).map_err(|findings| findings.to_string())
}

/// All `--set` together: none comes before another.
fn all_set(texts: &[String]) -> Result<Mapping, String> {
    let mut all = Mapping::new();
    for (name, value) in texts.iter().map(|text| set(text)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        match all.get(&name) {
            Some(said) if !alike(said, &value) => {
                let (name, said, value) = (plain(&name), plain(said), plain(&value));
                return Err(format!("`{name}` is {said} and {value} (hint: say it once)"));
            }
            _ => _ = all.insert(name, value),
        }
    }
    Ok(all)
}

/// `section.name=value`: the name without its section, and the value as YAML.
fn set(text: &str) -> Result<Mapping, String> {
    let (name, value) = text.split_once('=').ok_or(format!("`{text}` is not NAME=VALUE"))?;
    let name = name.rsplit('.').next().unwrap_or(name).trim();
    if !is_setting(name) {
        return Err(format!("unknown setting `{name}` (hint: {})", near(name)));
    }
    if name == "resume" {
        return Err("a run goes on by its own flag (hint: --resume FOLDER)".to_owned());
    }
    let value = yaml(value).map_err(|error| format!("`{text}`: {error}"))?;
    Ok(Mapping::from_iter([(name.into(), value)]))
}

/// A config of settings alone.
fn parse(written: Mapping) -> Result<Config, String> {
    check_kinds(&written)?;
    serde_yaml::from_value(Value::Mapping(written)).map_err(|error| error.to_string())
}

/// Settings are tried one by one, so that an error can name the key.
fn check_kinds(written: &Mapping) -> Result<(), String> {
    for (key, value) in written {
        let one = Mapping::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = serde_yaml::from_value::<Config>(Value::Mapping(one)) {
            let key = key.as_str().unwrap_or("?");
            return Err(format!("`{key}`: {error} (hint: `fedmpi --help` says what {key} takes)"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;

    fn with_file(text: &str, flags: Flags) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.yaml");
        fs::write(&path, text).expect("writable");
        Config::resolve(&Flags { cf: Some(path), ..flags })
    }

    #[test]
    fn flags_win_over_file_over_defaults() {
        let flags = Flags { parts: PartFlags::one("lr", "0.5"), ..Flags::default() };
        let config = with_file("train_args:\n  lr: 0.1\n  epochs: 3\n", flags).expect("well-formed");
        let lr = |config: &Config| config.client_optimizer.values["lr"].as_f64();
        assert_eq!((lr(&config), config.epochs, config.batch_size), (Some(0.5), 3, 10));
    }

    #[test]
    fn a_path_that_is_no_text_loses_no_flag() {
        let data_dir = PathBuf::from(OsString::from_vec(b"d\xff".to_vec()));
        let flags = Flags { data_dir: Some(data_dir.clone()), epochs: Some(3), ..Flags::default() };
        let config = Config::resolve(&flags).expect("bytes are a path");
        assert_eq!((&config.data_dir, config.epochs), (&data_dir, 3));
        let again = with_file(&serde_yaml::to_string(&config).expect("any bytes"), Flags::default());
        assert_eq!(again.expect("own output"), config);
    }

    #[test]
    fn wrong_values_and_keys_are_named() {
        let wrong = with_file("epochs: many\n", Flags::default()).expect_err("a word").to_string();
        assert!(wrong.contains("line 1: epochs: it is not a whole number") && wrong.contains("run.yaml"), "{wrong}");
        let unknown = with_file("epoch: 3\n", Flags::default()).expect_err("unknown").to_string();
        assert!(unknown.contains("did you mean `epochs`"), "{unknown}");
        let all = with_file("epoch: 3\nlr: -1\nepochs: 2\ntrain:\nmore:\n  epochs: 3\nlr_: 1\n", Flags::default());
        let all = all.expect_err("four faults").to_string();
        for (line, fault) in
            [(1, "epoch: is no setting"), (2, "lr: -1 is not"), (6, "epochs: line 3 says 2"), (7, "lr_: is")]
        {
            assert!(all.contains(&format!("line {line}: {fault}")), "{all}");
        }
        let alias = with_file("seed: 1\nrandom_seed: 2\n", Flags::default()).expect_err("unequal").to_string();
        assert!(alias.contains("line 2: random_seed: line 1 says 1 for the same, as `seed`"), "{alias}");
        assert_eq!(with_file("seed: 1\nrandom_seed: 1\n", Flags::default()).expect("equal").seed, 1);
        let torn = with_file("a: [1\n", Flags::default()).expect_err("torn").to_string();
        assert!(torn.contains("line"), "{torn}");
        let set = Flags { set: vec!["epochs=many".to_owned()], ..Flags::default() };
        let wrong = with_file("lr: 1\n", set).expect_err("a word").to_string();
        assert!(wrong.contains("`epochs`") && wrong.starts_with("--set"), "{wrong}");
    }

    #[test]
    fn single_settings_win_over_the_file_and_lose_to_flags() {
        let set = vec!["aggregate.alpha=0.25".to_owned(), "epochs=4".to_owned(), "lr=9".to_owned()];
        let flags = Flags { set, parts: PartFlags::one("lr", "0.5"), ..Flags::default() };
        let text = "mode: async\naggregate:\n  aggregator: fedasync\n  alpha: 0.1\n";
        let config = with_file(text, flags).expect("well-formed");
        let rule = config.aggregator.expect("chosen");
        assert_eq!((rule.values["alpha"].as_f64(), config.epochs), (Some(0.25), 4));
        assert_eq!(config.client_optimizer.values["lr"].as_f64(), Some(0.5));
        let unknown = Flags { set: vec!["aggregate.alfa=1".to_owned()], ..Flags::default() };
        assert!(Config::resolve(&unknown).expect_err("unknown").to_string().contains("did you mean `alpha`"));
    }

    #[test]
    fn settings_go_to_the_parts_that_have_them() {
        let resolved = |text: &str| with_file(text, Flags::default());
        let told = |text: &str| resolved(text).expect("well-formed");
        let refused = |text: &str| resolved(text).expect_err("refused").to_string();
        let adam = told("federated_optimizer: FedOpt\nserver_optimizer: adam\nserver_lr: 0.01\nbeta1: 0.8\n");
        let step = adam.server_step.clone().expect("completed");
        assert_eq!((step.name.as_str(), step.values["server_lr"].as_f64()), ("adam", Some(0.01)));
        let spelled = told("server_step: {name: adam, server_lr: 0.01, beta1: 0.8}\n");
        assert_eq!((adam.server_step, adam.algorithm), (spelled.server_step, spelled.algorithm));
        assert_eq!(told("rho: 0.5\n").algorithm, told("algorithm: fedprox:0.5\n").algorithm);
        assert_eq!(told("rho: 0.0\n"), told("aggregator: FedAvg\n"));
        let noted = told("partition_method: homo\npartition_alpha: 0.1\nclient_optimizer: adam\nmomentum: 0.9\n");
        assert_eq!(noted.idle.len(), 2);
        let none = refused("beta1: 0.8\n");
        assert!(none.contains("--beta1 would do nothing: it belongs to adam, yogi"), "{none}");
        assert!(refused("aggregator: fedadam:lrr=1\n").contains("`lrr`"));
        // Two parts of one chain: whoever is meant must be named.
        assert!(refused("update: topk;topk\nshare: 0.5\n").contains("could be meant for 2 parts"));
    }

    #[test]
    fn a_home_folder_is_resolved_wherever_a_path_is_said() {
        let home = std::env::home_dir().expect("a home folder");
        let text = "data_dir: ~/data\nout_dir: ~/run\nclient_selection: {name: fixed, selection_file: ~/cohorts}\n";
        let config = with_file(text, Flags::default()).expect("well-formed");
        let list = config.client_selection.values["selection_file"].as_str().map(PathBuf::from);
        assert_eq!((config.data_dir, config.out_dir), (home.join("data"), Some(home.join("run"))));
        assert_eq!(list, Some(home.join("cohorts")));
        let missing = Flags { resume: Some("~/no run of mine".into()), ..Flags::default() };
        let refused = Config::resolve(&missing).expect_err("not there").to_string();
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
        let refused = resumed(Some(Path::new("other"))).expect_err("elsewhere").to_string();
        assert!(refused.contains("--out_dir other would do nothing"), "{refused}");
    }

    #[test]
    fn a_setting_that_is_said_twice_must_say_the_same() {
        let set =
            |texts: &[&str]| Flags { set: texts.iter().map(|text| (*text).to_owned()).collect(), ..Flags::default() };
        let resolved = |flags: &Flags| Config::resolve(flags).map_err(|error| error.to_string());
        assert!(resolved(&set(&["lr=1", "a.lr=1.0"])).is_ok());
        assert!(resolved(&set(&["lr=1", "lr=2"])).expect_err("refused").contains("`lr` is 1 and 2"));
        let both = |optimizer: &str| Flags {
            client_optimizer: Some(optimizer.into()),
            parts: PartFlags::one("lr", "0.1"),
            ..Flags::default()
        };
        assert!(resolved(&both("sgd:lr=0.1")).is_ok() && resolved(&both("sgd:momentum=0.5")).is_ok());
        for twice in ["sgd:lr=0.5", "sgd:0.5"] {
            let refused = resolved(&both(twice)).expect_err("refused");
            assert!(refused.contains("--lr is 0.1, and 0.5 in --client_optimizer"), "{refused}");
        }
        // One layer above another is no contradiction.
        let text = "client_optimizer: {name: sgd, lr: 0.5}\n";
        let config = with_file(text, Flags { parts: PartFlags::one("lr", "0.1"), ..Flags::default() }).expect("sound");
        assert_eq!(config.client_optimizer.values["lr"].as_f64(), Some(0.1));
        let whole = |step: &str| Flags {
            aggregator: Some("fedadam:server_lr=1".into()),
            server_step: Some(step.into()),
            ..Flags::default()
        };
        assert!(resolved(&whole("adam:server_lr=1")).is_ok());
        assert!(resolved(&whole("adam:server_lr=2")).expect_err("refused").contains("--server_lr is 2"));
        let above = Flags { server_step: Some("adam:server_lr=2".into()), ..Flags::default() };
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
        let wanted = Config { client_optimizer: "sgd:lr=0.05".into(), ..Config::default() };
        assert_eq!(Ok(config), wanted.completed());
    }

    #[test]
    fn a_resolved_config_reads_back() {
        let text = serde_yaml::to_string(&Config::default()).expect("plain data");
        let again = with_file(&text, Flags::default()).expect("own output");
        assert_eq!(Ok(again), Config::default().completed());
    }
}
