//! The commands, one file each: each does what was asked for and prints what came of it.

mod bench;
mod check;
mod clients;
mod columns;
mod compare;
mod completions;
mod config;
mod doctor;
mod evaluate;
mod events;
mod hostfile;
mod launch;
mod list;
mod man;
mod new;
mod partition;
mod places;
mod predict;
mod reference;
mod rehearsal;
mod report;
mod runs;
mod say;
mod slurm;
mod sweep;
mod terminal;
mod train;
mod verdict;
mod verify;
mod version;
mod watch;

use crate::cli::{self, Command};
use crate::config::{Config, Flags, RUN_CONFIG};
use crate::launch::tied;
use crate::start;
use crate::stop::{self, exit};
use anyhow::{Error, Result, ensure};
use std::ffi::OsString;
use std::iter;
use std::path::Path;

pub(crate) use say::{Unheard, is_first, refuse_once, remark, say, tell};
pub(crate) use train::train;
pub(crate) use version::version;

/// Runs a command; gives its exit code.
pub(crate) fn run(command: Command) -> Result<u8> {
    // A job goes on unread, and its ranks must survive a connection that breaks.
    if !command.is_of_a_job() {
        stop::end_unread()?;
    }
    match command {
        Command::Launch(arguments) => return launch::run(arguments),
        Command::Verify(arguments) => return verify::run(&arguments),
        Command::Evaluate(arguments) => return evaluate::run(&arguments),
        Command::Sweep(arguments) => return sweep::run(&arguments),
        Command::Doctor(arguments) => return doctor::run(&arguments),
        Command::Tied { parent, command } => return Err(tied(parent, &command).into()),
        Command::Check(arguments) => check::run(&arguments)?,
        Command::Partition(arguments) => partition::run(&arguments)?,
        Command::Compare(arguments) => compare::run(&arguments)?,
        Command::Report(arguments) => report::run(&arguments)?,
        Command::Clients(arguments) => clients::run(&arguments)?,
        Command::Predict(arguments) => predict::run(&arguments)?,
        Command::Runs { folder, json } => runs::run(folder.as_deref(), json)?,
        Command::Watch { run, once } => watch::run(&run, once)?,
        Command::New(arguments) => new::run(&arguments)?,
        Command::Config(arguments) => config::run(&arguments)?,
        Command::Completions { shell } => completions::run(shell)?,
        Command::Man { folder } => man::run(&folder)?,
        Command::SlurmScript(arguments) => slurm::run(arguments)?,
        Command::Probe { data_dir } => doctor::answer(data_dir.as_deref())?,
        Command::Bench(bench) => bench::run(&bench)?,
        Command::List { markdown: true, .. } => say(reference::page()?)?,
        Command::List { kind, name, .. } => list::run(kind.as_deref(), name.as_deref())?,
        Command::Hostfile { to, file } => hostfile::run(to, &file)?,
    }
    Ok(exit::DONE)
}

/// Flags of a training that follow another command.
fn flags_of(training: &[OsString]) -> Result<Flags> {
    let words = iter::once(OsString::from("fedmpi")).chain(training.iter().cloned());
    let asked = cli::parse(words).map_err(refused)?;
    ensure!(
        asked.command.is_none(),
        "what follows -- are flags of a training, not another command"
    );
    Ok(asked.flags)
}

/// A run's own settings under flags that come along.
fn flags_of_run(run: &Path, training: &[OsString]) -> Result<Flags> {
    let flags = flags_of(training)?;
    let own = flags.cf.is_none() && flags.resume.is_none() && flags.out_dir.is_none();
    ensure!(
        own,
        "--cf, --resume and --out_dir would do nothing: the settings are the run's, and nothing is \
         written"
    );
    Ok(Flags {
        cf: Some(run.join(RUN_CONFIG)),
        ..flags
    })
}

/// Training flags as a command line of their own, checked for so many ranks before anything is
/// started.
fn checked(training: &[OsString], ranks: usize) -> Result<Config> {
    let config = start::read_config(&flags_of(training)?)?;
    places::planned_seats(&config, ranks)?;
    Ok(config)
}

/// Another command's refusal, within ours.
fn refused(error: clap::Error) -> Error {
    Error::msg(
        error
            .render()
            .to_string()
            .trim_start_matches("error: ")
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_command_is_no_training() {
        for line in [&["check"][..], &["list", "model"], &["launch", "--np", "2"]] {
            let words: Vec<OsString> = line.iter().map(OsString::from).collect();
            let refused = checked(&words, 2).expect_err("refused").to_string();
            assert!(refused.contains("flags of a training"), "{refused}");
        }
        assert!(checked(&["--comm_round", "3"].map(OsString::from), 2).is_ok());
    }

    #[test]
    fn all_that_needs_no_data_is_checked_before_anything_starts() {
        for (line, ranks, said) in [
            ("--model 3nn", 3, "did you mean `2nn`"),
            ("--dispatch one_per_worker", 3, "there are 2 workers"),
            (
                "--device cpu --gpu_util_parse localhost:1,1 --dataset mnsit",
                3,
                "did you mean `mnist`",
            ),
            ("--partition_method shards:shards=3", 2, "no setting `shards`"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let refused = checked(&words, ranks).expect_err("refused").to_string();
            assert!(refused.contains(said), "{line}: {refused}");
        }
    }
}
