//! Stage 1, config: what did the user ask for? [`Config`] is what was written, from flags, a `--cf`
//! file and defaults, in this order of precedence. [`Plan`] is resolved, checked and trusted.

mod fedml;
mod gpu_mapping;
mod hosts;
mod plan;

use crate::message::Reduce;
use crate::schedule::DispatchMode;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use std::path::{Path, PathBuf};

pub use gpu_mapping::{GpuMapping, MappingError, Seat, seats_table};
pub use hosts::{Dialect, HostFile, HostFileError};
pub use plan::{Plan, PlanError};

/// One line per setting makes its field in [`Config`], its default, its flag and its help text.
macro_rules! settings {
    ($($name:ident: $type:ty = $default:expr, $unit:literal, $shown:literal, $help:literal;)*) => {
        /// What the user wrote, with defaults for the rest.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $(#[doc = $help] #[doc = concat!(" Unit: ", $unit, "; default: ", $shown, ".")] pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Config { $($name: $default,)* }
            }
        }

        /// The flags of `fedmpi` and `fedmpi check`; none is set unless given.
        #[derive(Args, Clone, Debug, Default, Serialize)]
        #[command(rename_all = "snake_case")]
        pub struct Flags {
            /// YAML file with the same names as the flags; FedML's sections are allowed [default: none]
            #[arg(long, value_name = "FILE")]
            #[serde(skip)]
            pub cf: Option<PathBuf>,
            $(
                #[doc = $help]
                #[arg(long, value_name = $unit, allow_negative_numbers = true,
                      help = concat!($help, " [default: ", $shown, "]"))]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<<$type as Setting>::Flag>,
            )*
        }

        /// The name of every setting.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

/// The flag's type of a setting: an optional setting has a plain flag.
pub trait Setting {
    /// What clap parses.
    type Flag: Clone + Send + Sync + 'static;
}

macro_rules! plain {
    ($($type:ty),*) => { $(
        impl Setting for $type { type Flag = $type; }
        impl Setting for Option<$type> { type Flag = $type; }
    )* };
}
plain!(String, PathBuf, f64, i64, u64, u32, u8, bool, DeviceChoice, Reduce, DispatchMode);

settings! {
    dataset: String = "synthetic".into(), "NAME", "synthetic", "Data set; `fedmpi list` shows all";
    data_dir: PathBuf = "data".into(), "FOLDER", "data", "Folder with the data files, on every host";
    client_num_in_total: i64 = 100, "CLIENTS", "100", "Clients that own data";
    partition_method: Option<String> = None, "NAME", "natural if the data has owners, else hetero", "How samples are divided among clients; `fedmpi list` shows all";
    partition_alpha: f64 = 0.5, "NUMBER", "0.5", "Dirichlet concentration of `hetero` (small is skewed), exponent of `power_law` (large is skewed)";
    partition_load: Option<PathBuf> = None, "FILE", "none", "Read the partition from a file written by --partition_save";
    partition_save: Option<PathBuf> = None, "FILE", "none", "Write the partition to a JSON file";
    client_num_per_round: i64 = 10, "CLIENTS", "10", "Clients in each round's cohort, whatever the number of workers";
    client_selection: String = "uniform".into(), "NAME", "uniform", "How a round's clients are chosen; `fedmpi list` shows all";
    selection_file: Option<PathBuf> = None, "FILE", "none", "List of cohorts for `fixed`, trace for `availability`";
    over_select: f64 = 1.0, "FACTOR", "1", "Select so many times the clients wanted; the first to finish by the virtual clock count";
    drop_rate: f64 = 0.0, "SHARE", "0", "Chance that a selected client drops out of the round, from 0 to below 1";
    deadline: Option<f64> = None, "SECONDS", "none", "Leave out clients that need longer by the virtual clock";
    seconds_per_sample: f64 = 0.001, "SECONDS", "0.001", "Virtual time of a client of middling speed for a sample";
    speed_spread: f64 = 0.0, "NUMBER", "0", "Spread of clients' virtual speeds: standard deviation of their logarithm";
    scheduler: String = "runtime".into(), "NAME", "runtime", "How a planned round's clients are divided among workers; `fedmpi list` shows all";
    dispatch: DispatchMode = DispatchMode::Planned, "planned|pull|one_per_worker", "planned", "planned sends all clients at once; pull sends the next to whoever is free; one_per_worker is FedML's classical layout";
    worker_slowdown: Option<String> = None, "TEXT", "none", "Emulate slower ranks: `1:2,3:1.5` takes a multiple of the time, `cos:0.5` comes in waves";
    reduce: Reduce = Reduce::Worker, "server|worker|allreduce", "worker", "Where updates are summed: each travels to the server, each worker sends a partial sum, or collectively";
    aggregator: String = "fedavg".into(), "NAME", "fedavg", "How the global model moves; `fedmpi list` shows all";
    model: String = "lr".into(), "NAME", "lr", "Model; `fedmpi list` shows all";
    comm_round: i64 = 10, "ROUNDS", "10", "Rounds of training and aggregation";
    epochs: i64 = 1, "EPOCHS", "1", "Passes over a client's samples in each round";
    batch_size: i64 = 10, "SAMPLES", "10", "Samples per step; 0 or less takes all of a client's samples";
    client_optimizer: String = "sgd".into(), "NAME", "sgd", "Optimizer on clients; `fedmpi list` shows all";
    lr: f64 = 0.03, "RATE", "0.03", "Learning rate of the client optimizer";
    wd: f64 = 0.0, "RATE", "0", "Weight decay (L2) of the client optimizer";
    momentum: f64 = 0.0, "FACTOR", "0", "Momentum of `sgd`, from 0 to below 1";
    dry_train: bool = false, "true|false", "false", "Clients give back what they got: shows what the exchange itself costs";
    frequency_of_the_test: i64 = 1, "ROUNDS", "1", "Evaluate every so many rounds, and after the last";
    ci: u8 = 0, "0|1", "0", "1 evaluates on at most 1000 test samples, for quick checks";
    target_accuracy: Option<f64> = None, "SHARE", "none", "Stop once the test accuracy reaches this share, from 0 to 1";
    seed: u64 = 0, "INTEGER", "0", "Root of all randomness";
    out_dir: Option<PathBuf> = None, "FOLDER", "runs/TIME-DATASET-MODEL", "The run's folder";
    overwrite: bool = false, "true|false", "false", "Replace the run that --out_dir holds";
    gpu_mapping_file: Option<PathBuf> = None, "FILE", "none: every rank on CPU", "Processes per GPU and host, in FedML's form";
    gpu_mapping_key: String = "mapping_default".into(), "NAME", "mapping_default", "Which mapping of the file";
    gpu_util_parse: Option<String> = None, "TEXT", "none", "The mapping in one line, `host1:0,1,1;host2:2`: processes per GPU; wins over the file";
    device: DeviceChoice = DeviceChoice::Auto, "cpu|auto|mapped", "auto", "cpu ignores the mapping; auto follows it, on CPU where a host has no GPU; mapped insists on it";
    threads: i64 = 1, "THREADS", "1", "Torch threads per rank; part of what makes results reproducible";
    verbose: u8 = 0, "0|1|2", "0", "Log per round, per client or per message; RUST_LOG wins";
}

/// Where ranks compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// Always the CPU.
    Cpu,
    /// As mapped, on the CPU where a host has no GPU.
    Auto,
    /// As mapped, or not at all.
    Mapped,
}

/// What the user wrote cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason} (hint: --cf names a YAML file)")]
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
    /// Lays flags over the `--cf` file over defaults.
    ///
    /// # Errors
    /// A file that cannot be read, is not YAML, has unknown keys, or values of the wrong kind.
    pub fn resolve(flags: &Flags) -> Result<Config, ConfigError> {
        let mut written = match &flags.cf {
            Some(path) => fedml::read(path)?,
            None => serde_yaml::Mapping::new(),
        };
        let path = flags.cf.as_deref().unwrap_or(Path::new("flags"));
        if let Ok(Value::Mapping(given)) = serde_yaml::to_value(flags) {
            written.extend(given);
        }
        parse(written).map_err(|reason| ConfigError::Content { path: path.to_owned(), reason })
    }
}

/// Fields are tried one by one, so that an error can name the key.
fn parse(written: serde_yaml::Mapping) -> Result<Config, String> {
    for (key, value) in &written {
        let one = serde_yaml::Mapping::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = serde_yaml::from_value::<Config>(Value::Mapping(one)) {
            let key = key.as_str().unwrap_or("?");
            return Err(format!("`{key}`: {error} (hint: `fedmpi --help` says what {key} takes)"));
        }
    }
    serde_yaml::from_value(Value::Mapping(written)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn with_file(text: &str, flags: Flags) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.yaml");
        fs::write(&path, text).expect("writable");
        Config::resolve(&Flags { cf: Some(path), ..flags })
    }

    #[test]
    fn flags_win_over_file_over_defaults() {
        let flags = Flags { lr: Some(0.5), ..Flags::default() };
        let config = with_file("train_args:\n  lr: 0.1\n  epochs: 3\n", flags).expect("well-formed");
        assert_eq!((config.lr, config.epochs, config.batch_size), (0.5, 3, 10));
    }

    #[test]
    fn wrong_values_and_keys_are_named() {
        let wrong = with_file("epochs: many\n", Flags::default()).expect_err("a word").to_string();
        assert!(wrong.contains("`epochs`") && wrong.contains("run.yaml"), "{wrong}");
        let unknown = with_file("epoch: 3\n", Flags::default()).expect_err("unknown").to_string();
        assert!(unknown.contains("did you mean `epochs`"), "{unknown}");
        let torn = with_file("a: [1\n", Flags::default()).expect_err("torn").to_string();
        assert!(torn.contains("line"), "{torn}");
    }

    #[test]
    fn a_resolved_config_reads_back() {
        let text = serde_yaml::to_string(&Config::default()).expect("plain data");
        assert_eq!(with_file(&text, Flags::default()).expect("own output"), Config::default());
    }
}
