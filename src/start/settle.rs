//! All ranks go on, or none does.

use crate::host;
use crate::record::Summary;
use crate::transport::World;
use crate::transport::mpi::Mpi;
use anyhow::{Error, Result};

/// This rank does not go on.
pub(crate) enum Stop {
    /// Something is wrong; the rank that has a message has not logged it yet.
    Refused(Option<Error>),
    /// All is done already; the server has the summary of it.
    Finished(Option<Box<Summary>>),
}

/// All ranks go on, or none does.
pub(super) fn settle<T>(mpi: &Mpi, step: Result<T>) -> Result<T, Stop> {
    match (mpi.first_failure(step.is_err()), step) {
        (None, Ok(value)) => Ok(value),
        (Some(rank), Err(error)) if rank == mpi.rank() => Err(Stop::Refused(Some(error))),
        _ => Err(Stop::Refused(None)),
    }
}

/// All ranks go on, unless the server finds that all is done.
pub(super) fn unless_finished(mpi: &Mpi, finished: Option<Summary>) -> Result<(), Stop> {
    match mpi.first_failure(finished.is_some()) {
        None => Ok(()),
        Some(_) => Err(Stop::Finished(finished.map(Box::new))),
    }
}

/// Another build may compute other bits, or speak another language.
pub(super) fn same_build(mpi: &Mpi) -> Result<(), Stop> {
    let mine = host::build().unwrap_or_default();
    let theirs = mpi.tell(&mine).swap_remove(0);
    settle(mpi, same(&mine, &theirs))
}

fn same(mine: &str, theirs: &str) -> Result<()> {
    anyhow::ensure!(
        mine == theirs,
        "this host has another build of fedmpi ({mine}) than rank 0 ({theirs}) (hint: copy the \
         same file to every host; `fedmpi doctor` compares them)"
    );
    Ok(())
}
