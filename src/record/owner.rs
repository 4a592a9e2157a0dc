//! Whose a folder is: what a run's folder holds, and how it says that it is one.

use crate::config::Config;
use crate::files;
use crate::record::checkpoint::KEPT_FILE;
use crate::record::environment::ENVIRONMENT;
use crate::record::summary::SUMMARY;
use crate::record::table::RECORDERS;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(super) use crate::config::RUN_CONFIG as CONFIG;

/// What must be known of the data to use the model.
pub(super) const DATA: &str = "data.json";
/// Who owns how much of what.
pub const CLIENTS: &str = "clients.csv";
pub(super) const JOURNAL: &str = "journal.jsonl";
pub(super) const CHECKPOINTS: &str = "checkpoints";
/// Held by the run while it goes on, and the sign that the folder is a run's.
pub(super) const MARKER: &str = ".fedmpi";
/// The first line of the marker; the job's name may follow.
pub(super) const MARK: &str = "a run of fedmpi";

/// Who a folder belongs to.
#[derive(Debug, PartialEq)]
pub(super) enum Owner {
    /// No run yet.
    Nobody,
    /// A run.
    Run,
    /// Somebody who has this under a name of ours.
    Others(PathBuf),
}

/// Files of recorders of which a user chooses.
pub(super) fn recorded() -> impl Iterator<Item = &'static str> {
    RECORDERS
        .iter()
        .flat_map(|entry| entry.build.files)
        .copied()
}

/// What a run's folder may hold beside checkpoints.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [
        CONFIG,
        DATA,
        CLIENTS,
        ENVIRONMENT,
        JOURNAL,
        SUMMARY,
        KEPT_FILE,
    ]
    .into_iter()
    .chain(recorded())
}

/// Whose a folder is: what has one of our names, or will have it, must be of a run.
pub(super) fn owner(folder: &Path) -> Owner {
    let marker = folder.join(MARKER);
    if fs::metadata(&marker).is_ok_and(|facts| facts.len() > 0) && !is_marked(folder) {
        return Owner::Others(marker);
    }
    let whole: Vec<PathBuf> = names()
        .chain([CHECKPOINTS])
        .map(|name| folder.join(name))
        .collect();
    let parts = whole.iter().map(|file| files::part_of(file));
    let found = whole
        .iter()
        .cloned()
        .chain(parts)
        .find(|file| files::is_there(file));
    match found {
        None => Owner::Nobody,
        Some(_) if is_marked(folder) || is_older_run(folder) => Owner::Run,
        Some(file) => Owner::Others(file),
    }
}

/// Whether the folder says that it is a run's.
pub(super) fn is_marked(folder: &Path) -> bool {
    said(folder).is_some_and(|text| text.lines().next() == Some(MARK))
}

/// What the marker says.
fn said(folder: &Path) -> Option<String> {
    files::text(&folder.join(MARKER)).ok()
}

/// Runs of older programs have no marker, but a config of ours and a journal that begins as ours
/// do.
fn is_older_run(folder: &Path) -> bool {
    let mut begin = [0; 18];
    let journal =
        files::open(&folder.join(JOURNAL)).and_then(|mut file| file.read_exact(&mut begin));
    let config = files::text(&folder.join(CONFIG)).is_ok_and(|text| Config::parse(&text).is_ok());
    config && journal.is_ok() && &begin == b"{\"event\":\"started\""
}

/// The job whose run a folder holds, as [`super::RunFolder::prepare`] was told.
pub fn job_of(folder: &Path) -> Option<String> {
    let text = said(folder)?;
    let mut lines = text.lines();
    lines.next().filter(|line| *line == MARK)?;
    lines
        .find_map(|line| line.strip_prefix("job "))
        .map(str::to_owned)
}
