//! What a start of a job has left in the run's folder: told by the files themselves, never by
//! clocks, which differ between hosts and can be set back.

use crate::config::RUN_CONFIG;
use crate::event::Standing;
use crate::record::{self, Summary, checkpoint, checkpoints};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder at some moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trace {
    config: Option<Mark>,
    summary: Option<Mark>,
    checkpoint: Option<PathBuf>,
}

/// A file that was written anew has another one: its number, length and time.
type Mark = (u64, u64, i64, i64);

fn mark(file: &Path) -> Option<Mark> {
    let facts = fs::metadata(file).ok()?;
    Some((facts.ino(), facts.len(), facts.mtime(), facts.mtime_nsec()))
}

impl Trace {
    /// The folder now.
    pub(super) fn of(folder: &Path) -> Trace {
        Trace {
            config: mark(&folder.join(RUN_CONFIG)),
            summary: mark(&folder.join(record::SUMMARY)),
            checkpoint: checkpoint::newest_file(&checkpoints(folder)),
        }
    }

    /// Whether a run can go on in it.
    pub(super) fn is_saved(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// Whether ranks have come up since: they write their config before they train.
    pub(super) fn came_up_since(&self, before: &Trace) -> bool {
        self.config.is_some() && self.config != before.config
    }

    /// Whether more rounds are done than before.
    pub(super) fn got_further_than(&self, before: &Trace) -> bool {
        self.checkpoint != before.checkpoint
    }

    /// Whether the run in `folder` has come to its end since.
    pub(super) fn is_finished_since(&self, folder: &Path) -> bool {
        let now = mark(&folder.join(record::SUMMARY));
        now.is_some() && now != self.summary && says_finished(folder)
    }

    /// Whether the run in `folder` had come to its end then.
    pub(super) fn is_finished(&self, folder: &Path) -> bool {
        self.summary.is_some() && says_finished(folder)
    }
}

/// What the folder says of its run.
fn summary(folder: &Path) -> Option<Summary> {
    Summary::read(folder).ok().flatten()
}

fn says_finished(folder: &Path) -> bool {
    summary(folder).is_some_and(|summary| summary.state == Standing::Finished)
}

/// Why another start would end as the last one did, if the run says so.
pub(super) fn settled(folder: &Path) -> Option<String> {
    summary(folder)
        .filter(|summary| summary.settled)
        .map(|summary| summary.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_start_has_left_is_told_without_clocks() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("writable");
        let free = Trace::of(folder);
        assert!(!free.is_saved());
        write("config.yaml", "lr: 1");
        let begun = Trace::of(folder);
        assert!(
            begun.came_up_since(&free)
                && !begun.came_up_since(&begun)
                && !begun.got_further_than(&free)
        );
        write("summary.json", "{\"state\": \"running\"}");
        assert!(!free.is_finished_since(folder));
        fs::create_dir(folder.join("checkpoints")).expect("writable");
        write("checkpoints/round-00000003.safetensors", "");
        assert!(Trace::of(folder).is_saved() && Trace::of(folder).got_further_than(&begun));
        write("summary.json", "{\"state\": \"finished\"}");
        let done = Trace::of(folder);
        assert!(
            free.is_finished_since(folder)
                && done.is_finished(folder)
                && !done.is_finished_since(folder)
        );
        // What has no state was written at the end.
        write("summary.json", "{\"rounds\": 3}");
        assert!(free.is_finished_since(folder));
    }

    #[test]
    fn a_run_says_what_another_start_cannot_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let says = |text: &str| {
            fs::write(folder.path().join(record::SUMMARY), text).expect("writable");
            settled(folder.path())
        };
        let ended = |settled: bool| {
            format!("{{\"state\":\"failed\",\"reason\":\"NaN\",\"settled\":{settled}}}")
        };
        assert_eq!(says(&ended(true)).as_deref(), Some("NaN"));
        assert_eq!(says(&ended(false)), None);
        assert_eq!(says("{\"state\":"), None);
    }
}
