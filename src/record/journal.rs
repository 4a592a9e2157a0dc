//! `journal.jsonl`: every event as one line of JSON, on disk before a round counts as done.

use super::fault;
use super::lines::Lines;
use crate::event::{Event, RecordError, Recorder};
use crate::files;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

/// Appends events to a file.
pub struct Journal {
    lines: Lines,
}

/// What a journal holds of a run's first rounds.
#[derive(Debug, Default)]
struct Past {
    events: Vec<Event>,
    // The lines of these events.
    text: Vec<u8>,
    // What is wrong, in words; none when every round is there.
    damage: Option<String>,
}

impl Journal {
    /// Starts an empty journal.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: PathBuf) -> Result<Journal, RecordError> {
        let lines = Lines::create(path.clone()).map_err(|error| fault(&path, error))?;
        Ok(Journal { lines })
    }

    /// Goes on with a journal after so many rounds; what came later, or is torn, is cut off. Gives what is kept. A
    /// damaged journal is kept beside, and so is everything in `derived`, which was made from it.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn resume(path: PathBuf, rounds: u32, derived: &[PathBuf]) -> Result<(Journal, Vec<Event>), RecordError> {
        let past = match files::bytes(&path) {
            Ok(bytes) => read(&bytes, rounds),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Past { damage: (rounds > 0).then(|| "it is gone".to_owned()), ..Past::default() }
            }
            Err(error) => return Err(fault(&path, error)),
        };
        if let Some(damage) = &past.damage {
            let kept = [&[path.clone()], derived].concat();
            let kept: io::Result<Vec<_>> = kept.iter().map(|file| files::set_aside(file)).collect();
            let kept: Vec<PathBuf> = kept.map_err(|error| fault(&path, error))?.into_iter().flatten().collect();
            let names: Vec<String> = kept.iter().map(|file| file.display().to_string()).collect();
            let kept = if names.is_empty() { String::new() } else { format!("; what is there is kept as {}", names.join(", ")) };
            log::warn!("{}: {damage}; the run goes on from its checkpoint{kept}", path.display());
        }
        let lines = Lines::create_with(path.clone(), &past.text).map_err(|error| fault(&path, error))?;
        Ok((Journal { lines }, past.events))
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, event)?;
        self.lines.write_all(b"\n")?;
        match event {
            Event::ClientTrained { .. } | Event::Arrived(_) => Ok(()),
            _ => self.lines.sync(),
        }
    }
}

/// The events up to the last of so many rounds.
fn read(bytes: &[u8], rounds: u32) -> Past {
    let mut past = Past::default();
    let mut wrong = Vec::new();
    let mut done = vec![false; rounds as usize];
    // Up to the end of a round.
    let mut complete = (0, 0);
    // What comes after the last whole line is torn.
    let whole = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    for (number, line) in (1..).zip(whole) {
        if done.last().is_none_or(|done| *done) {
            break;
        }
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => {
                let round = if let Event::RoundDone(done) = &event { Some(done.round) } else { None };
                past.text.extend_from_slice(line);
                past.events.push(event);
                match round.map(|round| done.get_mut(round.index())) {
                    Some(Some(done)) => {
                        *done = true;
                        complete = (past.events.len(), past.text.len());
                    }
                    // A round that the checkpoint does not know.
                    Some(None) => break,
                    None => {}
                }
            }
            Err(_) => wrong.push(number.to_string()),
        }
    }
    past.events.truncate(complete.0);
    past.text.truncate(complete.1);
    let missing: Vec<String> =
        (1..).zip(&done).filter(|(_, done)| !**done).map(|(round, _): (u32, _)| round.to_string()).collect();
    past.damage = match (wrong.is_empty(), missing.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("lines cannot be read: {}", shortened(&wrong))),
        (_, false) => Some(format!("rounds are missing: {}", shortened(&missing))),
    };
    past
}

/// Some of many.
fn shortened(words: &[String]) -> String {
    let more = if words.len() > 5 { ", ..." } else { "" };
    words[..words.len().min(5)].join(", ") + more
}

impl Recorder for Journal {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        if matches!(event, Event::Saved(_)) {
            return Ok(());
        }
        self.write(event).map_err(|error| fault(self.lines.path(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RoundDone;
    use crate::ids::Round;
    use std::fs;
    use std::path::Path;

    fn round(round: u32) -> Event {
        Event::RoundDone(RoundDone { round: Round(round), train_loss: Some(f64::NAN), ..RoundDone::default() })
    }

    fn journal(path: &Path, rounds: u32) -> Vec<u8> {
        let mut journal = Journal::create(path.to_owned()).expect("made");
        (0..rounds).for_each(|number| journal.record(&round(number), &[]).expect("written"));
        fs::read(path).expect("there")
    }

    #[test]
    fn what_is_torn_or_later_is_cut_off_and_numbers_that_are_none_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut bytes = journal(&path, 4);
        bytes.extend(b"{\"event\":\"rou\xff\xfe");
        fs::write(&path, &bytes).expect("writable");
        let (mut resumed, events) = Journal::resume(path.clone(), 2, &[]).expect("readable");
        assert_eq!(format!("{events:?}"), format!("{:?}", [round(0), round(1)]));
        resumed.record(&round(2), &[]).expect("written");
        assert_eq!(fs::read(&path).expect("there"), journal(&folder.path().join("other"), 3));
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2);
    }

    #[test]
    fn damage_is_kept_beside_and_good_lines_on_both_sides_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let [path, table] = ["journal.jsonl", "metrics.csv"].map(|name| folder.path().join(name));
        let whole = journal(&path, 4);
        let text = String::from_utf8(whole.clone()).expect("text");
        let damaged: Vec<String> =
            text.lines().enumerate().map(|(place, line)| if place == 1 { line.replace(':', ";") } else { line.to_owned() }).collect();
        fs::write(&path, damaged.join("\n") + "\n").expect("writable");
        fs::write(&table, "all four").expect("writable");
        let (_, events) = Journal::resume(path.clone(), 4, &[table]).expect("readable");
        assert_eq!(events.len(), 3);
        let kept = |name: &str| fs::read_to_string(folder.path().join(name)).expect("kept");
        assert!(kept("journal.jsonl.kept-1").contains(';') && kept("metrics.csv.kept-1") == "all four");
        // A journal that ends too soon, and one that is gone.
        fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
        assert_eq!(read(&fs::read(&path).expect("there"), 4).damage.as_deref(), Some("rounds are missing: 2, 3, 4"));
        fs::remove_file(&path).expect("there");
        assert!(Journal::resume(path, 4, &[]).expect("goes on").1.is_empty());
    }
}
