//! How a run ended whose ranks could not say so: whoever started it does, and else the folder's
//! age.

use super::owner::{JOURNAL, MARKER};
use super::{Summary, fault};
use crate::event::{RecordError, Standing};
use crate::files;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;

/// Writes why a run was killed; of one that was `asked` to stop by nobody, why it stopped. Gives
/// whether it did: a folder is left alone in which a process is at work, or whose run has said how
/// it ended.
///
/// # Errors
/// A summary that cannot be read or written.
pub fn note_killed(folder: &Path, reason: &str, asked: bool) -> Result<bool, RecordError> {
    let marker = folder.join(MARKER);
    if !files::is_there(&marker) {
        return Ok(false);
    }
    // It stays locked until all is written. Where the file system cannot lock, nobody knows who is
    // at work.
    let marker = files::append(&marker).map_err(|error| fault(&marker, error))?;
    if marker.try_lock().is_err() {
        return Ok(false);
    }
    let Some(summary) = Summary::read(folder)? else { return Ok(false) };
    let (state, reason) = match summary.state {
        Standing::Running => (Standing::Killed, reason.to_owned()),
        Standing::Stopped if !asked => {
            (Standing::Stopped, format!("{reason}; what is done is saved"))
        }
        _ => return Ok(false),
    };
    Summary {
        state,
        reason,
        ..summary
    }
    .write(folder)?;
    Ok(true)
}

/// Why a run is over, as far as its summary says; of one that was killed without a word, when it
/// was last at work.
pub fn reason(folder: &Path, standing: Standing, summary: Option<&Summary>) -> String {
    match summary {
        Some(summary) if !summary.reason.is_empty() => summary.reason.clone(),
        _ if standing == Standing::Killed => no_end(folder),
        _ => String::new(),
    }
}

fn no_end(folder: &Path) -> String {
    let since = match last_sign(folder) {
        Some(at) => {
            let local = at.to_zoned(TimeZone::system());
            local.strftime(" since %b %d, %H:%M").to_string()
        }
        None => String::new(),
    };
    format!("no end is on record{since}: killed?")
}

/// When a run has last written of itself.
pub(super) fn last_sign(folder: &Path) -> Option<Timestamp> {
    fs::metadata(folder.join(JOURNAL))
        .ok()?
        .modified()
        .ok()?
        .try_into()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::record::{RunFolder, SUMMARY};

    #[test]
    fn only_a_run_that_nobody_holds_and_that_has_not_ended_is_told_why() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("run");
        assert!(!note_killed(&folder, "signal 9", true).expect("nothing to write"));
        let config = Config {
            out_dir: Some(folder.clone()),
            ..Config::default()
        };
        let mut held = RunFolder::claim(&config).expect("free");
        held.prepare(&config, None).expect("new");
        let says = |state| {
            fs::write(folder.join(SUMMARY), format!("{{\"state\":\"{state}\",\"rounds\":3}}"))
        };
        let summary = || Summary::read(&folder).expect("readable").expect("there");
        says("running").expect("writable");
        assert!(!note_killed(&folder, "signal 9", true).expect("held"));
        drop(held);
        fs::write(folder.join(JOURNAL), "").expect("writable");
        let unsaid = reason(&folder, Standing::Killed, Some(&summary()));
        assert!(
            unsaid.starts_with("no end is on record since ") && unsaid.ends_with(": killed?"),
            "{unsaid}"
        );
        assert!(note_killed(&folder, "signal 9", true).expect("free"));
        let told = summary();
        assert_eq!((told.state, told.rounds), (Standing::Killed, 3));
        assert_eq!(reason(&folder, Standing::Killed, Some(&told)), "signal 9");
        says("stopped").expect("writable");
        assert!(!note_killed(&folder, "signal 9", true).expect("free"));
        assert!(note_killed(&folder, "signal 9", false).expect("free"));
        assert_eq!(
            (summary().state, summary().reason.as_str()),
            (Standing::Stopped, "signal 9; what is done is saved")
        );
        says("finished").expect("writable");
        assert!(
            !note_killed(&folder, "signal 9", true).expect("free")
                && summary().state == Standing::Finished
        );
    }
}
