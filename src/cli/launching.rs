//! What commands take that start jobs: one, many, or a batch system's.

use super::values::{count, place};
use clap::{ArgAction, Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

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
    #[arg(short = 'L', long = "parameter", value_names = ["NAME", "VALUES"], num_args = 1..=2,
          action = ArgAction::Append)]
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
    /// Members that are trained at once, each on its own part of the hosts' slots and of the GPU
    /// mapping [default: 1; with --jobs as many as Slurm lets]
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
    #[arg(long, value_name = "FOLDER", value_parser = place(),
          conflicts_with_all = ["parameters", "file", "out_dir"])]
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
    #[arg(long, value_name = "NODES", value_parser = count(1),
          default_value_t = 1, hide_default_value = true)]
    pub nodes: usize,
    /// Ranks on each node, the server included on the first [default: 3]
    #[arg(long, value_name = "RANKS", value_parser = count(1),
          default_value_t = 3, hide_default_value = true)]
    pub ranks_per_node: usize,
    /// GPUs on each node, over which its ranks are spread [default: 0]
    #[arg(long, value_name = "GPUS", value_parser = count(0),
          default_value_t = 0, hide_default_value = true)]
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
