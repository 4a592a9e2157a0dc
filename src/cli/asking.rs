//! Arguments of commands that ask a run what it has not said yet.

use super::values::{count, place};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments of `fedmpi clients`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct ClientsArgs {
    /// A run: its folder, its name below `runs`, or `last`
    #[arg(value_name = "RUN", default_value = "last", value_parser = place())]
    pub run: PathBuf,
    /// The column to sort by, the highest first; clients by their numbers [default: client]
    #[arg(
        long,
        value_name = "COLUMN",
        default_value = "client",
        hide_default_value = true
    )]
    pub sort: Column,
    /// So many clients at most [default: all]
    #[arg(long, value_name = "CLIENTS", value_parser = count(1))]
    pub most: Option<usize>,
    /// As CSV, with all digits
    #[arg(long)]
    pub csv: bool,
}

/// What is said of each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Column {
    /// Its number.
    Client,
    /// Samples behind its updates.
    Samples,
    /// How often it was trained.
    Trained,
    /// How often it was left out because its training diverged.
    Diverged,
    /// Its last training loss.
    Loss,
    /// Mean seconds of a training.
    Seconds,
    /// The same for each sample.
    PerSample,
    /// The worker that trained it last, and its host.
    Worker,
}

/// Arguments of `fedmpi evaluate`.
#[derive(Args, Debug)]
#[command(rename_all = "snake_case")]
pub struct EvaluateArgs {
    /// A run: its folder, its name below `runs`, or `last`
    #[arg(value_name = "RUN", default_value = "last", value_parser = place())]
    pub run: PathBuf,
    /// The best model instead of the last one; runs keep it with `--record 'csv;model;best'`
    #[arg(long)]
    pub best: bool,
    /// Each class by itself too
    #[arg(long)]
    pub classes: bool,
    /// Other data than the run's [default: the run's]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Where the data is [default: as the run had it]
    #[arg(long, value_name = "FOLDER", value_parser = place())]
    pub data_dir: Option<PathBuf>,
    /// Where the metrics go as JSON [default: none]
    #[arg(long, value_name = "FILE", value_parser = place())]
    pub json: Option<PathBuf>,
    /// Other flags of the training, as `--device_type cpu`
    #[arg(last = true, value_name = "FLAGS")]
    pub training: Vec<OsString>,
}
