//! Training, as one rank of an MPI job, or alone.

use super::events::Events;
use super::{refuse_once, remark, tell, verdict};
use crate::config::{Config, Flags};
use crate::engine::{self, EngineError, Outcome};
use crate::event::{Recorder, State};
use crate::ids::Rank;
use crate::launch::{Launched, pasteable};
use crate::plan::{Plan, follows_length};
use crate::record::{self, RunFolder, Summary};
use crate::start::{
    Place, Ready, ServerPart, Speaker, Stop, check_config, level_of_flags, log_at, make_trainer,
    prepare, start_log, sums,
};
use crate::stop::{self, exit};
use crate::train::{TrainError, Trainer};
use crate::transport::mpi::{Mpi, Wire};
use crate::transport::{Metered, Sums, TransportError, World};
use crate::weights::{self, Layout};
use anyhow::{Error, Result};
use std::path::Path;
use std::process::ExitCode;

/// Trains as one rank of an MPI job, or alone.
pub(crate) fn train(flags: Flags) -> ExitCode {
    if let Some(refusal) = refusal_of_all(&flags) {
        refuse_once(format_args!("error: {refusal:#}"));
        return exit::REFUSED.into();
    }
    let launched = Launched::here();
    let Some(mpi) = Mpi::start() else {
        remark("error: MPI is initialised already");
        return ExitCode::FAILURE;
    };
    start_log(Speaker::Rank(mpi.rank()));
    log_at(level_of_flags(&flags));
    stop::end_at_once(true);
    if let Err(error) = stop::listen() {
        log::warn!("signals will kill this rank at once: {error}");
    }
    let mut code = ExitCode::SUCCESS;
    let prepared = |mpi: &Mpi| prepare(mpi, launched, &flags).inspect(|_| stop::end_at_once(false));
    mpi.run(|mpi| match prepared(mpi) {
        Ok(ready) => work(mpi, ready),
        Err(Stop::Refused(message)) => {
            if let Some(error) = message {
                log::error!("{error:#}");
            }
            code = ExitCode::from(exit::REFUSED);
            Ok(())
        }
        Err(Stop::Finished(summary)) => {
            if let Some(summary) = summary {
                again(&summary, &flags);
            }
            Ok(())
        }
    });
    code
}

/// Why no rank would go on, as far as flags alone can tell: files may differ from host to host.
fn refusal_of_all(flags: &Flags) -> Option<Error> {
    if flags.cf.is_some() || flags.resume.is_some() {
        return None;
    }
    match Config::resolve(flags) {
        Err(fault) => Some(fault.into()),
        Ok(config) if config.names_files() => None,
        Ok(config) => check_config(&config).err(),
    }
}

/// Training: as server, as worker, or as both when there is one process.
fn work(mpi: &Mpi, ready: Ready) -> Result<()> {
    let Ready {
        plan,
        place,
        mut trainer,
        server,
    } = ready;
    let sums = sums(mpi, &plan, place);
    let together = matches!(sums, Sums::Devices(_));
    let Some(ServerPart {
        folder,
        mut recorders,
        saved,
    }) = server
    else {
        let served = engine::serve(&plan, &mut wire(mpi, sums), trainer.as_mut());
        return served
            .map(|()| stay(mpi, together))
            .or_else(|error| without_server(mpi, error));
    };
    if plan.config.json {
        recorders.push(Box::new(Events::new()));
    }
    let saved = saved.map(|saved| (saved.state, saved.weights));
    let run = if mpi.size() == 1 {
        let model = trainer.layout().clone();
        drop(trainer);
        alone(&plan, &model, place, &mut recorders, saved)
    } else {
        engine::run(&plan, &mut wire(mpi, sums), trainer.as_mut(), &mut recorders, saved)
    };
    // A bar is gone before anything else is said.
    drop(recorders);
    finish(mpi, run.inspect(|_| stay(mpi, together)), &folder, &plan.config)
}

/// A whole job in this process: a server, and workers on threads.
pub(super) fn alone(
    plan: &Plan,
    model: &Layout,
    place: Place,
    recorder: &mut dyn Recorder,
    saved: Option<(State, Vec<f32>)>,
) -> Result<Outcome, EngineError> {
    let (workers, make) = on_threads(plan, place);
    // On a GPU a worker's sum stays there.
    let plan = if place.device.is_cuda() {
        plan.clone()
    } else {
        plan.clone().in_one_process(model)
    };
    engine::run_local(&plan, workers, make, recorder, saved)
}

/// How many workers a process has that is alone, and what makes their trainers and the server's.
pub(super) fn on_threads(
    plan: &Plan,
    place: Place,
) -> (usize, impl Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + use<>) {
    let (plan, workers) = (plan.clone(), plan.config.workers_of(1));
    let place = Place {
        sharers: place.sharers + workers,
        ..place
    };
    (workers, move |rank| make_trainer(&plan, place, rank))
}

/// The transport of one run; it is dropped before anybody waits for the others.
pub(super) fn wire(mpi: &Mpi, sums: Sums) -> Metered<Wire<'_>> {
    Metered::new(mpi.transport().summing(sums))
}

/// Nobody leaves while a peer may still read from its GPU.
pub(super) fn stay(mpi: &Mpi, together: bool) {
    if together {
        mpi.barrier();
    }
}

/// The server has said why it is gone, if it could. One of the others says the rest.
pub(super) fn without_server(mpi: &Mpi, error: EngineError) -> Result<()> {
    match error {
        EngineError::Transport(TransportError::Gone(Rank::SERVER)) => {
            if mpi.is_lowest_left() {
                log::warn!("rank 0 is gone, and nothing goes on without the server");
                log::logger().flush();
            }
            mpi.abort(exit::FAILED)
        }
        error => Err(error.into()),
    }
}

/// Prints the result: where it is and how good.
fn finish(
    mpi: &Mpi,
    run: Result<Outcome, EngineError>,
    folder: &RunFolder,
    config: &Config,
) -> Result<()> {
    if let Err(EngineError::EndWanted) = &run {
        log::warn!(
            "{} (hint: {} goes on)",
            EngineError::EndWanted,
            pasteable(["--resume".as_ref(), folder.path()])
        );
        log::logger().flush();
        mpi.abort(exit::ENDED);
    }
    let outcome = run?;
    if !config.json {
        tell_result(outcome, folder.path(), config, mpi.size());
    }
    Ok(())
}

fn tell_result(outcome: Outcome, folder: &Path, config: &Config, ranks: usize) {
    let known = Summary::read(folder).ok().flatten();
    let summary = known.unwrap_or_else(|| {
        verdict::summary_of(
            outcome.rounds,
            outcome.reason,
            outcome.test,
            weights::hash(&outcome.weights),
        )
    });
    verdict::lines(&summary, folder, config.comm_round as u32)
        .iter()
        .for_each(tell);
    if !config.quiet {
        verdict::next(&summary, folder, ranks, !follows_length(config))
            .iter()
            .for_each(tell);
    }
}

/// How good a run is that had come to its end before.
fn again(summary: &Summary, flags: &Flags) {
    if flags.json == Some(true) {
        return;
    }
    tell("the run was finished already, and nothing is changed");
    let resumed = flags.resume.as_deref();
    if let Some(folder) = resumed.and_then(|name| record::find(name).ok()) {
        verdict::lines(summary, &folder, summary.rounds)
            .iter()
            .for_each(tell);
    }
}
