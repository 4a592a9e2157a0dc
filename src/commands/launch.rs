//! `fedmpi launch`: says what it starts and where, starts it, and starts it again when it fails.

use super::{checked, places};
use crate::cli::LaunchArgs;
use crate::config::Config;
use crate::hosts::{Seat, seats_table};
use crate::launch::{self, Job, LaunchError, Launcher};
use crate::stop::{self, exit};
use crate::transport::Host;
use crate::{record, start};
use anyhow::Result;
use std::env;
use std::path::{Path, PathBuf};

/// Starts a training job; gives its exit code.
pub(super) fn run(arguments: LaunchArgs) -> Result<u8> {
    let launcher = Launcher::installed()?;
    if arguments.survive && !launcher.survives() {
        return Err(LaunchError::Mortal(launcher).into());
    }
    let hosts = places::hosts(arguments.hostfile.as_deref())?;
    let config = checked(&arguments.training)?;
    let (program, folder) = program(arguments.training, &config, arguments.dry_run)?;
    let job = Job {
        launcher,
        ranks: arguments.np,
        hosts,
        tag_output: arguments.tag_output,
        survive: arguments.survive,
        interface: arguments.interface,
        options: arguments.mpirun_option,
        program,
    };
    println!("{}", job.command(Path::new("HOSTS")).join(" "));
    if let Some(hosts) = &job.hosts {
        print!("with HOSTS:\n{}", hosts.write(launcher.dialect()));
    }
    println!("{}", table(&job, &config)?);
    if arguments.dry_run {
        return Ok(exit::DONE);
    }
    stop::listen()?;
    Ok(launch::run(&job, &folder, arguments.max_restarts)?)
}

/// What each rank runs, and the run's folder, which it is told if the user has not.
fn program(training: Vec<String>, config: &Config, dry_run: bool) -> Result<(Vec<String>, PathBuf)> {
    let mut program = vec![env::current_exe()?.display().to_string()];
    program.extend(training);
    if let Some(folder) = &config.out_dir {
        return Ok((program, folder.clone()));
    }
    let folder = if dry_run { record::default_folder(config) } else { record::free_folder(config)? };
    program.extend(["--out_dir".to_owned(), folder.display().to_string()]);
    Ok((program, folder))
}

/// Ranks, hosts and devices as they will be.
fn table(job: &Job, config: &Config) -> Result<String> {
    if start::mapping(config)?.is_some() {
        let (hosts, seats) = places::planned_seats(config, job.ranks)?;
        return Ok(seats_table(&hosts, &seats));
    }
    let named = |name| Host { name, ..Host::default() };
    let hosts: Vec<Host> = job.places().into_iter().map(named).collect();
    Ok(seats_table(&hosts, &vec![Seat::Cpu; job.ranks]))
}
