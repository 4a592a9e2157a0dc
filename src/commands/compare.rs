//! `fedmpi compare`: a table of finished runs, and a picture.

use super::say;
use crate::record;
use anyhow::{Error, Result};
use std::path::{Path, PathBuf};

/// Prints the table and draws the picture.
pub(super) fn run(runs: &[PathBuf], target_accuracy: Option<f64>, svg: &Path) -> Result<()> {
    let comparison = record::compare(runs, target_accuracy).map_err(Error::msg)?;
    say(comparison.table())?;
    comparison.draw(svg).map_err(Error::msg)?;
    say(format_args!("picture in {}", svg.display()))?;
    Ok(())
}
