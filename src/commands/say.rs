//! What is printed. A command whose words cannot be written says so; a job goes on whether anybody
//! reads it or not.

use crate::launch::launched_rank;
use anyhow::Result;
use std::fmt::Display;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

/// Words that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub(crate) struct Unheard(#[from] io::Error);

/// Prints a command's answer, and ends the line if it is open.
///
/// # Errors
/// [`Unheard`]. A pipe whose reader has gone ends the process before.
pub(crate) fn say(text: impl Display) -> Result<()> {
    Ok(write(&mut io::stdout(), &text.to_string()).map_err(Unheard)?)
}

/// Prints what a job says beside its work.
pub(crate) fn tell(text: impl Display) {
    // The work counts, not who reads.
    let _ = write(&mut io::stdout(), &text.to_string());
}

/// Prints what is said beside an answer, or instead of one.
pub(crate) fn remark(text: impl Display) {
    // Nobody is left to be told.
    let _ = write(&mut io::stderr(), &text.to_string());
}

/// Whether this is the process that speaks for the job: there may be no job.
pub(crate) fn is_first() -> bool {
    launched_rank().unwrap_or(0) == 0
}

/// How long other ranks wait for the first one to be heard: launchers end a job with the first rank
/// that fails.
const HEARD: Duration = Duration::from_secs(3);

/// Refuses something once, whatever the number of ranks. A rank that is still there after a while
/// found what the first one did not, and speaks too.
pub(crate) fn refuse_once(words: impl Display) {
    if !is_first() {
        thread::sleep(HEARD);
    }
    remark(words);
}

fn write(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    out.write_all(format!("{text}{end}").as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_ended_once() {
        let mut out = Vec::new();
        ["a", "b\n"]
            .iter()
            .for_each(|text| write(&mut out, text).expect("room"));
        assert_eq!(out, b"a\nb\n");
    }
}
