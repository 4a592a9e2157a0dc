//! `fedmpi report`: a page of one run or several, and its figures as files.

use super::say;
use crate::cli::ReportArgs;
use crate::files;
use crate::ids::counted;
use crate::record::find;
use crate::report::figure::{Export, Figure, export};
use crate::report::{page, read, report};
use anyhow::{Context, Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The page in the folder of the first run.
const PAGE: &str = "report.html";

/// Writes the page, and the figures if they are wanted.
pub(super) fn run(arguments: &ReportArgs) -> Result<()> {
    let folders = arguments
        .runs
        .iter()
        .map(|name| find(name))
        .collect::<Result<Vec<PathBuf>, _>>()?;
    let runs = read(&folders).map_err(Error::msg)?;
    let report = report(&runs);
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| folders[0].join(PAGE));
    let unwritten = || format!("cannot write {} (hint: --out FILE)", path.display());
    files::write_named(&path, page(&report).as_bytes()).with_context(unwritten)?;
    say(format_args!("report of {} in {}", counted(runs.len(), "run"), path.display()))?;
    if let Some(folder) = &arguments.figures {
        let count = report
            .figures()
            .map(|figure| write(figure, folder))
            .sum::<Result<usize>>()?;
        say(format_args!("{count} files of figures in {}", folder.display()))?;
    }
    Ok(())
}

/// Writes a figure in each kind, and what it is drawn from; gives how many files.
fn write(figure: &Figure, folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for kind in Export::ALL {
        save(&folder.join(format!("{}.{}", figure.name, kind.end())), &figure.drawing, kind)?;
    }
    let table = folder.join(format!("{}.csv", figure.name));
    files::write_named(&table, figure.table.as_bytes())
        .with_context(|| format!("cannot write {}", table.display()))?;
    Ok(Export::ALL.len() + 1)
}

/// Writes a drawing as a file of a kind.
pub(super) fn save(path: &Path, drawing: &str, kind: Export) -> Result<()> {
    let content = export(drawing, kind)
        .map_err(|error| Error::msg(format!("cannot draw {}: {error}", path.display())))?;
    files::write_named(path, &content).with_context(|| format!("cannot write {}", path.display()))
}
