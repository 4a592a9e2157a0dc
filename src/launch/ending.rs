//! What the end of a launcher says of the run that it started.

use super::{GLANCE, Signal};
use crate::event::Standing;
use crate::record::{self, Summary};
use crate::stop;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

/// How long ranks may outlive their launcher.
const SURVIVORS: Duration = Duration::from_secs(5);
/// Shells and launchers add the number of a signal to this.
const SIGNALLED: i32 = 128;

/// Writes into a run's folder why its ranks are gone, if they could not say so themselves.
pub(super) fn note(folder: &Path, status: ExitStatus, killed: Option<&str>) {
    let wanted = stop::end_wanted();
    let (reason, began) = (words(status, killed, wanted), Instant::now());
    while is_at_work(folder) && began.elapsed() < SURVIVORS {
        thread::sleep(GLANCE);
    }
    if let Err(error) = record::note_killed(folder, &reason, wanted || !has_crashed(status)) {
        log::warn!("{error}");
    }
}

fn is_at_work(folder: &Path) -> bool {
    // A summary that cannot be read tells nothing.
    let summary = Summary::read(folder).ok().flatten();
    summary.is_some() && record::standing(folder, summary.as_ref()) == Standing::Running
}

/// Whether a rank was killed by a signal that nobody uses to ask for an end: the launcher ends the
/// other ranks then.
fn has_crashed(status: ExitStatus) -> bool {
    let asking = [Signal::HUP, Signal::INT, Signal::TERM].map(Signal::as_raw);
    status
        .code()
        .is_some_and(|code| code > SIGNALLED && !asking.contains(&(code - SIGNALLED)))
}

fn words(status: ExitStatus, killed: Option<&str>, end_wanted: bool) -> String {
    let asked = if end_wanted {
        "asked to end, but ended by force: "
    } else {
        ""
    };
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("mpirun was killed by signal {signal}"),
        (None, Some(code)) if code > SIGNALLED => {
            let unnamed = format!("a rank exited on signal {}", code - SIGNALLED);
            format!("{} (hint: is there enough memory?)", killed.unwrap_or(&unnamed))
        }
        (None, code) => {
            format!("mpirun ended with code {}, and no rank said why", code.unwrap_or_default())
        }
    };
    format!("{asked}{how}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_told_from_a_code() {
        assert!(
            [137, 139]
                .iter()
                .all(|code| has_crashed(ExitStatus::from_raw(code << 8)))
        );
        assert!(
            [3, 143]
                .iter()
                .all(|code| !has_crashed(ExitStatus::from_raw(code << 8)))
        );
        let said = |raw: i32, end_wanted| words(ExitStatus::from_raw(raw), None, end_wanted);
        assert_eq!(said(9, false), "mpirun was killed by signal 9");
        assert!(said(137 << 8, false).starts_with("a rank exited on signal 9 (hint: "));
        let named = words(
            ExitStatus::from_raw(137 << 8),
            Some("rank 1 on node a exited on signal 9 (Killed)"),
            false,
        );
        assert!(named.starts_with("rank 1 on node a exited on signal 9 (Killed) (hint: "));
        assert_eq!(
            said(7 << 8, true),
            "asked to end, but ended by force: mpirun ended with code 7, and no rank said why"
        );
    }
}
