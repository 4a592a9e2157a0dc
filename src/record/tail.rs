//! The end of a journal, read from behind: how far a run is that has not ended.

use super::owner::JOURNAL;
use crate::event::{Event, RoundDone};
use crate::files;
use crate::metrics::Metrics;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that are read first; ever more when no round's end is among them.
const NEAR: u64 = 64 << 10;
/// Bytes after which nobody searches on.
const FAR: u64 = 16 << 20;

/// The newest figures of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// Rounds done.
    pub rounds: u32,
    /// The last evaluation; none when none is near the end.
    pub test: Option<Metrics>,
}

impl Tail {
    /// What the end of the journal in a run's folder says; nothing where there is none.
    pub fn read(folder: &Path) -> Tail {
        Tail::search(&folder.join(JOURNAL)).unwrap_or_default()
    }

    fn search(path: &Path) -> io::Result<Tail> {
        let mut file = files::open(path)?;
        let length = file.metadata()?.len();
        let mut near = NEAR;
        loop {
            file.seek(SeekFrom::Start(length.saturating_sub(near)))?;
            let mut bytes = Vec::new();
            file.by_ref().take(near).read_to_end(&mut bytes)?;
            let tail = Tail::of(&bytes);
            if tail.test.is_some() || near >= length || near >= FAR {
                return Ok(tail);
            }
            near *= 16;
        }
    }

    /// Of the last bytes of a journal; the first line may be torn, and so may the last.
    fn of(bytes: &[u8]) -> Tail {
        let mut tail = Tail::default();
        for done in bytes.rsplit(|&byte| byte == b'\n').filter_map(round_done) {
            tail.rounds = tail.rounds.max(done.round.0 + 1);
            if done.test.is_some() {
                return Tail {
                    test: done.test,
                    ..tail
                };
            }
        }
        tail
    }
}

/// The end of a round, if a line tells one. Other lines are not taken apart.
fn round_done(line: &[u8]) -> Option<RoundDone> {
    line.starts_with(br#"{"event":"round_done""#)
        .then_some(())?;
    match serde_json::from_slice(line).ok()? {
        Event::RoundDone(done) => Some(done),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Trained;
    use crate::ids::Round;
    use crate::metrics::ACCURACY;
    use std::fs;

    #[test]
    fn the_last_round_and_the_last_evaluation_are_found_however_far_back() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Tail::read(folder.path()), Tail::default());
        let line = |event: &Event| serde_json::to_string(event).expect("plain data") + "\n";
        let round = |round, test| {
            Event::RoundDone(RoundDone {
                round: Round(round),
                test,
                ..RoundDone::default()
            })
        };
        let test = Metrics::default().with(ACCURACY, 3.0, 4);
        let trained = line(&Event::ClientTrained(Trained::default()));
        let many = trained.repeat(2 * NEAR as usize / trained.len());
        let torn = &line(&round(9, None))[..40];
        let text = line(&round(0, Some(test.clone()))) + &many + &line(&round(1, None)) + torn;
        fs::write(folder.path().join(JOURNAL), text).expect("writable");
        assert_eq!(
            Tail::read(folder.path()),
            Tail {
                rounds: 2,
                test: Some(test)
            }
        );
    }
}
