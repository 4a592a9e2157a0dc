//! Training, as one rank of an MPI job, or alone.

use super::{refuse_once, remark, tell};
use crate::config::{Config, Flags};
use crate::engine::{self, EngineError, Outcome};
use crate::ids::{Rank, counted};
use crate::launch::{Launched, pasteable};
use crate::record::{RunFolder, Summary};
use crate::start::{Ready, ServerPart, Stop, check_config, log_at, make_trainer, prepare, start_log, sums};
use crate::stop::{self, exit};
use crate::transport::mpi::{Mpi, Wire};
use crate::transport::{Metered, Sums, TransportError, World};
use crate::weights;
use anyhow::{Error, Result};
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
    start_log(Some(mpi.rank()));
    log_at(flags.verbose.unwrap_or(0));
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
            summary.iter().for_each(|summary| again(summary, &flags));
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
    let Ready { plan, device, sharers, mut trainer, server } = ready;
    let sums = sums(mpi, &plan, device);
    let together = matches!(sums, Sums::Devices(_));
    let Some(ServerPart { folder, mut recorders, saved }) = server else {
        let served = engine::serve(&plan, &mut wire(mpi, sums), trainer.as_mut());
        return served.map(|()| stay(mpi, together)).or_else(|error| without_server(mpi, error));
    };
    let saved = saved.map(|saved| (saved.state, saved.weights));
    let run = if mpi.size() == 1 {
        let make = |rank| make_trainer(&plan, device, sharers + 1, rank);
        engine::run_local(&plan, 1, &make, &mut recorders, saved)
    } else {
        engine::run(&plan, &mut wire(mpi, sums), trainer.as_mut(), &mut recorders, saved)
    };
    finish(mpi, run.inspect(|_| stay(mpi, together)), &folder, plan.rounds())
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
fn finish(mpi: &Mpi, run: Result<Outcome, EngineError>, folder: &RunFolder, planned: u32) -> Result<()> {
    if let Err(EngineError::EndWanted) = &run {
        log::warn!("{} (hint: {} goes on)", EngineError::EndWanted, pasteable(["--resume".as_ref(), folder.path()]));
        log::logger().flush();
        mpi.abort(exit::ENDED);
    }
    let outcome = run?;
    let test = outcome.test.unwrap_or_default();
    result(test.lead(), outcome.rounds, &weights::hash(&outcome.weights));
    if outcome.rounds < planned {
        tell(format_args!("ended before round {planned}: {}", outcome.reason));
    }
    tell(format_args!("results in {}", folder.path().display()));
    Ok(())
}

/// How good a run is that had come to its end before.
fn again(summary: &Summary, flags: &Flags) {
    result(summary.lead(), summary.rounds, &summary.model_hash);
    let reason = if summary.reason.is_empty() { String::new() } else { format!(": {}", summary.reason) };
    tell(format_args!("the run was finished already, and nothing is changed{reason}"));
    if let Some(folder) = &flags.resume {
        tell(format_args!("results in {}", folder.display()));
    }
}

fn result((metric, value): (&str, f64), rounds: u32, hash: &str) {
    let rounds = counted(rounds as usize, "round");
    tell(format_args!("final test {metric} {value:.4} after {rounds}, model {hash}"));
}
