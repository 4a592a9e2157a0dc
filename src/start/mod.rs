//! The start of a training job, in order: MPI, arguments, logging, seed, GPU mapping, data, model,
//! training. After each step all ranks settle whether all of them succeeded; if not, the lowest
//! that failed says why, and every rank ends. So bad input yields one message and leaves no rank
//! behind.

mod data;
mod environment;
mod folder;
mod log;
mod names;
mod seats;
mod settle;
mod trainer;
mod words;

use crate::config::{Config, Flags};
use crate::ids::Rank;
use crate::launch::Launched;
use crate::plan::Plan;
use crate::record::Environment;
use crate::record::checkpoint::Saved;
use crate::screen::Screen;
use crate::train::Trainer;
use crate::transport::World;
use crate::transport::mpi::{Mpi, library_version};
use anyhow::{Result, ensure};
use folder::Past;
use settle::{same_build, settle, unless_finished};

pub(crate) use self::log::{Speaker, level_of_flags, log_at, start_log};
pub(crate) use folder::ServerPart;
pub(crate) use names::resolve;
pub(crate) use seats::{Place, check_workers, mapping};
pub(crate) use settle::Stop;
pub(crate) use trainer::{make_trainer, sums};

/// Everything a rank needs to train.
pub(crate) struct Ready {
    pub(crate) plan: Plan,
    pub(crate) place: Place,
    pub(crate) trainer: Box<dyn Trainer>,
    pub(crate) server: Option<ServerPart>,
}

/// All steps before training.
pub(crate) fn prepare(mpi: &Mpi, launched: Launched, flags: &Flags) -> Result<Ready, Stop> {
    let config = agree(mpi, launched, flags)?;
    let is_server = mpi.rank() == Rank::SERVER;
    let screen = if is_server {
        Screen::find(&config, launched.rank.is_some())
    } else {
        Screen::default()
    };
    log::look(mpi.share(&screen.look())[Rank::SERVER.index()]);
    settle(mpi, log::log_to_file(&config, mpi.rank()))?;
    let (hosts, seats) = seats::take(mpi, &config)?;
    let plan = trainer::fitted(mpi, data::plan(mpi, &hosts, config)?)?;
    let folder = settle(mpi, is_server.then(|| folder::claim(&plan)).transpose())?;
    // Before anything is written: a run that cannot go on stays as it is.
    let saved = saved(mpi, &plan)?;
    let place = seats::place(mpi.rank(), &hosts, &seats);
    let trainer = trainer::settled(mpi, &plan, place)?;
    if is_server {
        for line in words::of_run(&plan, trainer.layout().parameters(), &hosts) {
            ::log::info!("{line}");
        }
    }
    let environment = environment::gather(mpi, &hosts, &seats);
    let server = folder.zip(environment).map(|(folder, environment)| {
        folder::server_part(
            &plan,
            flags.job.as_deref(),
            trainer.as_ref(),
            folder,
            saved,
            &environment,
            screen,
        )
    });
    let server = settle(mpi, server.transpose())?;
    Ok(Ready {
        plan,
        place,
        trainer,
        server,
    })
}

/// What the run goes on from, if it does, which the server knows; a run that is finished does not.
fn saved(mpi: &Mpi, plan: &Plan) -> Result<Option<Saved>, Stop> {
    let past = match mpi.rank() {
        Rank::SERVER => folder::past(plan),
        _ => Ok(Past::None),
    };
    let (saved, finished) = match settle(mpi, past)? {
        Past::None => (None, None),
        Past::Saved(saved) => (Some(saved), None),
        Past::Finished(summary) => (None, Some(summary)),
    };
    unless_finished(mpi, finished)?;
    Ok(saved)
}

/// All steps before a run is trained again, which claims no folder and writes nothing. `look` is
/// the server's look at what the run left, once there is a plan; what it finds there comes back,
/// with what this job runs on.
pub(crate) fn rehearse<T>(
    mpi: &Mpi,
    launched: Launched,
    flags: &Flags,
    look: impl FnOnce(&Plan) -> Result<T>,
) -> Result<(Ready, Option<(T, Environment)>), Stop> {
    let config = agree(mpi, launched, flags)?;
    let (hosts, seats) = seats::take(mpi, &config)?;
    let plan = trainer::fitted(mpi, data::plan(mpi, &hosts, config)?)?;
    let is_server = mpi.rank() == Rank::SERVER;
    let found = settle(mpi, is_server.then(|| look(&plan)).transpose())?;
    let place = seats::place(mpi.rank(), &hosts, &seats);
    let trainer = trainer::settled(mpi, &plan, place)?;
    let environment = environment::gather(mpi, &hosts, &seats);
    Ok((
        Ready {
            plan,
            place,
            trainer,
            server: None,
        },
        found.zip(environment),
    ))
}

/// What the user wrote, once all ranks know each other and run the same program.
fn agree(mpi: &Mpi, launched: Launched, flags: &Flags) -> Result<Config, Stop> {
    // Ranks that do not know each other cannot settle anything: the first of them speaks.
    together(mpi.size(), launched)
        .map_err(|error| Stop::Refused((launched.rank.unwrap_or(0) == 0).then_some(error)))?;
    same_build(mpi)?;
    let config = settle(mpi, read_config(&names::agree(mpi, flags)?))?;
    log_at(log::level(&config));
    Ok(config)
}

/// Ranks that were started together know each other.
fn together(known: usize, launched: Launched) -> Result<()> {
    let launched = launched.ranks.map_or(1, |ranks| ranks as usize);
    ensure!(
        known > 1 || launched == 1,
        "a launcher has started {launched} ranks, but this program's MPI ({}) sees {known}: each \
         would train alone (hint: start it by that MPI's mpirun, or `fedmpi launch -np {launched} \
         -- FLAGS`)",
        library_version().split(',').next().unwrap_or_default()
    );
    Ok(())
}

/// What the user wrote, as far as it can be checked without data.
pub(crate) fn read_config(flags: &Flags) -> Result<Config> {
    let config = resolve(flags)?;
    check_config(&config)?;
    Ok(config)
}

/// Everything that can be checked without data and without ranks, whatever the command.
pub(crate) fn check_config(config: &Config) -> Result<()> {
    Ok(Plan::check(config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_another_launcher_do_not_train_alone() {
        let by = |ranks| Launched {
            rank: Some(0),
            ranks,
        };
        assert!(
            together(3, by(Some(3))).is_ok()
                && together(1, by(None)).is_ok()
                && together(1, by(Some(1))).is_ok()
        );
        // A launcher that counts only those of this host.
        assert!(together(4, by(Some(2))).is_ok());
        let refusal = together(1, by(Some(3)))
            .expect_err("another launcher's")
            .to_string();
        assert!(
            refusal.contains("started 3 ranks") && refusal.contains("fedmpi launch -np 3"),
            "{refusal}"
        );
    }
}
