//! What each command takes.

use super::values::{Rounds, count, place, share};
use crate::config::Flags;
use crate::report::By;
use clap::builder::RangedU64ValueParser;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

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
    #[arg(long, value_name = "COUNT",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..),
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
    /// World size to check for: one server and N-1 workers [default: 2, 1 with --workers]
    #[arg(long, value_name = "RANKS", value_parser = count(1))]
    pub np: Option<usize>,
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
