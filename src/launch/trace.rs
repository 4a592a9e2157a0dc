//! What a start of a job has left in the run's folder: told by the files themselves, never by clocks, which differ
//! between hosts and can be set back.

use crate::record::{checkpoint, checkpoints};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SUMMARY: &str = "summary.json";

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
            config: mark(&folder.join("config.yaml")),
            summary: mark(&folder.join(SUMMARY)),
            checkpoint: checkpoint::newest_file(&checkpoints(folder)),
        }
    }

    /// Whether it holds a run.
    pub(super) fn is_of_a_run(&self) -> bool {
        self.config.is_some()
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
        let summary = folder.join(SUMMARY);
        let now = mark(&summary);
        now.is_some() && now != self.summary && says_finished(&summary)
    }

    /// Whether the run in `folder` had come to its end then.
    pub(super) fn is_finished(&self, folder: &Path) -> bool {
        self.summary.is_some() && says_finished(&folder.join(SUMMARY))
    }
}

/// A summary is written at the end, or says that this is not it.
fn says_finished(summary: &Path) -> bool {
    let text = fs::read(summary).unwrap_or_default();
    let said: Option<Value> = serde_json::from_slice(&text).ok();
    said.is_some_and(|said| said.get("state").is_none_or(|state| state == "finished"))
}

/// Why another start would end as the last one did, if its journal says so in its last line.
pub(super) fn settled(folder: &Path) -> Option<String> {
    let journal = fs::read_to_string(folder.join("journal.jsonl")).ok()?;
    let last: Value = serde_json::from_str(journal.lines().last()?).ok()?;
    let is_settled = last["event"] == "ended" && last["settled"] == true;
    is_settled.then(|| last["reason"].as_str().unwrap_or("its journal says so").to_owned())
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
        assert!(!free.is_of_a_run() && !free.is_saved());
        write("config.yaml", "lr: 1");
        let begun = Trace::of(folder);
        assert!(begun.came_up_since(&free) && !begun.came_up_since(&begun) && !begun.got_further_than(&free));
        write("summary.json", "{\"state\": \"running\"}");
        assert!(!free.is_finished_since(folder));
        fs::create_dir(folder.join("checkpoints")).expect("writable");
        write("checkpoints/round-00000003.safetensors", "");
        assert!(Trace::of(folder).is_saved() && Trace::of(folder).got_further_than(&begun));
        write("summary.json", "{\"state\": \"finished\"}");
        let done = Trace::of(folder);
        assert!(free.is_finished_since(folder) && done.is_finished(folder) && !done.is_finished_since(folder));
        // What has no state was written at the end.
        write("summary.json", "{\"rounds\": 3}");
        assert!(free.is_finished_since(folder));
    }

    #[test]
    fn a_journal_says_what_another_start_cannot_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let says = |line: &str| {
            let text = format!("{{\"event\":\"started\"}}\n{line}\n");
            fs::write(folder.path().join("journal.jsonl"), text).expect("writable");
            settled(folder.path())
        };
        let ended = |settled: bool| format!("{{\"event\":\"ended\",\"reason\":\"NaN\",\"settled\":{settled}}}");
        assert_eq!(says(&ended(true)).as_deref(), Some("NaN"));
        assert_eq!(says(&ended(false)), None);
        assert_eq!(says("{\"event\":\"round_do"), None);
    }
}
