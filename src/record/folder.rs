//! The folder of one run. A folder that holds a run is never written into by accident.

use crate::config::Config;
use crate::event::{Event, RecordError, Recorder};
use crate::files::write_whole;
use crate::part::PartError;
use crate::plan::Plan;
use crate::record::checkpoint::KEPT_FILE;
use crate::record::table::{RECORDERS, Scene, chosen};
use crate::record::{Checkpoints, Journal, SummaryFile};
use crate::weights::Layout;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const CONFIG: &str = "config.yaml";
const JOURNAL: &str = "journal.jsonl";
const SUMMARY: &str = "summary.json";
const CHECKPOINTS: &str = "checkpoints";
const LOCK: &str = ".lock";
/// How long the ranks of an ended job are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run's folder: this process's alone while it is held.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    // None where the file system cannot lock.
    _lock: Option<fs::File>,
    // Whether another process held it just now.
    waited: bool,
}

/// A folder that cannot take the run.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another run's results are there.
    #[error("{0} holds a run already (hint: another --out_dir, or --overwrite true)")]
    Occupied(PathBuf),
    /// Another process has trained there while this one waited.
    #[error(
        "another process has just trained in {0} (hint: was fedmpi started several times? `mpirun -np 3 fedmpi` makes \
         ranks of one job; or another --out_dir for each)"
    )]
    Raced(PathBuf),
    /// A run is still going on there.
    #[error("{0} belongs to a run that is still going on (hint: another --out_dir, or wait for its ranks to end)")]
    Busy(PathBuf),
    /// A recorder that there is not.
    #[error(transparent)]
    Recorder(#[from] PartError),
    /// It cannot be written to.
    #[error("cannot write to {path}: {reason} (hint: choose a writable --out_dir)")]
    Unwritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl RunFolder {
    /// Makes the folder that a config names, if it is not there, and claims it. A job that was ended may
    /// outlive its launcher, so its ranks are waited for.
    ///
    /// # Errors
    /// A folder that cannot be written to, or in which another run goes on.
    pub fn claim(config: &Config) -> Result<RunFolder, FolderError> {
        let path = config.out_dir.clone().unwrap_or_else(|| default_folder(config));
        fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        let file = fs::File::create(path.join(LOCK)).map_err(|error| unwritable(&path, &error))?;
        let (began, mut waited) = (Instant::now(), false);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(RunFolder { path, _lock: Some(file), waited }),
                Err(fs::TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    waited = true;
                    thread::sleep(PATIENCE / 200);
                }
                Err(fs::TryLockError::WouldBlock) => return Err(FolderError::Busy(path)),
                Err(fs::TryLockError::Error(_)) => return Ok(RunFolder { path, _lock: None, waited }),
            }
        }
    }

    /// Writes the resolved config, and removes what a run left that may be overwritten.
    ///
    /// # Errors
    /// A folder that holds a run, unless it may be overwritten, or that cannot be written to; an unknown recorder.
    pub fn prepare(&self, config: &Config) -> Result<(), FolderError> {
        chosen(config)?;
        let recorded = RECORDERS.iter().flat_map(|entry| entry.build.files);
        let names = [CONFIG, JOURNAL, SUMMARY, KEPT_FILE];
        let old: Vec<PathBuf> = names.iter().chain(recorded).map(|name| self.path.join(name)).collect();
        let goes_on = config.resume.is_some();
        if old.iter().any(|file| file.exists()) && !config.overwrite && !goes_on {
            let path = self.path.clone();
            return Err(if self.waited { FolderError::Raced(path) } else { FolderError::Occupied(path) });
        }
        for file in old.iter().filter(|file| file.exists() && !goes_on) {
            fs::remove_file(file).map_err(|error| unwritable(file, &error))?;
        }
        let checkpoints = checkpoints(&self.path);
        if checkpoints.exists() && !goes_on {
            fs::remove_dir_all(&checkpoints).map_err(|error| unwritable(&checkpoints, &error))?;
        }
        let text = serde_yaml::to_string(config).map_err(|error| unwritable(&self.path, &error))?;
        let file = self.path.join(CONFIG);
        write_whole(&file, text.as_bytes()).map_err(|error| unwritable(&file, &error))
    }

    /// The recorders that write this folder's files: those that are chosen, between the ones that every run needs.
    /// When a run goes on after so many `rounds`, they begin with what is kept of it.
    ///
    /// # Errors
    /// An unknown recorder; a file that cannot be made or read.
    pub fn recorders(
        &self,
        plan: &Plan,
        layout: &Layout,
        rounds: Option<u32>,
    ) -> Result<Vec<Box<dyn Recorder>>, RecordError> {
        let (journal, kept) = match rounds {
            Some(rounds) => Journal::resume(self.path.join(JOURNAL), rounds)?,
            None => (Journal::create(self.path.join(JOURNAL))?, Vec::new()),
        };
        let mut summary = SummaryFile::new(self.path.join(SUMMARY), plan);
        let scene = Scene { folder: &self.path, plan, layout };
        let mut recorders: Vec<Box<dyn Recorder>> = Vec::new();
        for record in chosen(&plan.config).map_err(|error| super::fault(&self.path, error))? {
            recorders.extend((record.make)(&scene)?);
        }
        for event in kept.iter().filter(|event| !matches!(event, Event::Finished { .. })) {
            recorders.record(event, &[])?;
            summary.record(event, &[])?;
        }
        recorders.insert(0, Box::new(journal));
        recorders.push(Box::new(Checkpoints::create(checkpoints(&self.path), plan)?));
        // The last, so that a run with a summary is whole.
        recorders.push(Box::new(summary));
        Ok(recorders)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn unwritable(path: &Path, error: &dyn ToString) -> FolderError {
    FolderError::Unwritable { path: path.to_owned(), reason: error.to_string() }
}

/// Where the checkpoints of a run's folder are.
pub fn checkpoints(folder: &Path) -> PathBuf {
    folder.join(CHECKPOINTS)
}

/// Where a run goes that names no folder.
pub fn default_folder(config: &Config) -> PathBuf {
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
    PathBuf::from(format!("runs/{time}-{}-{}", config.dataset, config.model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_never_overwritten_by_accident() {
        let parent = tempfile::tempdir().expect("a folder");
        let config = Config { out_dir: Some(parent.path().join("a/b")), ..Config::default() };
        let folder = RunFolder::claim(&config).expect("free");
        folder.prepare(&config).expect("new");
        assert!(folder.path().join(CONFIG).exists());
        assert!(matches!(folder.prepare(&config), Err(FolderError::Occupied(_))));
        let recorded: Vec<PathBuf> =
            RECORDERS.iter().flat_map(|entry| entry.build.files).map(|name| folder.path().join(name)).collect();
        recorded.iter().for_each(|file| fs::write(file, "97.0\n").expect("writable"));
        assert!(folder.prepare(&Config { overwrite: true, ..config.clone() }).is_ok());
        assert!(recorded.iter().all(|file| !file.exists()));
        let unknown = Config { record: "csv;cvs".parse().expect("never fails"), overwrite: true, ..config.clone() };
        assert!(folder.prepare(&unknown).expect_err("unknown").to_string().contains("did you mean `csv`?"));
        assert!(fs::File::open(folder.path().join(LOCK)).expect("there").try_lock().is_err());
        let path = folder.path().to_owned();
        drop(folder);
        assert!(RunFolder::claim(&config).is_ok());
        let below_a_file = Config { out_dir: Some(path.join(CONFIG).join("x")), ..Config::default() };
        assert!(matches!(RunFolder::claim(&below_a_file), Err(FolderError::Unwritable { .. })));
    }
}
