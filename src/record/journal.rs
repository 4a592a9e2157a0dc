//! `journal.jsonl`: every event as one line of JSON. A round's line is in the file before the next
//! begins, whatever ranks die of, and on disk before a checkpoint counts on it: to wait for the disk
//! each round would cost short rounds several per cent.

use super::lines::Lines;
use super::{fault, unread};
use crate::event::{Event, RecordError, Recorder, State};
use crate::files;
use crate::ids::Round;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Appends events to a file.
pub struct Journal {
    lines: Lines,
}

/// What a journal holds of a run's first rounds.
#[derive(Debug, Default)]
struct Past {
    events: Vec<Event>,
    // Where lines cannot be read, from 1.
    wrong: Vec<usize>,
    missing: Vec<Round>,
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

    /// Goes on with a journal where a run was saved; what came later, or is torn, is cut off, and
    /// so is the line of a round that is open there: it comes again. Gives what is kept. A
    /// damaged journal is kept beside, and so is everything in `derived`, which is made anew from
    /// what is left of it.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn resume(
        path: PathBuf,
        state: &State,
        derived: &[PathBuf],
    ) -> Result<(Journal, Vec<Event>), RecordError> {
        let bytes = match files::bytes(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            bytes => bytes.map_err(|error| unread(&path, error))?,
        };
        let past = read(&bytes, state.rounds, state.open.is_some());
        if let Some(damage) = past.damage() {
            let kept = set_aside(&path, derived).map_err(|error| fault(&path, error))?;
            log::warn!("{}: {damage}; the run goes on from its checkpoint{kept}", path.display());
        }
        let lines =
            Lines::create_with(path.clone(), &past.text()).map_err(|error| fault(&path, error))?;
        Ok((Journal { lines }, past.events))
    }

    /// An event as a line; none when a journal has no line of it.
    ///
    /// # Errors
    /// What JSON cannot say.
    pub fn line(event: &Event) -> serde_json::Result<Option<Vec<u8>>> {
        if matches!(event, Event::Saved(_)) {
            return Ok(None);
        }
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        Ok(Some(line))
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        if matches!(event, Event::Saved(_)) {
            return self.lines.sync();
        }
        let Some(line) = Journal::line(event)? else { return Ok(()) };
        self.lines.write_all(&line)?;
        match event {
            Event::ClientTrained(_) | Event::Arrived(_) => Ok(()),
            Event::Finished { .. } | Event::Ended { .. } => self.lines.sync(),
            _ => self.lines.settle(),
        }
    }
}

impl Past {
    /// What is wrong, in words; none when every round is there.
    fn damage(&self) -> Option<String> {
        let counted = |round: &Round| round.to_string();
        match (self.wrong.is_empty(), self.missing.is_empty()) {
            (true, true) => None,
            (false, true) => {
                Some(format!("lines cannot be read: {}", shortened(&self.wrong, usize::to_string)))
            }
            (_, false) => {
                Some(format!("rounds are missing: {}", shortened(&self.missing, counted)))
            }
        }
    }

    /// The journal that the run goes on with; it begins with what it lacks.
    fn text(&self) -> Vec<u8> {
        let missing = (!self.missing.is_empty()).then(|| Event::Missing {
            rounds: self.missing.clone(),
        });
        let lines = missing.iter().chain(&self.events).map(serde_json::to_vec);
        lines
            .flatten()
            .flat_map(|line| line.into_iter().chain([b'\n']))
            .collect()
    }
}

/// The events up to the last of so many rounds; to before its end, if that is `open`. What comes
/// after the last whole line is torn, and no damage.
fn read(bytes: &[u8], rounds: u32, open: bool) -> Past {
    let mut past = Past::default();
    let mut known = vec![false; rounds as usize];
    // Events up to the end of a round.
    let mut complete = 0;
    let whole = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|line| line.ends_with(b"\n"));
    for (number, line) in (1..).zip(whole) {
        let Ok(event) = serde_json::from_slice::<Event>(line) else {
            past.wrong.push(number);
            continue;
        };
        match &event {
            // Later than the checkpoint.
            Event::RoundDone(done) if done.round.0 >= rounds - u32::from(open) => break,
            Event::Underway(_) => continue,
            _ => {}
        }
        let told = told(&event, rounds, open);
        let is_last = matches!(&event, Event::RoundDone(done) if done.round.0 + 1 == rounds);
        past.events.push(event);
        if !told.is_empty() {
            complete = past.events.len();
        }
        for round in told {
            known[round.index()] = true;
        }
        if is_last {
            break;
        }
    }
    past.events.truncate(complete);
    past.missing = (0..rounds)
        .filter(|round| !known[*round as usize])
        .map(Round)
        .collect();
    past
}

/// Rounds that an event tells of; a training tells of the last one if that is `open`.
fn told(event: &Event, rounds: u32, open: bool) -> Vec<Round> {
    match event {
        Event::RoundDone(done) => vec![done.round],
        Event::ClientTrained(trained) if open && trained.round.0 + 1 == rounds => {
            vec![trained.round]
        }
        Event::Missing { rounds: lost } => {
            let earlier = lost.iter().filter(|round| round.0 < rounds);
            earlier.copied().collect()
        }
        _ => Vec::new(),
    }
}

/// Keeps a damaged journal, and what was made from it; gives what to say of it.
fn set_aside(journal: &Path, derived: &[PathBuf]) -> io::Result<String> {
    let mut names = Vec::new();
    let derived = derived.iter().map(PathBuf::as_path);
    for file in [journal].into_iter().chain(derived) {
        if let Some(kept) = files::set_aside(file)? {
            names.push(kept.display().to_string());
        }
    }
    if names.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("; what is there is kept as {}", names.join(", ")))
}

/// Some of many.
fn shortened<T>(many: &[T], word: impl Fn(&T) -> String) -> String {
    let some: Vec<String> = many.iter().take(5).map(word).collect();
    let more = if many.len() > some.len() { ", ..." } else { "" };
    some.join(", ") + more
}

impl Recorder for Journal {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        self.write(event)
            .map_err(|error| fault(self.lines.path(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{RoundDone, Trained};
    use std::fs;

    fn round(round: u32) -> Event {
        Event::RoundDone(RoundDone {
            round: Round(round),
            train_loss: Some(f64::NAN),
            ..RoundDone::default()
        })
    }

    fn after(rounds: u32) -> State {
        State {
            rounds,
            ..State::default()
        }
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
        let (mut resumed, events) =
            Journal::resume(path.clone(), &after(2), &[]).expect("readable");
        assert_eq!(format!("{events:?}"), format!("{:?}", [round(0), round(1)]));
        resumed.record(&round(2), &[]).expect("written");
        assert_eq!(fs::read(&path).expect("there"), journal(&folder.path().join("other"), 3));
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2);
    }

    #[test]
    fn a_round_that_is_open_comes_again_but_not_its_clients() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let open = State {
            open: Some(Box::default()),
            ..after(2)
        };
        let trained = |round| {
            Event::ClientTrained(Trained {
                round: Round(round),
                ..Trained::default()
            })
        };
        let events = [
            trained(0),
            round(0),
            trained(1),
            round(1),
            trained(2),
            round(2),
        ];
        // Once its line is there already, once it is not.
        for told in [events.len(), 3] {
            let mut journal = Journal::create(path.clone()).expect("made");
            let saved = Event::Saved(open.clone());
            events[..told]
                .iter()
                .chain([&saved])
                .for_each(|event| journal.record(event, &[]).expect("written"));
            let (_, kept) = Journal::resume(path.clone(), &open, &[]).expect("readable");
            assert_eq!(format!("{kept:?}"), format!("{:?}", &events[..3]), "{told}");
        }
    }

    #[test]
    fn damage_is_kept_beside_and_good_lines_on_both_sides_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let [path, table] = ["journal.jsonl", "metrics.csv"].map(|name| folder.path().join(name));
        let whole = journal(&path, 4);
        let text = String::from_utf8(whole.clone()).expect("text");
        let damaged: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(place, line)| {
                if place == 1 {
                    line.replace(':', ";")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        fs::write(&path, damaged.join("\n") + "\n").expect("writable");
        fs::write(&table, "all four").expect("writable");
        let (_, events) = Journal::resume(path.clone(), &after(4), &[table]).expect("readable");
        assert_eq!(events.len(), 3);
        let kept = |name: &str| fs::read_to_string(folder.path().join(name)).expect("kept");
        assert!(
            kept("journal.jsonl.kept-1").contains(';') && kept("metrics.csv.kept-1") == "all four"
        );
        // A journal that ends too soon, and one that is gone.
        fs::write(&path, &whole[..whole.len() / 2 - 1]).expect("writable");
        assert_eq!(
            read(&fs::read(&path).expect("there"), 4, false)
                .damage()
                .as_deref(),
            Some("rounds are missing: 2, 3, 4")
        );
        fs::remove_file(&path).expect("there");
        assert!(
            Journal::resume(path.clone(), &after(4), &[])
                .expect("goes on")
                .1
                .is_empty()
        );
        // It is said once.
        let known = read(&fs::read(&path).expect("there"), 4, false);
        assert_eq!((known.events.len(), known.damage()), (1, None));
    }
}
