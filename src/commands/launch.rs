//! `fedmpi launch`: says what it starts and where, starts it, and starts it again when it fails.

use super::{checked, places, remark, tell};
use crate::cli::LaunchArgs;
use crate::config::Config;
use crate::files;
use crate::host;
use crate::hosts::{HostFile, Seat, seats_table};
use crate::ids::counted;
use crate::launch::{self, HostsBy, Job, LaunchError, Launcher, last_wins, pasteable};
use crate::stop::{self, exit};
use crate::transport::Host;
use crate::{record, start};
use anyhow::Result;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Starts a training job; gives its exit code.
pub(super) fn run(arguments: LaunchArgs) -> Result<u8> {
    let launcher = Launcher::installed()?;
    if arguments.start.survive && !launcher.survives() {
        return Err(LaunchError::Mortal(launcher).into());
    }
    let hosts = places::hosts(arguments.start.hostfile.as_deref())?;
    let training = last_wins(&arguments.training);
    let config = checked(&training, arguments.np)?;
    let (program, folder) = program(training, &config, arguments.dry_run)?;
    let mut options = arguments.start.mpirun_option;
    // Workers on threads want more than the one core that their rank would be bound to.
    let binds = |option: &String| option.contains("bind") || option.contains("PIN");
    if arguments.np == 1 && config.workers > 1 && !options.iter().any(binds) {
        options.extend(launcher.unbound().iter().map(|&word| word.to_owned()));
    }
    let job = Job {
        launcher,
        ranks: arguments.np,
        hosts,
        cores: host::cores(),
        tag_output: arguments.start.tag_output,
        survive: arguments.start.survive,
        interface: arguments.start.interface,
        options,
        program,
    };
    let command = pasteable(job.command(shown(&job, arguments.start.hostfile.as_deref())));
    // Standard output may be for events alone.
    if arguments.dry_run || !(config.json || config.quiet) {
        tell(command);
    }
    if arguments.dry_run {
        remark(ranks(&job, &config)?);
        return Ok(exit::DONE);
    }
    stop::listen()?;
    Ok(launch::run(&job, &folder, arguments.start.max_restarts)?)
}

/// How the hosts are shown: by the user's own file, if the launcher can read it as it is.
fn shown<'a>(job: &Job, file: Option<&'a Path>) -> HostsBy<'a> {
    let text = file.and_then(|path| files::text(path).ok());
    let fits = |hosts: &HostFile, text: &str| hosts.is_written_in(text, job.launcher.dialect());
    match (file, &job.hosts, text) {
        (Some(path), Some(hosts), Some(text)) if fits(hosts, &text) => HostsBy::File(path),
        _ => HostsBy::List,
    }
}

/// What each rank runs, and the run's folder, which it is told if the user has not.
fn program(
    training: Vec<OsString>,
    config: &Config,
    dry_run: bool,
) -> Result<(Vec<OsString>, PathBuf)> {
    let mut program = vec![env::current_exe()?.into_os_string()];
    program.extend(training);
    if let Some(folder) = &config.out_dir {
        return Ok((program, folder.clone()));
    }
    let folder = if dry_run {
        record::default_folder(config)
    } else {
        record::free_folder(config)?
    };
    program.extend(["--out_dir".into(), folder.clone().into_os_string()]);
    Ok((program, folder))
}

/// Ranks, hosts and devices as they will be.
fn ranks(job: &Job, config: &Config) -> Result<String> {
    let workers = config.workers_of(job.ranks);
    if start::mapping(config)?.is_some() {
        let (hosts, seats) = places::planned_seats(config, job.ranks)?;
        return Ok(seats_table(&hosts, &seats, workers));
    }
    let Some(places) = job.places() else {
        return Ok(format!("{}, where the launcher puts them", counted(job.ranks, "rank")));
    };
    let hosts = places.into_iter().map(|name| Host {
        name,
        ..Host::default()
    });
    let hosts: Vec<Host> = hosts.collect();
    Ok(seats_table(&hosts, &vec![Seat::Cpu; job.ranks], workers))
}
