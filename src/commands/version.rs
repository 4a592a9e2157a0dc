//! `fedmpi --version`: which program this is, and what it is built of.

use crate::config::wrapped;
use crate::host::{COMMIT, VERSION};
use crate::torch::About;
use crate::transport::mpi;

/// Where values begin.
const COLUMN: usize = 10;

/// What can be left out when the program is built, by name.
const FEATURES: [(&str, bool); 3] = [
    ("mpi", cfg!(feature = "mpi")),
    ("torch", cfg!(feature = "torch")),
    ("nccl", cfg!(feature = "nccl")),
];

/// Version and commit; on further lines its libraries, as they are found here. No MPI is started.
pub(crate) fn version(whole: bool) -> String {
    let commit = &COMMIT[..COMMIT.len().min(12)];
    let program = format!("fedmpi {VERSION} ({commit})");
    if !whole {
        return program;
    }
    let libtorch = About::libtorch();
    let cuda = libtorch
        .cuda
        .unwrap_or_else(|| "none: this libtorch is for CPUs".to_owned());
    let features: Vec<&str> = FEATURES
        .iter()
        .filter(|(_, is_in)| *is_in)
        .map(|(name, _)| *name)
        .collect();
    let lines = [
        ("MPI", mpi::library_version()),
        ("libtorch", libtorch.version),
        ("CUDA", cuda),
        ("features", features.join(", ")),
    ];
    lines.iter().fold(program, |text, (name, value)| {
        format!("{text}\n{name:<COLUMN$}{}", wrapped(value, COLUMN, COLUMN).trim_start())
    })
}
