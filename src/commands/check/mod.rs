//! `fedmpi check`: everything that is checked before a training, and what the training would be: in
//! words, then what differs from the defaults, who computes where, who owns how much, what it may
//! take, and the command that trains it.

mod command;
mod estimate;
mod full;
mod words;

use super::places::workers_of;
use super::{partition, places, say};
use crate::cli::CheckArgs;
use crate::config::{Config, Residency, wrapped};
use crate::hosts::seats_table;
use crate::start::{self, check_config};
use crate::torch;
use anyhow::{Result, ensure};
use std::env;
use words::{Job, Known};

/// Ranks are taken to run where the mapping wants them, or here without one.
pub(super) fn run(arguments: &CheckArgs) -> Result<()> {
    let ranks = arguments.np;
    let config = start::resolve(&arguments.flags)?;
    if !config.translation.is_empty() {
        say(format_args!("{}\n\n", config.translation.table()))?;
    }
    check_config(&config)?;
    let (hosts, seats) = places::planned_seats(&config, ranks)?;
    let settings = differing(&config)?;
    let places = seats_table(&hosts, &seats);
    if config.data_residency == Residency::Local {
        let hint = "hint: no rank here sees the data of all, leave it out";
        ensure!(
            arguments.partition_report.is_none(),
            "--partition_report with --data_residency local ({hint})"
        );
        ensure!(!arguments.full, "--full with --data_residency local ({hint})");
        let job = Job {
            config: &config,
            known: None,
            hosts: &hosts,
            seats: &seats,
        };
        let note = noted(
            "every rank looks at its own data when the job starts, so nothing is measured here",
        );
        return say(format_args!("{}\n{note}\n\n{settings}\n\n{places}", job.in_words()));
    }
    let plan = places::plan_here(config)?;
    let workers = workers_of(ranks);
    let known = Known {
        plan: &plan,
        parameters: torch::parameters(&plan)?,
    };
    let job = Job {
        config: &plan.config,
        known: Some(known),
        hosts: &hosts,
        seats: &seats,
    };
    let notes = plan
        .notes(workers)
        .into_iter()
        .map(|note| noted(&note) + "\n");
    say(format_args!("{}\n{}", job.in_words(), notes.collect::<String>()))?;
    say(format_args!("{settings}\n\n{places}\n\n{}", partition::histogram(&plan)))?;
    if let Some(path) = plan.save_partition()? {
        say(format_args!("it is in {}", path.display()))?;
    }
    if let Some(folder) = &arguments.partition_report {
        let written = partition::write(&plan, folder)?;
        let names: Vec<String> = written
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        say(format_args!("who owns how much: {}", names.join(", ")))?;
    }
    if arguments.full {
        say(format_args!("\n{}", wrapped(&full::rehearsed(&plan, workers)?, 0, 2)))?;
    }
    say(format_args!(
        "\n{}\n\nok: {}",
        estimate::estimate(&plan, &seats),
        command::of(ranks, env::args_os().skip(2))
    ))
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
