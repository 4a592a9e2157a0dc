//! Where files lie: people keep data sets where the programs that they come from have unpacked
//! them.

use super::DataError;
use std::path::{Path, PathBuf};

/// The first of these paths below a folder that is there. An empty one is the folder itself: it is
/// named if none is there, else the first.
pub fn found(folder: &Path, below: &[&str]) -> PathBuf {
    let mut paths = below.iter().map(|below| path(folder, below));
    if let Some(there) = paths.find(|path| path.exists()) {
        return there;
    }
    match below.first() {
        Some(first) if !below.contains(&"") => path(folder, first),
        _ => folder.to_owned(),
    }
}

/// The first of these files below a folder that is there.
///
/// # Errors
/// None is; all are named.
pub fn file(folder: &Path, below: &[&str]) -> Result<PathBuf, DataError> {
    let mut paths = below.iter().map(|below| path(folder, below));
    let [first, others @ ..] = below else { return Ok(folder.to_owned()) };
    paths.find(|path| path.exists()).ok_or_else(|| {
        let more = match others {
            [] => String::new(),
            others => format!(", nor is {} there", listed(others)),
        };
        DataError::Read {
            path: path(folder, first),
            reason: format!("no such file{more}"),
        }
    })
}

/// The first of these folders that has what is sought; an empty name is the folder itself.
///
/// # Errors
/// None has it; all are named. `sought` is the path of that in each.
pub fn holder(
    folder: &Path,
    below: &[&str],
    sought: &str,
    has: impl Fn(&Path) -> bool,
) -> Result<PathBuf, DataError> {
    let mut paths = below.iter().map(|below| path(folder, below));
    paths.find(|path| has(path)).ok_or_else(|| {
        let inner: Vec<&str> = below
            .iter()
            .filter(|below| !below.is_empty())
            .copied()
            .collect();
        let more = match &inner[..] {
            [] => String::new(),
            inner => format!(", nor below {} of that folder", listed(inner)),
        };
        DataError::Read {
            path: folder.join(sought),
            reason: format!("it is not there{more}"),
        }
    })
}

/// Names in one line.
fn listed(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        names => names.concat(),
    }
}

fn path(folder: &Path, below: &str) -> PathBuf {
    // Joined with nothing it would end in a stroke.
    if below.is_empty() {
        folder.to_owned()
    } else {
        folder.join(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_is_there_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("b/raw")).expect("writable");
        assert_eq!(found(folder.path(), &["a/raw", "b/raw", ""]), folder.path().join("b/raw"));
        assert_eq!(found(folder.path(), &["a/raw", ""]), folder.path());
        assert_eq!(found(folder.path(), &["a/raw", "c"]), folder.path().join("a/raw"));
        let nowhere = folder.path().join("nowhere");
        assert_eq!(found(&nowhere, &["a/raw", ""]), nowhere);
    }

    #[test]
    fn an_empty_folder_hides_nothing_and_all_places_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        std::fs::create_dir_all(folder.join("a/raw")).expect("writable");
        std::fs::write(folder.join("digits"), "").expect("writable");
        let has = |path: &Path| path.join("digits").exists();
        let seek = |below: &[&str]| {
            holder(folder, below, "digits", has).map_err(|error| error.to_string())
        };
        assert_eq!(seek(&["a/raw", "raw", ""]).as_deref(), Ok(folder));
        let refused = seek(&["a/raw", "raw", "c"]).expect_err("refused");
        let wanted = "digits: it is not there, nor below a/raw, raw or c of that folder (hint:";
        assert!(refused.contains(wanted), "{refused}");
        assert_eq!(file(folder, &["x", "digits"]).expect("there"), folder.join("digits"));
        let refused = file(folder, &["x", "y", "z"])
            .expect_err("refused")
            .to_string();
        assert!(refused.contains("x: no such file, nor is y or z there"), "{refused}");
    }
}
