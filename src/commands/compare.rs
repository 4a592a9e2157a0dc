//! `fedmpi compare`: a table of runs, and a picture.

use super::report::save;
use super::say;
use crate::cli::CompareArgs;
use crate::files;
use crate::record::find;
use crate::report::figure::Export;
use crate::report::{By, compare, read};
use anyhow::{Context, Error, Result, bail};
use std::path::{Path, PathBuf};

/// Prints the table and draws the picture.
pub(super) fn run(arguments: &CompareArgs) -> Result<()> {
    let kind = kind(&arguments.svg)?;
    let folders = arguments
        .runs
        .iter()
        .map(|name| find(name))
        .collect::<Result<Vec<PathBuf>, _>>()?;
    let runs = read(&folders).map_err(Error::msg)?;
    let by = if arguments.by_rounds {
        By::Rounds
    } else {
        arguments.by
    };
    let comparison = compare(&runs, by, arguments.target_accuracy, arguments.group_by.is_some());
    say(comparison.table())?;
    if let Some(path) = &arguments.csv {
        files::write_named(path, comparison.csv().as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
        say(format_args!("table in {}", path.display()))?;
    }
    match comparison.figure() {
        Some(figure) => {
            save(&arguments.svg, &figure.drawing, kind)?;
            say(format_args!("picture in {}", arguments.svg.display()))
        }
        None => say("no picture: no run has two evaluations"),
    }
}

/// What a picture's name asks for.
fn kind(path: &Path) -> Result<Export> {
    let end = path.extension().unwrap_or_default().to_string_lossy();
    let Some(kind) = Export::named(&end) else {
        let hint = "hint: a name that ends so";
        bail!("--svg {}: pictures are in SVG, PNG or PDF ({hint})", path.display())
    };
    Ok(kind)
}
