//! New folders, for runs that name none.

use super::{FolderError, unwritable};
use crate::config::Config;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder of runs that name none.
pub const RUNS: &str = "runs";

/// Makes a new folder for a run that names none: runs of the same second get one each.
///
/// # Errors
/// When none can be made.
pub fn free_folder(config: &Config) -> Result<PathBuf, FolderError> {
    let folder = default_folder(config);
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    new_folder(Path::new(RUNS), &name)
}

/// Where a run would go that names no folder.
pub fn default_folder(config: &Config) -> PathBuf {
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
    Path::new(RUNS).join(format!("{time}-{}-{}", config.dataset.name, config.model.name))
}

/// A new folder of this name, or with a number after it.
fn new_folder(parent: &Path, name: &str) -> Result<PathBuf, FolderError> {
    fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    let mut path = parent.join(name);
    for number in 2.. {
        match fs::create_dir(&path) {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                path = parent.join(format!("{name}-{number}"))
            }
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_get_a_folder_each() {
        let parent = tempfile::tempdir().expect("a folder");
        let made: Vec<PathBuf> = (0..3)
            .map(|_| new_folder(parent.path(), "a").expect("new"))
            .collect();
        assert_eq!(made, ["a", "a-2", "a-3"].map(|name| parent.path().join(name)));
    }
}
