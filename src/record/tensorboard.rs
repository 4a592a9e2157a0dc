//! `events.out.tfevents.fedmpi`: figures of every round, as TensorBoard reads them. The file
//! follows from the run's events alone, so that a run that goes on writes it again up to there and
//! no step comes twice.
//!
//! A file is a row of records: the length of a message, its checksum, the message in protocol
//! buffers, its checksum.

use super::fault;
use super::lines::Lines;
use crate::event::{Event, RecordError, Recorder, RoundDone};
use crate::metrics::Metrics;
use prost::Message;
use std::io::{self, Write};
use std::path::PathBuf;

/// The file's name; TensorBoard looks for `tfevents` in it.
pub const EVENTS: &str = "events.out.tfevents.fedmpi";
/// What the first record says.
const VERSION: &str = "brain.Event:2";

/// What TensorBoard calls an event.
#[derive(Clone, PartialEq, Message)]
struct Told {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    /// The round, from 1.
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Scalars>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalars {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Appends a record for each round.
pub struct TensorBoard {
    lines: Lines,
    begun: bool,
    // When the last round ended, by the beginning of the run and the seconds of its rounds.
    now: f64,
}

impl TensorBoard {
    /// Starts an empty file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: PathBuf) -> Result<TensorBoard, RecordError> {
        let lines = Lines::create(path.clone()).map_err(|error| fault(&path, error))?;
        Ok(TensorBoard {
            lines,
            begun: false,
            now: 0.0,
        })
    }

    /// The first record says when the run began.
    fn begin(&mut self, now: f64) -> io::Result<()> {
        self.now = now;
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.tell(&Told {
            wall_time: now,
            file_version: Some(VERSION.to_owned()),
            ..Told::default()
        })
    }

    /// Figures of a round, at its end.
    fn add(&mut self, done: &RoundDone) -> io::Result<()> {
        self.now += done.seconds + done.evaluation_seconds;
        let summary = Some(Scalars {
            value: scalars(done),
        });
        let (wall_time, step) = (self.now, done.round.number() as i64);
        self.tell(&Told {
            wall_time,
            step,
            file_version: None,
            summary,
        })
    }

    fn tell(&mut self, told: &Told) -> io::Result<()> {
        self.lines.write_all(&record(&told.encode_to_vec()))?;
        self.lines.settle()
    }
}

impl Recorder for TensorBoard {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        let told = match event {
            Event::Started(started) => self.begin(started.at.as_duration().as_secs_f64()),
            Event::RoundDone(done) => self.add(done),
            _ => Ok(()),
        };
        told.map_err(|error| fault(self.lines.path(), error))
    }
}

/// A message between its length and its checksum, each with one of its own.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), message, &checksum(message)].concat()
}

/// CRC-32C, turned and moved, since checksums of what holds checksums tell little.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}

/// The figures of a round; what comes before the stroke is a group of pictures.
fn scalars(done: &RoundDone) -> Vec<Scalar> {
    let fixed = [
        ("train/loss", done.train_loss),
        ("seconds/round", Some(done.seconds)),
        ("seconds/evaluation", done.test.as_ref().map(|_| done.evaluation_seconds)),
        ("seconds/virtual", Some(done.virtual_seconds)),
        ("seconds/clock", Some(done.clock)),
        ("bytes/clients", Some(done.client_bytes as f64)),
        ("bytes/cluster", Some(done.cluster_bytes as f64)),
        ("clients/trained", Some(done.clients as f64)),
        ("clients/dropped", Some(done.dropped as f64)),
        ("clients/late", Some(done.late as f64)),
        ("clients/diverged", Some(done.diverged as f64)),
        ("clients/staleness", Some(done.staleness)),
        ("schedule/efficiency", done.schedule.efficiency),
        ("schedule/prediction_error", done.schedule.prediction_error),
        ("privacy/epsilon", done.epsilon),
    ];
    let mut scalars = measured("test", done.test.as_ref());
    scalars.extend(measured("train_set", done.training.as_ref()));
    for (name, value) in fixed {
        scalars.extend(value.map(|value| scalar(name.to_owned(), value)));
    }
    scalars
}

/// Metrics of some data, as a group.
fn measured(group: &str, metrics: Option<&Metrics>) -> Vec<Scalar> {
    let shown = metrics.into_iter().flat_map(Metrics::shown);
    shown
        .map(|(name, value)| scalar(format!("{group}/{name}"), value))
        .collect()
}

fn scalar(tag: String, value: f64) -> Scalar {
    Scalar {
        tag,
        simple_value: Some(value as f32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Started;
    use crate::ids::Round;
    use std::fs;
    use std::path::Path;

    /// The messages of a file whose checksums fit.
    fn read(path: &Path) -> Vec<Told> {
        let (mut told, bytes) = (Vec::new(), fs::read(path).expect("there"));
        let mut rest = &bytes[..];
        while let Some((length, tail)) = rest.split_first_chunk::<8>() {
            let message = &tail[4..][..u64::from_le_bytes(*length) as usize];
            let whole = record(message);
            assert_eq!(rest[..whole.len()], whole);
            told.push(Told::decode(message).expect("a message"));
            rest = &rest[whole.len()..];
        }
        told
    }

    #[test]
    fn checksums_are_those_of_tensorflow() {
        // Its own test vectors: of 32 zeros the plain one is 0x8a9136aa.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(u32::from_le_bytes(checksum(b"")), 0xa282_ead8);
    }

    /// A round of two seconds; only the second one is evaluated.
    fn round(round: u32) -> Event {
        let loss = Metrics::default().with("loss", 0.5, 1);
        Event::RoundDone(RoundDone {
            round: Round(round),
            seconds: 2.0,
            test: (round == 1).then(|| loss.with("accuracy", 0.0, 1)),
            train_loss: Some(f64::NAN),
            ..RoundDone::default()
        })
    }

    #[test]
    fn figures_come_back_and_a_run_that_goes_on_writes_the_same_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(EVENTS);
        let at = jiff::Timestamp::from_second(100).expect("a time");
        let started = Event::Started(Started {
            at,
            ..Started::default()
        });
        let write = |rounds: u32| {
            let mut board = TensorBoard::create(path.clone()).expect("made");
            board.record(&started, &[]).expect("written");
            (0..rounds).for_each(|number| board.record(&round(number), &[]).expect("written"));
            fs::read(&path).expect("there")
        };
        let (first, longer) = (write(1), write(2));
        assert!(longer.starts_with(&first));
        let told = read(&path);
        assert_eq!((told.len(), told[0].file_version.as_deref()), (3, Some(VERSION)));
        assert_eq!((told[2].step, told[2].wall_time), (2, 104.0));
        let value = |told: &Told, tag: &str| {
            let scalars = &told.summary.as_ref().expect("figures").value;
            scalars
                .iter()
                .find(|scalar| scalar.tag == tag)
                .and_then(|scalar| scalar.simple_value)
        };
        assert_eq!(
            (value(&told[2], "test/loss"), value(&told[2], "test/accuracy")),
            (Some(0.5), Some(0.0))
        );
        assert_eq!(
            (value(&told[1], "test/loss"), value(&told[1], "seconds/round")),
            (None, Some(2.0))
        );
        assert!(value(&told[1], "train/loss").is_some_and(f32::is_nan));
    }
}
