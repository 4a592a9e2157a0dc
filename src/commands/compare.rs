//! `fedmpi compare`: a table of runs, and a picture.

use super::say;
use crate::record;
use anyhow::{Error, Result, ensure};
use std::path::{Path, PathBuf};

/// Prints the table and draws the picture.
pub(super) fn run(runs: &[PathBuf], target_accuracy: Option<f64>, by_rounds: bool, svg: &Path) -> Result<()> {
    let is_svg = svg.extension().is_some_and(|end| end.eq_ignore_ascii_case("svg"));
    ensure!(is_svg, "--svg {}: pictures are in SVG (hint: a name that ends in .svg)", svg.display());
    let folders = runs.iter().map(|name| record::find(name)).collect::<Result<Vec<_>, _>>()?;
    let comparison = record::compare(&folders, target_accuracy).map_err(Error::msg)?;
    say(comparison.table())?;
    if comparison.draw(svg, by_rounds).map_err(Error::msg)? {
        say(format_args!("picture in {}", svg.display()))?;
    } else {
        say("no picture: no run has two evaluations with an accuracy")?;
    }
    Ok(())
}
