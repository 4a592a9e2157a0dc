//! `fedmpi check`: everything that is checked before a training, and what the training would be: in
//! words, then what differs from the defaults, who computes where, who owns how much, what it may
//! take, and the command that trains it.

mod command;
mod estimate;
mod full;
mod words;

use super::{partition, places, say};
use crate::cli::CheckArgs;
use crate::config::{Config, Residency, wrapped};
use crate::hosts::{Seat, seats_table};
use crate::plan::Plan;
use crate::start::{self, check_config};
use crate::torch;
use crate::transport::Host;
use anyhow::{Result, ensure};
use std::env;
use words::{Job, Known};

/// Ranks are taken to run where the mapping wants them, or here without one.
pub(super) fn run(arguments: &CheckArgs) -> Result<()> {
    let config = start::resolve(&arguments.flags)?;
    if !config.translation.is_empty() {
        say(format_args!("{}\n\n", config.translation.table()))?;
    }
    check_config(&config)?;
    // Several threads are workers of a program that runs alone.
    let usual = if config.workers > 1 { 1 } else { 2 };
    let ranks = arguments.np.unwrap_or(usual);
    let layout = Layout::of(&config, ranks)?;
    match config.data_residency {
        Residency::Local => without_data(arguments, &config, &layout),
        Residency::Shared => with_data(arguments, config, &layout),
    }
}

/// Where ranks would be.
struct Layout {
    hosts: Vec<Host>,
    seats: Vec<Seat>,
    /// What differs from the defaults, and a line for each rank.
    text: String,
}

impl Layout {
    fn of(config: &Config, ranks: usize) -> Result<Layout> {
        let (hosts, seats) = places::planned_seats(config, ranks)?;
        let table = seats_table(&hosts, &seats, config.workers_of(ranks));
        let text = format!("{}\n\n{table}", differing(config)?);
        Ok(Layout { hosts, seats, text })
    }
}

/// Data that stays with its workers is not looked at here.
fn without_data(arguments: &CheckArgs, config: &Config, layout: &Layout) -> Result<()> {
    let hint = "hint: no rank here sees the data of all, leave it out";
    let reports = arguments.partition_report.is_some();
    ensure!(!reports, "--partition_report with --data_residency local ({hint})");
    ensure!(!arguments.full, "--full with --data_residency local ({hint})");
    let job = Job {
        config,
        known: None,
        hosts: &layout.hosts,
        seats: &layout.seats,
    };
    let note =
        noted("every rank looks at its own data when the job starts, so nothing is measured here");
    say(format_args!("{}\n{note}\n\n{}", job.in_words(), layout.text))
}

/// Reads the data, divides it, and measures.
fn with_data(arguments: &CheckArgs, config: Config, layout: &Layout) -> Result<()> {
    let plan = places::plan_here(config)?;
    let model = torch::layout(&plan)?;
    plan.check_cover(&model)?;
    let workers = plan.config.workers_of(layout.seats.len());
    let job = Job {
        config: &plan.config,
        known: Some(Known {
            plan: &plan,
            parameters: model.parameters(),
        }),
        hosts: &layout.hosts,
        seats: &layout.seats,
    };
    let notes: Vec<String> = plan
        .notes(workers)
        .iter()
        .map(|note| noted(note) + "\n")
        .collect();
    say(format_args!("{}\n{}", job.in_words(), notes.concat()))?;
    say(format_args!("{}\n\n{}", layout.text, partition::histogram(&plan)))?;
    write_files(arguments, &plan)?;
    if arguments.full {
        say(format_args!("\n{}", wrapped(&full::rehearsed(&plan, workers)?, 0, 2)))?;
    }
    say(format_args!(
        "\n{}\n\nok: {}",
        estimate::estimate(&plan, &layout.seats),
        command::of(layout.seats.len(), env::args_os().skip(2))
    ))
}

/// The partition, and the report on it, where they are wanted.
fn write_files(arguments: &CheckArgs, plan: &Plan) -> Result<()> {
    if let Some(path) = plan.save_partition()? {
        say(format_args!("it is in {}", path.display()))?;
    }
    if let Some(folder) = &arguments.partition_report {
        let written = partition::write(plan, folder)?;
        let names: Vec<String> = written
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        say(format_args!("who owns how much: {}", names.join(", ")))?;
    }
    Ok(())
}

/// Settings that differ from the defaults, as a `--cf` file says them.
fn differing(config: &Config) -> Result<String> {
    let settings = config.unusual()?;
    if settings.is_empty() {
        return Ok("every setting has its default".to_owned());
    }
    let text = serde_yaml::to_string(&settings)?;
    Ok(format!("what differs from the defaults:\n{}", text.trim_end()))
}

fn noted(note: &str) -> String {
    wrapped(&format!("note: {note}"), 0, 6)
}
