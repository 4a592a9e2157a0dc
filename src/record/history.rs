//! What a run's journal tells those who look at it, while the run goes on or after it.

use super::owner::JOURNAL;
use super::unread;
use crate::event::{
    Arrived, Event, RankReport, RecordError, RoundDone, Standing, Started, Trained, Underway,
};
use crate::files;
use crate::ids::{ClientId, Rank, Round};
use std::fs::Metadata;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A run so far, by kind of event, each in order. Lines that cannot be read are passed over.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How it began, and each time that it went on.
    pub starts: Vec<Started>,
    /// Rounds done; in async mode moves of the model.
    pub rounds: Vec<RoundDone>,
    /// Updates of synchronous rounds.
    pub trained: Vec<Trained>,
    /// Updates of asynchronous runs.
    pub arrived: Vec<Arrived>,
    /// Trainings that diverged: the round and the client.
    pub left_out: Vec<(Round, ClientId)>,
    /// Workers that were lost: in which round, and where they ran.
    pub lost: Vec<(Round, Rank, String)>,
    /// Rounds that are on no record.
    pub missing: Vec<Round>,
    /// How far the round in hand is, if it takes long.
    pub underway: Option<Underway>,
    /// How the run ended, and why; none while it goes on.
    pub end: Option<(Standing, String)>,
    /// What ranks reported of themselves at the end.
    pub ranks: Vec<RankReport>,
}

impl History {
    /// All that the journal in a run's folder says.
    ///
    /// # Errors
    /// A journal that is not there or cannot be read.
    pub fn read(folder: &Path) -> Result<History, RecordError> {
        let mut follower = Follower::new(folder);
        follower.refresh()?;
        Ok(follower.history)
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Started(started) => {
                self.starts.push(started);
                (self.end, self.underway) = (None, None);
            }
            Event::RoundDone(done) => {
                self.rounds.push(done);
                self.underway = None;
            }
            Event::ClientTrained(trained) => self.trained.push(trained),
            Event::Arrived(arrived) => self.arrived.push(arrived),
            Event::LeftOut { round, client, .. } => self.left_out.push((round, client)),
            Event::Lost {
                round, rank, host, ..
            } => self.lost.push((round, rank, host)),
            Event::Missing { rounds } => self.missing.extend(rounds),
            Event::Underway(underway) => self.underway = Some(underway),
            Event::Finished { reason, ranks, .. } => {
                self.end = Some((Standing::Finished, reason));
                self.ranks = ranks;
            }
            Event::Ended { state, reason, .. } => self.end = Some((state, reason)),
            Event::Saved(_) => {}
        }
    }
}

/// Reads a journal as it grows. What has been read is not read again, unless another file has taken
/// its place.
pub struct Follower {
    path: PathBuf,
    // Which file it is, and how much of it is known.
    file: Option<(u64, u64)>,
    known: u64,
    // A line that is not whole yet.
    rest: Vec<u8>,
    /// What is known.
    pub history: History,
}

impl Follower {
    /// Nothing is read yet.
    pub fn new(folder: &Path) -> Follower {
        let path = folder.join(JOURNAL);
        Follower {
            path,
            file: None,
            known: 0,
            rest: Vec::new(),
            history: History::default(),
        }
    }

    /// Reads what is new; false when nothing is.
    ///
    /// # Errors
    /// A journal that is not there or cannot be read.
    pub fn refresh(&mut self) -> Result<bool, RecordError> {
        self.take_in().map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                unread(&self.path, "there is no journal, so it is no run that has begun")
            }
            _ => unread(&self.path, error),
        })
    }

    fn take_in(&mut self) -> io::Result<bool> {
        let mut file = files::open(&self.path)?;
        let facts = file.metadata()?;
        let identity = |facts: &Metadata| (facts.dev(), facts.ino());
        if self.file != Some(identity(&facts)) || facts.len() < self.known {
            *self = Follower {
                file: Some(identity(&facts)),
                ..Follower::anew(&self.path)
            };
        }
        file.seek(SeekFrom::Start(self.known))?;
        let new = file.read_to_end(&mut self.rest)?;
        self.known += new as u64;
        let whole = self
            .rest
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        let rest = self.rest.split_off(whole);
        for line in std::mem::replace(&mut self.rest, rest).split(|&byte| byte == b'\n') {
            event(line)
                .into_iter()
                .for_each(|event| self.history.note(event));
        }
        Ok(new > 0)
    }

    fn anew(path: &Path) -> Follower {
        Follower {
            path: path.to_owned(),
            file: None,
            known: 0,
            rest: Vec::new(),
            history: History::default(),
        }
    }
}

/// How the lines of clients begin.
const TRAINED: &[u8] = br#"{"event":"client_trained","#;

/// What a line says. Nearly all lines are of clients: these are read without looking for their
/// kind, in a third of the time.
fn event(line: &[u8]) -> serde_json::Result<Event> {
    if line.starts_with(TRAINED) {
        return serde_json::from_slice(line).map(Event::ClientTrained);
    }
    serde_json::from_slice(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn line(event: &Event) -> String {
        serde_json::to_string(event).expect("plain data") + "\n"
    }

    #[test]
    fn lines_of_clients_are_read_as_any_other() {
        let trained = Event::ClientTrained(Trained {
            round: Round(3),
            loss: f64::NAN,
            bits: 7,
            ..Trained::default()
        });
        let text = line(&trained);
        assert!(text.as_bytes().starts_with(TRAINED), "{text}");
        let read = event(text.as_bytes()).expect("an event");
        assert_eq!(line(&read), text);
    }

    #[test]
    fn a_journal_is_read_as_it_grows_and_anew_when_it_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(JOURNAL);
        let mut follower = Follower::new(folder.path());
        assert!(
            follower
                .refresh()
                .is_err_and(|error| error.to_string().contains("no run that has begun"))
        );
        let round = |round| {
            Event::RoundDone(RoundDone {
                round: Round(round),
                ..RoundDone::default()
            })
        };
        let hosts = [(Rank(1), "node1".to_owned())].into();
        let started = Event::Started(Started {
            workers: 2,
            hosts,
            ..Started::default()
        });
        let underway = Event::Underway(Underway {
            round: Round(1),
            done: 3,
            ..Underway::default()
        });
        let mut text = [&started, &round(0), &underway].map(line).concat();
        let (whole, half) = (text.len(), line(&round(1)));
        text += &half[..9];
        fs::write(&path, &text).expect("writable");
        assert!(follower.refresh().expect("there"));
        assert_eq!(
            follower
                .history
                .underway
                .as_ref()
                .map(|underway| underway.done),
            Some(3)
        );
        assert_eq!((follower.history.rounds.len(), follower.refresh().expect("there")), (1, false));
        text.truncate(whole);
        text += &half;
        text += "{ no event }\n";
        fs::write(&path, &text).expect("writable");
        assert!(follower.refresh().expect("there") && follower.history.rounds.len() == 2);
        assert_eq!((follower.history.starts.len(), follower.history.underway.is_none()), (1, true));
        // The run goes on from an earlier round.
        fs::rename(&path, folder.path().join("old")).expect("movable");
        fs::write(&path, [&started, &round(0), &started].map(line).concat()).expect("writable");
        assert!(follower.refresh().expect("there"));
        assert_eq!((follower.history.rounds.len(), follower.history.starts.len()), (1, 2));
    }
}
