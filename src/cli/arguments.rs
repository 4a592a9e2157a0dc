//! What each command takes.

use crate::config::{Flags, RANGES};
use crate::files;
use crate::report::By;
use clap::builder::{PathBufValueParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, ArgGroup, Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

/// Whole numbers from `least` up to what no cluster has.
pub(super) fn count(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=1 << 20)
}

/// A share as `--target_accuracy` of a run may be.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    let range = RANGES
        .iter()
        .find(|(name, _)| *name == "target_accuracy")
        .map(|(_, range)| range);
    match range.filter(|range| !range.contains(share)) {
        None => Ok(share),
        Some(range) => Err(format!("it must be {range}")),
    }
}

/// Paths, of which a leading `~` is the home folder, also where no shell has seen it.
pub(super) fn place() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| files::at_home(&path))
}

/// Arguments of `fedmpi launch`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct LaunchArgs {
    /// Ranks, the server included (also `-np N`)
    #[arg(long, value_name = "RANKS", value_parser = count(1))]
    pub np: usize,
    #[command(flatten)]
    pub start: StartArgs,
    /// Print the command and the ranks only
    #[arg(long)]
    pub dry_run: bool,
    /// Flags of the training
    #[arg(last = true, value_name = "FLAGS")]
    pub training: Vec<OsString>,
}

/// How the installed launcher starts a job.
#[derive(Args, Clone, Debug)]
#[command(rename_all = "snake_case")]
pub struct StartArgs {
    /// Host file in either dialect (also `-hostfile FILE`) [default: the batch system's
    /// allocation]
    #[arg(long, value_name = "FILE", value_parser = place())]
    pub hostfile: Option<PathBuf>,
    /// Times to start again from the newest checkpoint after a failure [default: 0]
    #[arg(
        long,
        value_name = "TIMES",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub max_restarts: u32,
    /// Each line of output says its rank
    #[arg(long)]
    pub tag_output: bool,
    /// Go on without workers that are lost; the others train their clients (Open MPI 5) [default:
    /// off]
    #[arg(long)]
    pub survive: bool,
    /// Network interface for everything that the MPI sends, as `eth0` [default: the MPI's choice]
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// A further option for the launcher, as one word; may come several times
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub mpirun_option: Vec<String>,
}

/// Arguments of `fedmpi sweep`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct SweepArgs {
    /// A setting and its values, `-L lr 0.01,0.1` or `-L lr=0.01,0.1`; `0..4` is 0, 1, 2, 3 and 4;
    /// may come several times
    #[arg(short = 'L', long = "parameter", value_names = ["NAME", "VALUES"], num_args = 1..=2, action = ArgAction::Append)]
    pub parameters: Vec<String>,
    /// Short for `-L seed 0..N-1`: so many seeds of each setting
    #[arg(long, value_name = "N", value_parser = count(1))]
    pub repeat: Option<usize>,
    /// A sweep as a file: `parameters`, `method` (grid or random), `samples`, `metric`, `flags`
    #[arg(long, value_name = "FILE.yaml", value_parser = place())]
    pub file: Option<PathBuf>,
    /// Try so many settings at random, each with every seed, instead of all; ranges as
    /// `log:1e-4..1e-1` are drawn from
    #[arg(long, value_name = "N", value_parser = count(1))]
    pub random: Option<usize>,
    /// What the random settings follow from [default: 0]
    #[arg(long, value_name = "INTEGER", requires = "random")]
    pub sample_seed: Option<u64>,
    /// Ranks of each member, the server included (also `-np N`)
    #[arg(long, value_name = "RANKS", value_parser = count(1), required_unless_present = "table")]
    pub np: Option<usize>,
    /// Members that are trained at once, each on its own part of the hosts' slots [default: 1;
    /// with --jobs as many as Slurm lets]
    #[arg(long, value_name = "GROUPS", value_parser = count(1))]
    pub groups: Option<usize>,
    /// The sweep's folder, with a run for each member below it; a sweep that is there goes on
    /// [default: sweeps/TIME]
    #[arg(long, value_name = "FOLDER", value_parser = place())]
    pub out_dir: Option<PathBuf>,
    /// Metric by which settings are compared [default: the one that says most of the task]
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Train members again that failed and would fail alike
    #[arg(long)]
    pub retry_failed: bool,
    /// Show the table of a sweep's folder, and write its picture and CSV, without training
    #[arg(long, value_name = "FOLDER", value_parser = place(), conflicts_with_all = ["parameters", "file", "out_dir"])]
    pub table: Option<PathBuf>,
    /// Train nothing: write an array job for this batch system, a task for each member
    #[arg(long, value_name = "slurm")]
    pub jobs: Option<Jobs>,
    /// Longest time of a member's job, as `HOURS:MINUTES:SECONDS` [default: 01:00:00]
    #[arg(long, value_name = "TIME", requires = "jobs")]
    pub time: Option<String>,
    /// Any other option of sbatch, as `account=physics`; may come several times
    #[arg(long, value_name = "NAME=VALUE", requires = "jobs")]
    pub sbatch: Vec<String>,
    /// Train this member only, counting from 0: what a task of an array job does
    #[arg(long, value_name = "INDEX", conflicts_with = "jobs")]
    pub member: Option<usize>,
    /// Print the members and how they stand only
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub start: StartArgs,
    /// Flags of the training, the same for every member
    #[arg(last = true, value_name = "FLAGS")]
    pub training: Vec<OsString>,
}

/// Batch systems that a sweep can be handed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Jobs {
    /// An array job.
    Slurm,
}

/// Arguments of `fedmpi slurm-script`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct SlurmArgs {
    /// Nodes [default: 1]
    #[arg(long, value_name = "NODES", value_parser = count(1), default_value_t = 1, hide_default_value = true)]
    pub nodes: usize,
    /// Ranks on each node, the server included on the first [default: 3]
    #[arg(long, value_name = "RANKS", value_parser = count(1), default_value_t = 3, hide_default_value = true)]
    pub ranks_per_node: usize,
    /// GPUs on each node, over which its ranks are spread [default: 0]
    #[arg(long, value_name = "GPUS", value_parser = count(0), default_value_t = 0, hide_default_value = true)]
    pub gpus_per_node: usize,
    /// Longest time that the job may take, as `HOURS:MINUTES:SECONDS` [default: 01:00:00]
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Any other option of sbatch, as `account=physics` or `exclusive`; may come several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub sbatch: Vec<String>,
    /// Flags of the training
    #[arg(last = true, value_name = "FLAGS")]
    pub training: Vec<OsString>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Bench {
    /// The exchange of a model, beside bare MPI operations on as many bytes
    Comm(BenchArgs),
    /// Latency and bandwidth between the server's host and the others
    Net,
}

/// Arguments of `fedmpi doctor`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct DoctorArgs {
    /// Host file in either dialect (also `-hostfile FILE`) [default: the batch system's
    /// allocation]
    #[arg(long, value_name = "FILE", value_parser = place())]
    pub hostfile: Option<PathBuf>,
    /// Folder that must be readable on every host [default: none]
    #[arg(long, value_name = "FOLDER", value_parser = place())]
    pub data_dir: Option<PathBuf>,
    /// Network interface for the MPI, as `eth0` [default: the MPI's choice]
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
}

/// Arguments of `fedmpi bench comm`.
#[derive(Args, Clone, Copy, Debug)]
pub struct BenchArgs {
    /// Parameters of the model [default: 11000000]
    #[arg(long, value_name = "COUNT", value_parser = RangedU64ValueParser::<usize>::new().range(1..),
          default_value_t = 11_000_000, hide_default_value = true)]
    pub parameters: usize,
    /// Rounds to take the median of [default: 9]
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..),
          default_value_t = 9, hide_default_value = true)]
    pub rounds: u32,
}

/// Arguments of `fedmpi check`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct CheckArgs {
    /// World size to check for: one server and N-1 workers [default: 2]
    #[arg(long, value_name = "RANKS", value_parser = count(1), default_value_t = 2, hide_default_value = true)]
    pub np: usize,
    /// Folder for partition.csv (clients by classes), and partition.svg, .png and .pdf, a picture
    /// of it [default: none]
    #[arg(long, value_name = "FOLDER", value_parser = place())]
    pub partition_report: Option<PathBuf>,
    /// Train a client for each worker for one step too, from the smallest to the largest, and
    /// evaluate once
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub flags: Flags,
}

/// Arguments of `fedmpi verify`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct VerifyArgs {
    /// A run: its folder, its name below `runs`, or `last`
    #[arg(value_name = "RUN", value_parser = place())]
    pub run: PathBuf,
    /// Rounds to train again, from 1: `3,17`, `all`, or `last` [default: last]
    #[arg(
        long,
        value_name = "ROUNDS",
        default_value = "last",
        hide_default_value = true
    )]
    pub rounds: Rounds,
    /// Where the receipt goes as JSON [default: none]
    #[arg(long, value_name = "FILE", value_parser = place())]
    pub json: Option<PathBuf>,
    /// Flags of the training that do not touch its result, as `--data_dir FOLDER`
    #[arg(last = true, value_name = "FLAGS")]
    pub training: Vec<OsString>,
}

/// Some rounds of a run, as people count them.
#[derive(Clone, Debug, PartialEq)]
pub enum Rounds {
    /// The last one that is on record.
    Last,
    /// Every one.
    All,
    /// Those of these numbers, from 1.
    These(Vec<u32>),
}

impl FromStr for Rounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Rounds, String> {
        let round = |word: &str| word.trim().parse().ok().filter(|round| *round > 0);
        match text {
            "last" => Ok(Rounds::Last),
            "all" => Ok(Rounds::All),
            list => list
                .split(',')
                .map(round)
                .collect::<Option<_>>()
                .map(Rounds::These)
                .ok_or_else(|| {
                    "it is neither `all` nor `last` nor numbers from 1 up, separated by commas"
                        .to_owned()
                }),
        }
    }
}

/// Arguments of `fedmpi predict`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct PredictArgs {
    /// A run: its folder, its name below `runs`, or `last`
    #[arg(value_name = "RUN", value_parser = place())]
    pub run: PathBuf,
    /// Numbers of workers [default: 1,2,4,8,16,32,64]
    #[arg(long, value_name = "WORKERS", value_delimiter = ',', value_parser = count(1),
          default_value = "1,2,4,8,16,32,64", hide_default_value = true)]
    pub workers: Vec<usize>,
    /// Workers that take longer, as `2:3,4:1.5` or `cos:0.5`, as --worker_slowdown has it
    /// [default: none]
    #[arg(long, value_name = "RANK:FACTOR,...")]
    pub slowdown: Option<String>,
}

/// Arguments of `fedmpi partition`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct PartitionArgs {
    /// Folder for partition.json, which --partition_load takes, partition.csv (clients by
    /// classes), and partition.svg, .png and .pdf, a picture of it
    #[arg(value_name = "FOLDER", value_parser = place())]
    pub folder: PathBuf,
    #[command(flatten)]
    pub flags: Flags,
}

/// Arguments of `fedmpi config`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case", group(ArgGroup::new("what").required(true)))]
pub struct ConfigArgs {
    /// Every setting that a training with these flags would have, and who says it
    #[arg(long, group = "what")]
    pub print: bool,
    /// Only what differs from the defaults; of one file or run from the defaults; or of two from
    /// each other
    #[arg(long, group = "what", value_name = "FILE|RUN", num_args = 0..=2, value_parser = place())]
    pub diff: Option<Vec<PathBuf>>,
    /// A file of FedML, FLUTE or async-FL in our words, as a --cf file
    #[arg(long, group = "what", value_name = "FILE", value_parser = place())]
    pub from: Option<PathBuf>,
    /// What a --cf file may say, as JSON Schema, by which editors complete and check
    #[arg(long, group = "what")]
    pub schema: bool,
    /// The keys of FedML, FLUTE or async-FL, and what becomes of each
    #[arg(long, group = "what", value_name = "SYSTEM")]
    pub keys: Option<String>,
    #[command(flatten)]
    pub flags: Flags,
}

/// Arguments of `fedmpi new`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct NewArgs {
    /// The folder: a new one, or one with nothing in it
    #[arg(value_name = "FOLDER", value_parser = place())]
    pub folder: PathBuf,
    /// Folder with the files of MNIST, to train on those [default: generated data, which needs no
    /// files]
    #[arg(long, value_name = "FOLDER", value_parser = place())]
    pub mnist: Option<PathBuf>,
}

/// A shell that can complete.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Arguments of `fedmpi compare`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct CompareArgs {
    /// Runs: folders, names below runs/, or `last`
    #[arg(required = true, value_name = "RUN", value_parser = place())]
    pub runs: Vec<PathBuf>,
    /// What runs are compared along
    #[arg(long, value_name = "AXIS", default_value = "virtual")]
    pub by: By,
    /// The same as `--by rounds`
    #[arg(long, hide = true, conflicts_with = "by")]
    pub by_rounds: bool,
    /// Accuracy whose cost is asked for [default: the best that all reach]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub target_accuracy: Option<f64>,
    /// Runs that differ only in this are one: their mean and standard deviation [default: each for
    /// itself]
    #[arg(long, value_name = "SETTING", value_parser = ["seed"])]
    pub group_by: Option<String>,
    /// The table as CSV too [default: none]
    #[arg(long, value_name = "FILE", value_parser = place())]
    pub csv: Option<PathBuf>,
    /// Where the picture goes: a name that ends in .svg, .png or .pdf
    #[arg(long, value_name = "FILE", default_value = "compare.svg", value_parser = place())]
    pub svg: PathBuf,
}

/// Arguments of `fedmpi report`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct ReportArgs {
    /// Runs: folders, names below runs/, or `last`
    #[arg(required = true, value_name = "RUN", value_parser = place())]
    pub runs: Vec<PathBuf>,
    /// Where the page goes [default: report.html in the folder of the first run]
    #[arg(long, value_name = "FILE", value_parser = place())]
    pub out: Option<PathBuf>,
    /// Folder for every figure as SVG, PNG, PDF and CSV [default: none]
    #[arg(long, value_name = "FOLDER", value_parser = place())]
    pub figures: Option<PathBuf>,
}
