//! Why a folder cannot take a run, and what to do then.

use crate::part::PartError;
use std::path::{Path, PathBuf};

/// A folder that cannot take the run.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another run's results are there.
    #[error("{0} holds a run already (hint: another --out_dir, or --overwrite true)")]
    Occupied(PathBuf),
    /// Something is there that no run has made.
    #[error("{0} is there and not of a run, so it is not replaced (hint: another --out_dir)")]
    Foreign(PathBuf),
    /// Another process has trained there while this one waited.
    #[error(
        "another process has just trained in {0} (hint: was fedmpi started several times? `mpirun -np 3 fedmpi` makes \
         ranks of one job; or another --out_dir for each)"
    )]
    Raced(PathBuf),
    /// A run is still going on there.
    #[error(
        "{0} belongs to a run that is still going on (hint: another --out_dir, or wait for its ranks to end)"
    )]
    Busy(PathBuf),
    /// A recorder that there is not.
    #[error(transparent)]
    Recorder(#[from] PartError),
    /// It cannot be written to.
    #[error("cannot write to {path}: {reason} (hint: choose a writable --out_dir)")]
    Unwritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

pub(super) fn unwritable(path: &Path, error: &dyn ToString) -> FolderError {
    FolderError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
