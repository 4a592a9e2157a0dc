//! Runs as things that have names and a state: what lies in a folder of runs, and which run is
//! meant.

use super::Summary;
use super::ending::reason;
use super::folder::RUNS;
use super::owner::{CONFIG, JOURNAL, MARKER, is_marked};
use crate::config::Config;
use crate::event::{Event, Standing, Started};
use crate::files;
use jiff::Timestamp;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The newest run, wherever a run is named; `last~1` is the one before.
const LAST: &str = "last";

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// How it stands.
    pub standing: Standing,
    /// When it began.
    pub started: Timestamp,
    /// How it began; none when it has not.
    pub begun: Option<Started>,
    /// Its figures; none when it had not begun.
    pub summary: Option<Summary>,
    /// Its config; none when it cannot be read.
    pub config: Option<Config>,
}

/// A name of no run.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// Nothing has this name.
    #[error(
        "there is no run {0} (hint: name the folder of a run, or `last`; fedmpi runs lists those in {RUNS}/)"
    )]
    Unknown(String),
    /// Not so many runs.
    #[error("{RUNS}/ holds {found} runs, so there is no {name} (hint: fedmpi runs lists them)")]
    TooFew {
        /// What was asked for.
        name: String,
        /// How many there are.
        found: usize,
    },
}

impl Run {
    /// Looks at a run's folder.
    pub fn look(folder: &Path) -> Run {
        // A summary that cannot be read tells nothing.
        let summary = Summary::read(folder).ok().flatten();
        let begun = begun(folder);
        Run {
            folder: folder.to_owned(),
            standing: standing(folder, summary.as_ref()),
            started: started(folder, begun.as_ref()),
            begun,
            config: files::text(&folder.join(CONFIG))
                .ok()
                .and_then(|text| Config::parse(&text).ok()),
            summary,
        }
    }
}

impl Run {
    /// Why it is over, as far as its summary says; of one that was killed without a word, when it
    /// was last at work.
    pub fn reason(&self) -> String {
        reason(&self.folder, self.standing, self.summary.as_ref())
    }
}

/// How a run stands: one that says it goes on, though no process holds its folder, was killed.
pub fn standing(folder: &Path, summary: Option<&Summary>) -> Standing {
    match summary.map_or(Standing::Running, |summary| summary.state) {
        Standing::Running if is_held(folder) => Standing::Running,
        Standing::Running => Standing::Killed,
        told => told,
    }
}

/// Whether a process holds a run's folder. Where the file system cannot lock, nobody knows, and it
/// may be.
fn is_held(folder: &Path) -> bool {
    files::open(&folder.join(MARKER)).is_ok_and(|marker| marker.try_lock_shared().is_err())
}

/// How a run began, by the first line of its journal.
pub(super) fn begun(folder: &Path) -> Option<Started> {
    let mut line = String::new();
    BufReader::new(files::open(&folder.join(JOURNAL)).ok()?)
        .read_line(&mut line)
        .ok()?;
    match serde_json::from_str(&line).ok()? {
        Event::Started(started) => Some(started),
        _ => None,
    }
}

/// When a run began, by its journal, else by its folder's age.
pub(super) fn started(folder: &Path, begun: Option<&Started>) -> Timestamp {
    let seen = || {
        let facts = fs::metadata(folder.join(CONFIG)).ok()?;
        Timestamp::try_from(facts.modified().ok()?).ok()
    };
    match begun {
        Some(begun) if begun.at != Timestamp::default() => begun.at,
        _ => seen().unwrap_or_default(),
    }
}

/// Whether a folder is a run's.
pub fn is_run(folder: &Path) -> bool {
    is_marked(folder)
}

/// The folders of runs in a folder, the oldest first.
///
/// # Errors
/// A folder that cannot be read.
pub fn folders_in(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let folder = entry?.path();
        if is_marked(&folder) {
            found.push((started(&folder, begun(&folder).as_ref()), folder));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, folder)| folder).collect())
}

/// The folder of the run that a user names: a path, a name below `runs`, or `last`.
///
/// # Errors
/// A name of none.
pub fn find(name: &Path) -> Result<PathBuf, NoRun> {
    find_below(Path::new(RUNS), name)
}

fn find_below(runs: &Path, name: &Path) -> Result<PathBuf, NoRun> {
    if name.is_dir() {
        return Ok(name.to_owned());
    }
    let word = name.display().to_string();
    if let Some(back) = back(&word) {
        let folders = folders_in(runs).unwrap_or_default();
        let found = folders.len();
        let place = found
            .checked_sub(back + 1)
            .ok_or(NoRun::TooFew { name: word, found })?;
        return Ok(folders[place].clone());
    }
    let folder = runs.join(name);
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(NoRun::Unknown(word))
    }
}

/// How many runs back `last` or `last~N` goes.
fn back(name: &str) -> Option<usize> {
    match name.strip_prefix(LAST)? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RunFolder;

    /// A run that began so many seconds after 1970, and that this process holds.
    fn begun(folder: PathBuf, seconds: i64) -> RunFolder {
        let journal = folder.join(JOURNAL);
        let config = Config {
            out_dir: Some(folder),
            ..Config::default()
        };
        let mut held = RunFolder::claim(&config).expect("free");
        held.prepare(&config, None).expect("new");
        let started = Event::Started(Started {
            rounds: 1,
            workers: 1,
            parameters: 1,
            at: Timestamp::from_second(seconds).expect("a time"),
            ..Started::default()
        });
        let line = serde_json::to_string(&started).expect("plain data");
        fs::write(journal, line + "\n").expect("writable");
        held
    }

    #[test]
    fn runs_are_found_by_path_by_name_and_from_the_end() {
        let parent = tempfile::tempdir().expect("a folder");
        let older = begun(parent.path().join("b"), 100);
        let newer = begun(parent.path().join("a"), 200);
        fs::create_dir(parent.path().join("notes")).expect("writable");
        let found =
            |name: &str| find_below(parent.path(), Path::new(name)).map(|folder| folder.to_owned());
        assert_eq!(found("last").expect("there"), newer.path());
        assert_eq!(found("last~1").expect("there"), older.path());
        assert_eq!(found("b").expect("there"), older.path());
        assert_eq!(find_below(Path::new("/nowhere"), newer.path()).expect("there"), newer.path());
        assert!(found("last~2").is_err_and(|error| {
            error
                .to_string()
                .contains("holds 2 runs, so there is no last~2")
        }));
        assert!(found("c").is_err_and(|error| error.to_string().contains("there is no run c")));
        // Who holds the folder is at work there.
        assert_eq!(Run::look(older.path()).standing, Standing::Running);
        let path = older.path().to_owned();
        drop(older);
        let run = Run::look(&path);
        assert_eq!((run.standing, run.started.as_second()), (Standing::Killed, 100));
        assert!(run.config.is_some() && run.summary.is_none());
    }
}
