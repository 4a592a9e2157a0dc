//! `fedmpi verify`: trains rounds of a recorded run again, on whatever ranks are there, and says
//! whether what comes of them is what the run recorded. Nothing in the run's folder is written.

mod evidence;
mod receipt;
mod witness;

use super::rehearsal::{rehearsing, write_json};
use super::train::{alone, stay, wire, without_server};
use super::{flags_of_run, tell};
use crate::cli::VerifyArgs;
use crate::engine::{self, EngineError};
use crate::plan::Plan;
use crate::record::{self, Environment, Whole};
use crate::start::{Ready, sums};
use crate::stop::exit;
use crate::transport::mpi::Mpi;
use crate::transport::{Sums, World};
use anyhow::Result;
use evidence::{Evidence, Stretch};
use receipt::{Again, Receipt};
use std::path::Path;
use witness::{Finding, Witness};

/// Trains again as one rank of an MPI job, or alone; gives the exit code, the same on all ranks.
pub(super) fn run(arguments: &VerifyArgs) -> Result<u8> {
    let run = record::find(&arguments.run)?;
    let flags = flags_of_run(&run, &arguments.training)?;
    let look = |plan: &Plan| Evidence::read(&run, &arguments.rounds, plan);
    rehearsing(&flags, look, |mpi, ready, found| {
        verify(mpi, ready, found, arguments.json.as_deref())
    })
}

/// All stretches, one after another, and the receipt; gives the exit code.
fn verify(
    mpi: &Mpi,
    mut ready: Ready,
    found: Option<(Evidence, Environment)>,
    json: Option<&Path>,
) -> Result<u8> {
    let (evidence, now) = found.unzip();
    let stretches = match &evidence {
        Some(evidence) => evidence.stretches.clone(),
        None => Vec::new(),
    };
    let stretches = mpi.share(&stretches).swap_remove(0);
    let mut rounds = Vec::new();
    for stretch in stretches {
        ready.plan = ready.plan.up_to(stretch.to);
        rounds.extend(train(mpi, &mut ready, evidence.as_ref(), stretch)?);
    }
    let mut failed = false;
    if let Some((evidence, now)) = evidence.zip(now) {
        let whole = Whole {
            layout: ready.trainer.layout().clone(),
            frozen: ready.trainer.frozen(),
        };
        let again = Again {
            rounds,
            workers: ready.plan.config.workers_of(mpi.size()),
            now,
        };
        let receipt = Receipt::of(evidence, &ready.plan, again, &whole);
        failed = !receipt.verified;
        tell(receipt.text());
        if let Some(path) = json {
            write_json(path, &receipt)?;
        }
    }
    Ok(if mpi.first_failure(failed).is_some() {
        exit::FAILED
    } else {
        exit::DONE
    })
}

/// A rank's part in a stretch: the server has the evidence, and finds something.
fn train(
    mpi: &Mpi,
    ready: &mut Ready,
    evidence: Option<&Evidence>,
    stretch: Stretch,
) -> Result<Vec<Finding>> {
    let sums = sums(mpi, &ready.plan, ready.place);
    let together = matches!(sums, Sums::Devices(_));
    if let Some(evidence) = evidence {
        let found = lead(mpi, ready, evidence, stretch, sums)?;
        stay(mpi, together);
        return Ok(found);
    }
    let served = engine::serve(&ready.plan, &mut wire(mpi, sums), ready.trainer.as_mut());
    served
        .map(|()| stay(mpi, together))
        .or_else(|fault| without_server(mpi, fault))?;
    Ok(Vec::new())
}

/// The server's part.
fn lead(
    mpi: &Mpi,
    ready: &mut Ready,
    evidence: &Evidence,
    stretch: Stretch,
    sums: Sums,
) -> Result<Vec<Finding>, EngineError> {
    let Ready {
        plan,
        place,
        trainer,
        ..
    } = ready;
    let saved = evidence.saved(plan, stretch)?;
    let mut witness = Witness::new(evidence, stretch)?;
    if mpi.size() == 1 {
        alone(plan, trainer.layout(), *place, &mut witness, saved)?;
    } else {
        engine::run(plan, &mut wire(mpi, sums), trainer.as_mut(), &mut witness, saved)?;
    }
    Ok(witness.findings)
}
