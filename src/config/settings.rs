//! Every setting with its default, its unit, its range and its help: one line each.

use super::choose::PartFlags;
use super::foreign::Translation;
use super::seed_scripts::SeedScripts;
use super::ways::{
    Collective, DeviceChoice, Evaluator, Mode, OnNan, Precision, Progress, Residency,
};
use super::written::{self, Setting};
use crate::message::Reduce;
use crate::part::{Choice, Range};
use crate::schedule::{Clock, DispatchMode, Slowdown};
use crate::tuning::{Lora, Pattern};
use crate::update::Chain;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

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
            /// YAML file with the flags' names; or the folder of a run, to repeat it; or a file of FedML, FLUTE or async-FL
            /// [default: none]
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
            pub(super) fn go_home(&mut self) -> io::Result<()> {
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
written::plain!(
    DeviceChoice,
    Precision,
    Reduce,
    Collective,
    DispatchMode,
    Mode,
    Clock,
    Residency,
    Evaluator,
    OnNan,
    Progress,
    Slowdown,
    Pattern,
    Lora
);

settings! {
    dataset: Choice = "synthetic".into(), "NAME", "synthetic", Range::ANY, "Data set; `fedmpi list` shows all";
    data_dir: PathBuf = "data".into(), "FOLDER", "data", Range::ANY, "Folder with the data files, on every host; `{rank}` and `{host}` in it stand for the rank and its host";
    data_residency: Residency = Residency::Shared, "shared|local", "shared", Range::ANY, "shared: every rank reads all data; local: each worker holds and trains only the clients of its own --data_dir, and no data leaves it";
    kept_dir: Option<PathBuf> = None, "FOLDER", ".fedmpi-kept in --data_dir", Range::ANY, "With --data_residency local: where what clients keep lies, on the machine of their data; `{rank}` and `{host}` as in --data_dir";
    client_num_in_total: i64 = 100, "CLIENTS", "100", Range::COUNT_OR_NONE, "Clients that own data; 0: as many as the data has owners";
    partition_method: Choice = "auto".into(), "NAME", "auto", Range::ANY, "How samples are divided among clients; `fedmpi list` shows all";
    partition_load: Option<PathBuf> = None, "FILE", "none", Range::ANY, "Read the partition from a file written by --partition_save";
    partition_save: Option<PathBuf> = None, "FILE", "none", Range::ANY, "Write the partition to a JSON file";
    feature_noise: f64 = 0.0, "SIGMA", "0", Range::NOT_NEGATIVE, "Client i of n sees its inputs with normal noise of deviation SIGMA i / n (feature skew)";
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
    model: Choice = "lr".into(), "NAME", "lr", Range::ANY, "Model; `fedmpi list` shows all";
    init_from: Option<PathBuf> = None, "FILE", "none", Range::ANY, "Start from the tensors of this safetensors file, matched by name, on every host; others start anew";
    train_only: Option<Pattern> = None, "PATTERN", "all", Range::ANY, "Train only the tensors of these names (`fc*|head`); the rest stays as it starts and does not travel";
    lora: Option<Lora> = None, "TEXT", "none", Range::ANY, "Train low-rank adapters of matrices instead: `rank=8,alpha=16,on=fc*`; only they travel";
    comm_round: i64 = 10, "ROUNDS", "10", Range::COUNT, "Rounds of training and aggregation";
    epochs: i64 = 1, "EPOCHS", "1", Range::COUNT, "Passes over a client's samples per round";
    local_steps: Option<i64> = None, "STEPS", "none: as many as the epochs have", Range::COUNT, "Steps of a client per round, in as many passes over its samples as that takes; instead of --epochs";
    batch_size: i64 = 10, "SAMPLES", "10", Range::ANY, "Samples per step; 0 or less takes all of a client's samples";
    accumulate: i64 = 1, "BATCHES", "1", Range::COUNT, "Batches whose gradients, weighed by samples, make one step; the last step of an epoch has what is left";
    client_optimizer: Choice = "sgd".into(), "NAME", "sgd", Range::ANY, "Optimizer on clients; `fedmpi list` shows all";
    lr_schedule: Choice = "constant".into(), "NAME", "constant", Range::ANY, "How the clients' learning rate changes over rounds; `fedmpi list` shows all";
    max_grad_norm: Option<f64> = None, "NORM", "none", Range::POSITIVE, "Shorten gradients, with what an algorithm adds, to this norm before each step";
    max_grad_value: Option<f64> = None, "NUMBER", "none", Range::POSITIVE, "Bound each value of a gradient, with what an algorithm adds, from -NUMBER to NUMBER before each step";
    precision: Precision = Precision::Full, "full|bf16", "full", Range::ANY, "bf16: products and convolutions of training in 16 bits where libtorch holds that for sound (autocast), weights and sums in 32; meant for GPUs";
    server_lr_schedule: Choice = "constant".into(), "NAME", "constant", Range::ANY, "How the rate of the server's step changes over rounds; `fedmpi list` shows all";
    on_nan: OnNan = OnNan::End, "end|skip", "end", Range::ANY, "When a client's numbers are not finite or beyond all bounds: end the run, or leave the client out, counted and said; rules such as `median` take it in unless it is to be left out";
    dry_train: bool = false, "true|false", "false", Range::ANY, "Clients give back what they got: shows what the exchange itself costs";
    frequency_of_the_test: i64 = 1, "ROUNDS", "1", Range::COUNT, "Evaluate every so many rounds, and after the last";
    first_test: Option<i64> = None, "ROUND", "frequency_of_the_test", Range::COUNT, "First round after which the model is evaluated";
    evaluate: Evaluator = Evaluator::Server, "server|clients", "server", Range::ANY, "With --data_residency local: the server evaluates on its own test data, or each worker on its own and the server adds up";
    fall_back: bool = false, "true|false", "false", Range::ANY, "After an evaluation that is no better than the best so far go on from that model (FLUTE)";
    evaluate_training: bool = false, "true|false", "false", Range::ANY, "Whenever the model is evaluated, do so on what clients train on too, by the workers (FedML's Train/Acc)";
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
    workers: i64 = 1, "WORKERS", "1", Range::between(1.0, 1024.0), "Workers of a program that runs alone: threads of its process, which share libtorch, data and the sum of large models; under mpirun ranks are the workers";
    threads: i64 = 1, "THREADS", "1", Range::between(1.0, 1024.0), "Torch threads per worker; part of what makes results reproducible";
    log_dir: Option<PathBuf> = None, "FOLDER", "none", Range::ANY, "Write what each rank logs to `rank-N.log` in this folder too, on its own host; `{rank}` and `{host}` as in --data_dir";
    progress: Progress = Progress::Auto, "auto|bar|lines|none", "auto", Range::ANY, "How rounds are shown: a bar with few lines where there is a terminal, else a line a second at most; none shows warnings and the result";
    quiet: bool = false, "true|false", "false", Range::ANY, "Say nothing but warnings and the result";
    json: bool = false, "true|false", "false", Range::ANY, "Print the run's events on standard output as the journal has them, a line of JSON each, and nothing else";
    verbose: u8 = 0, "0|1|2", "0", Range::between(0.0, 2.0), "Log per round, per client or per message; RUST_LOG wins";
}
