//! `fedmpi partition`: divides the data without training, into a file that `--partition_load`
//! takes, a table and pictures.

mod histogram;
mod report;

use super::{places, say};
use crate::cli::PartitionArgs;
use crate::config::Residency;
use crate::start::{self, check_config};
use anyhow::{Result, ensure};
use std::path::Path;

pub(super) use histogram::histogram;
pub(super) use report::write;

/// What holds the partition itself.
const FILE: &str = "partition.json";

/// One process does it, and needs no MPI.
pub(super) fn run(arguments: &PartitionArgs) -> Result<()> {
    let config = start::resolve(&arguments.flags)?;
    check_config(&config)?;
    let hint = "hint: --data_residency shared, on the machine that has the data";
    ensure!(config.data_residency == Residency::Shared, "no rank sees the data of all ({hint})");
    let plan = places::plan_here(config)?;
    let file = arguments.folder.join(FILE);
    report::is_free(&file)?;
    let mut written = write(&plan, &arguments.folder)?;
    plan.partition.save(&file)?;
    written.insert(0, file.clone());
    if let Some(path) = plan.save_partition()? {
        written.push(path.to_owned());
    }
    let names: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    say(format_args!(
        "{}\n\nwritten: {}\n{}",
        histogram(&plan),
        names.join(", "),
        how_to_use(&file)
    ))
}

fn how_to_use(file: &Path) -> String {
    format!("A training with the same data takes it by --partition_load {}", file.display())
}
