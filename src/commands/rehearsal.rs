//! What commands share that look at a run again as an MPI job.

use crate::config::Flags;
use crate::files;
use crate::launch::Launched;
use crate::plan::Plan;
use crate::record::Environment;
use crate::start::{Ready, Stop, rehearse};
use crate::stop::exit;
use crate::transport::mpi::Mpi;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;

/// Makes ranks ready by a run's settings and lets them act; the server has what its `look` at the
/// run found. Gives the exit code, the same on all ranks.
pub(super) fn rehearsing<T>(
    flags: &Flags,
    look: impl FnOnce(&Plan) -> Result<T>,
    act: impl FnOnce(&Mpi, Ready, Option<(T, Environment)>) -> Result<u8>,
) -> Result<u8> {
    let launched = Launched::here();
    let mpi = Mpi::start().context("MPI is initialised already")?;
    let mut code = exit::DONE;
    mpi.run(|mpi| {
        code = match rehearse(mpi, launched, flags, look) {
            Ok((ready, found)) => act(mpi, ready, found)?,
            Err(Stop::Refused(error)) => {
                if let Some(error) = error {
                    log::error!("{error:#}");
                }
                exit::REFUSED
            }
            Err(Stop::Finished(_)) => exit::REFUSED,
        };
        anyhow::Ok(())
    });
    Ok(code)
}

/// Writes what was found for programs.
pub(super) fn write_json(path: &Path, found: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(found)? + "\n";
    let unwritten = || format!("cannot write {} (hint: --json FILE)", path.display());
    files::write_named(path, text.as_bytes()).with_context(unwritten)
}
