//! The folder of one run. It is ours only if it says so: a folder that holds a run is never written
//! into by accident, and nothing of anybody else's is removed or replaced.

mod fresh;
mod recorders;
mod refusal;

use crate::config::Config;
use crate::files;
use crate::record::checkpoint;
use crate::record::owner::{CHECKPOINTS, CONFIG, MARK, MARKER, Owner, is_marked, names, owner};
use crate::record::table::chosen;
use std::fs;
use std::io::{ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub use fresh::{RUNS, default_folder, free_folder};
pub use refusal::FolderError;
use refusal::unwritable;

/// How long the ranks of an ended job are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run's folder: this process's alone while it is held.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    // Locked, where the file system can.
    marker: fs::File,
    // Whether another process held it just now.
    waited: bool,
    // Whether it was made for this run.
    made: bool,
}

impl RunFolder {
    /// Makes the folder that a config names, if it is not there, and claims it. A job that was
    /// ended may outlive its launcher, so its ranks are waited for.
    ///
    /// # Errors
    /// A folder that cannot be written to, or in which another run goes on.
    pub fn claim(config: &Config) -> Result<RunFolder, FolderError> {
        let path = match &config.out_dir {
            Some(path) => path.clone(),
            None => free_folder(config)?,
        };
        let made = config.out_dir.is_none() || !files::is_there(&path);
        fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        let marker = path.join(MARKER);
        let marker = files::open_or_create(&marker).map_err(|error| unwritable(&marker, &error))?;
        match lock(&marker) {
            Some(waited) => Ok(RunFolder {
                path,
                marker,
                waited,
                made,
            }),
            None => Err(FolderError::Busy(path)),
        }
    }

    /// Writes the resolved config, and removes what a run left that may be overwritten. `job` is
    /// noted as the one whose run this is.
    ///
    /// # Errors
    /// A folder that holds a run, unless it may be overwritten, or something else under our names,
    /// or that cannot be written to; an unknown recorder.
    pub fn prepare(&mut self, config: &Config, job: Option<&str>) -> Result<(), FolderError> {
        chosen(config)?;
        if config.resume.is_none() {
            self.take_over(config.overwrite)?;
        }
        self.mark(job)?;
        self.own().iter().for_each(|file| files::remove_part(file));
        let file = self.path.join(CONFIG);
        let text = config
            .portable()
            .map_err(|error| unwritable(&file, &error))?;
        files::write_whole(&file, text.as_bytes()).map_err(|error| unwritable(&file, &error))
    }

    /// The folder is free, or becomes so if that is allowed.
    fn take_over(&mut self, overwrite: bool) -> Result<(), FolderError> {
        match owner(&self.path) {
            Owner::Nobody => Ok(()),
            Owner::Run if overwrite => self.clear(),
            Owner::Run if self.waited => Err(FolderError::Raced(self.path.clone())),
            Owner::Run => Err(FolderError::Occupied(self.path.clone())),
            Owner::Others(file) => {
                if self.marker.metadata().is_ok_and(|facts| facts.len() == 0) {
                    // Their folder stays as it was.
                    let _ = files::remove(&self.path.join(MARKER));
                }
                Err(FolderError::Foreign(file))
            }
        }
    }

    /// Removes what the run before has written, file by file.
    fn clear(&self) -> Result<(), FolderError> {
        for file in self.own() {
            files::remove(&file).map_err(|error| unwritable(&file, &error))?;
        }
        let checkpoints = checkpoints(&self.path);
        match fs::remove_dir(&checkpoints) {
            Err(error)
                if ![ErrorKind::NotFound, ErrorKind::DirectoryNotEmpty].contains(&error.kind()) =>
            {
                Err(unwritable(&checkpoints, &error))
            }
            _ => Ok(()),
        }
    }

    /// Says whose the folder is, unless a run goes on that has said so.
    fn mark(&mut self, job: Option<&str>) -> Result<(), FolderError> {
        if job.is_none() && is_marked(&self.path) {
            return Ok(());
        }
        let text = format!("{MARK}\n{}", job.map_or(String::new(), |job| format!("job {job}\n")));
        let marker = &mut self.marker;
        let written = marker
            .set_len(0)
            .and_then(|()| marker.rewind())
            .and_then(|()| marker.write_all(text.as_bytes()));
        written.map_err(|error| unwritable(&self.path.join(MARKER), &error))
    }

    /// Every file that a run may write here.
    fn own(&self) -> Vec<PathBuf> {
        let named = names().map(|name| self.path.join(name));
        named
            .chain(checkpoint::files(&checkpoints(&self.path)))
            .collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Nothing is left of a folder that was claimed for a run which never began.
impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.made && self.marker.metadata().is_ok_and(|facts| facts.len() == 0) {
            // What cannot be removed is no run either, and what somebody has put there stays.
            let _ = files::remove(&self.path.join(MARKER));
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Locks a folder's marker, and gives whether that took a while; nothing if another process holds
/// on to it.
fn lock(marker: &fs::File) -> Option<bool> {
    let (began, mut waited) = (Instant::now(), false);
    loop {
        match marker.try_lock() {
            Err(fs::TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                waited = true;
                thread::sleep(PATIENCE / 200);
            }
            Err(fs::TryLockError::WouldBlock) => return None,
            // Where the file system cannot lock, nobody can be kept out.
            Ok(()) | Err(fs::TryLockError::Error(_)) => return Some(waited),
        }
    }
}

/// Where the checkpoints of a run's folder are.
pub fn checkpoints(folder: &Path) -> PathBuf {
    folder.join(CHECKPOINTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::owner::{JOURNAL, recorded};
    use crate::record::{SUMMARY, job_of};

    fn config(path: PathBuf) -> Config {
        Config {
            out_dir: Some(path),
            ..Config::default()
        }
    }

    fn overwriting(config: &Config) -> Config {
        Config {
            overwrite: true,
            ..config.clone()
        }
    }

    #[test]
    fn a_run_is_never_overwritten_by_accident() {
        let parent = tempfile::tempdir().expect("a folder");
        let config = config(parent.path().join("a/b"));
        let mut folder = RunFolder::claim(&config).expect("free");
        folder.prepare(&config, None).expect("new");
        assert!(folder.path().join(CONFIG).exists());
        assert!(matches!(folder.prepare(&config, None), Err(FolderError::Occupied(_))));
        let recorded: Vec<PathBuf> = recorded().map(|name| folder.path().join(name)).collect();
        recorded
            .iter()
            .for_each(|file| fs::write(file, "97.0\n").expect("writable"));
        assert!(folder.prepare(&overwriting(&config), None).is_ok());
        assert!(recorded.iter().all(|file| !file.exists()));
        let unknown = Config {
            record: "csv;cvs".parse().expect("never fails"),
            ..overwriting(&config)
        };
        assert!(
            folder
                .prepare(&unknown, None)
                .expect_err("unknown")
                .to_string()
                .contains("did you mean `csv`?")
        );
        assert!(
            fs::File::open(folder.path().join(MARKER))
                .expect("there")
                .try_lock()
                .is_err()
        );
        let path = folder.path().to_owned();
        drop(folder);
        assert!(RunFolder::claim(&config).is_ok());
        let below_a_file = Config {
            out_dir: Some(path.join(CONFIG).join("x")),
            ..Config::default()
        };
        assert!(matches!(RunFolder::claim(&below_a_file), Err(FolderError::Unwritable { .. })));
    }

    #[test]
    fn what_is_not_of_a_run_stays_whatever_is_asked_for() {
        for name in names().chain(["checkpoints/best.pt", "config.yaml.part"]) {
            let folder = tempfile::tempdir().expect("a folder");
            let theirs = folder.path().join(name);
            fs::create_dir_all(theirs.parent().expect("a folder")).expect("writable");
            fs::write(&theirs, "mine").expect("writable");
            let config = overwriting(&config(folder.path().to_owned()));
            let refused = RunFolder::claim(&config)
                .expect("free")
                .prepare(&config, None);
            assert!(matches!(refused, Err(FolderError::Foreign(_))), "{name}");
            assert_eq!(fs::read(&theirs).expect("there"), b"mine");
            assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "{name}");
        }
    }

    #[test]
    fn a_marker_of_somebody_elses_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, marker) = (config(folder.path().to_owned()), folder.path().join(MARKER));
        fs::write(&marker, "mine").expect("writable");
        let mut held = RunFolder::claim(&config).expect("not locked");
        for config in [overwriting(&config), config] {
            assert!(
                matches!(held.prepare(&config, None), Err(FolderError::Foreign(file)) if file == marker)
            );
        }
        assert_eq!(fs::read(&marker).expect("there"), b"mine");
    }

    #[test]
    fn overwriting_removes_what_a_run_wrote_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path().to_owned());
        let mut held = RunFolder::claim(&config).expect("free");
        held.prepare(&config, None).expect("new");
        let file = |name: &str| folder.path().join(name);
        fs::create_dir(file(CHECKPOINTS)).expect("writable");
        let own = [SUMMARY, "checkpoints/round-00000003.safetensors"];
        let theirs = ["notes.txt", "checkpoints/best.safetensors"];
        own.iter()
            .chain(&theirs)
            .for_each(|name| fs::write(file(name), "x").expect("writable"));
        fs::write(file("summary.json.part"), "half").expect("writable");
        held.prepare(&overwriting(&config), None)
            .expect("may be overwritten");
        assert!(
            own.iter().all(|name| !file(name).exists())
                && theirs.iter().all(|name| file(name).exists())
        );
        assert!(!file("summary.json.part").exists());
    }

    #[test]
    fn a_job_knows_its_folder_again_and_older_runs_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path().to_owned());
        let mut held = RunFolder::claim(&config).expect("free");
        assert_eq!(job_of(folder.path()), None);
        held.prepare(&config, Some("7")).expect("new");
        assert_eq!(job_of(folder.path()).as_deref(), Some("7"));
        held.prepare(&overwriting(&config), Some("8"))
            .expect("again");
        assert_eq!(job_of(folder.path()).as_deref(), Some("8"));
        drop(held);
        fs::remove_file(folder.path().join(MARKER)).expect("there");
        assert!(matches!(owner(folder.path()), Owner::Others(_)));
        fs::write(folder.path().join(JOURNAL), "{\"event\":\"started\",\"rounds\":1}\n")
            .expect("writable");
        assert_eq!(owner(folder.path()), Owner::Run);
    }

    #[test]
    fn nothing_is_left_of_a_run_that_never_began() {
        let parent = tempfile::tempdir().expect("a folder");
        let claimed = |path: &Path| drop(RunFolder::claim(&config(path.to_owned())).expect("free"));
        claimed(&parent.path().join("new"));
        assert_eq!(fs::read_dir(parent.path()).expect("there").count(), 0);
        let theirs = parent.path().join("theirs");
        fs::create_dir(&theirs).expect("writable");
        claimed(&theirs);
        assert!(theirs.exists());
    }
}
