//! `environment.json`: what made a run. Its results are the same bits only on alike libraries and
//! processors, so whoever reads a folder must be able to see them.

use super::{fault, unread};
use crate::event::RecordError;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The file's name.
pub const ENVIRONMENT: &str = "environment.json";

/// One start of a run. A folder has one for each, in order: a run that goes on adds its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// The program's version.
    pub version: String,
    /// The commit that it was built from, or `unknown`.
    pub commit: String,
    /// The server's command line, the program first.
    pub command: Vec<String>,
    /// Where that was said, on the server's host: relative names of files start there.
    pub directory: String,
    /// When it began, by the server's clock: RFC 3339, with the zone's offset.
    pub started: String,
    /// Where the server ran.
    pub host: String,
    /// The MPI library, as it says itself.
    pub mpi: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Version of the CUDA that libtorch was built with; none of a libtorch for CPUs.
    pub cuda: Option<String>,
    /// Models of processors, those of all hosts, each once: `AMD EPYC 7763; Intel Xeon Gold 6248`.
    pub processor: String,
    /// Cores that the server's host lends.
    pub cores: usize,
    /// Models of the GPUs that ranks computed on, by rank; none on CPUs.
    pub gpus: Vec<String>,
    /// Ranks on each host.
    pub hosts: BTreeMap<String, usize>,
}

/// Every start of the run in a folder; none of a run that is older than this record.
///
/// # Errors
/// A file that cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Environment>, RecordError> {
    let path = folder.join(ENVIRONMENT);
    match files::bytes(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        bytes => serde_json::from_slice(&bytes.map_err(|error| unread(&path, error))?)
            .map_err(|e| unread(&path, e)),
    }
}

/// Adds a start to those of a folder. A record that cannot be read is kept beside.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn add(folder: &Path, start: &Environment) -> Result<(), RecordError> {
    let path = folder.join(ENVIRONMENT);
    let mut starts = match read(folder) {
        Ok(starts) => starts,
        Err(error) => {
            let kept = files::set_aside(&path).map_err(|error| fault(&path, error))?;
            kept.iter()
                .for_each(|kept| log::warn!("{error}; it is kept as {}", kept.display()));
            Vec::new()
        }
    };
    starts.push(start.clone());
    let text = serde_json::to_string_pretty(&starts).map_err(|error| fault(&path, error))?;
    files::write_whole(&path, (text + "\n").as_bytes()).map_err(|error| fault(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_start_is_kept_and_damage_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = |version: &str| Environment {
            version: version.to_owned(),
            cuda: Some("13.0".to_owned()),
            hosts: [("a".to_owned(), 3)].into(),
            ..Environment::default()
        };
        assert_eq!(read(folder.path()).expect("none is fine"), []);
        ["1", "2"]
            .iter()
            .for_each(|version| add(folder.path(), &start(version)).expect("writable"));
        assert_eq!(read(folder.path()).expect("written"), ["1", "2"].map(start));
        fs::write(folder.path().join(ENVIRONMENT), "{").expect("writable");
        assert!(read(folder.path()).is_err());
        add(folder.path(), &start("3")).expect("writable");
        assert_eq!(read(folder.path()).expect("written"), [start("3")]);
        assert_eq!(fs::read(folder.path().join("environment.json.kept-1")).expect("kept"), b"{");
    }
}
