//! Lines of a run, as the log takes them.

use super::{Course, ROOM, Rhythm};
use crate::event::{Event, RecordError, Recorder, RoundDone};
use crate::metrics::Metrics;
use std::time::{Duration, Instant};

/// Writes rounds to the log, and what people should hear of whatever else is shown.
pub struct RoundLog {
    course: Course,
    rhythm: Option<Rhythm>,
    begun: Instant,
}

impl RoundLog {
    /// Lines of rounds in some rhythm, or none of them.
    pub fn new(course: Course, rhythm: Option<Rhythm>) -> RoundLog {
        RoundLog {
            course,
            rhythm,
            begun: Instant::now(),
        }
    }

    fn say_if_due(&mut self, now: Instant) {
        let Some(rhythm) = &mut self.rhythm else { return };
        if rhythm.is_due(self.course.done, self.course.rounds(), now) {
            self.say_round(now);
        }
    }

    fn say_round(&mut self, now: Instant) {
        let Some(rhythm) = &mut self.rhythm else { return };
        let (since, before) = rhythm
            .note(self.course.done, now)
            .unwrap_or((self.begun, self.course.first()));
        let rounds = self.course.done.saturating_sub(before).max(1);
        log::info!("{}", self.course.line((now - since) / rounds, now, ROOM));
    }

    /// The last round that was done, though no line was due.
    fn say_last(&mut self, now: Instant) {
        let told = self.rhythm.and_then(|rhythm| rhythm.told());
        if told.unwrap_or(self.course.first()) < self.course.done {
            self.say_round(now);
        }
    }

    /// The round in hand, after a long silence.
    fn say_underway(&mut self, now: Instant) {
        let Some(rhythm) = &mut self.rhythm else { return };
        if !rhythm.is_silent(now) {
            return;
        }
        if let Some(line) = self.course.underway_line(now, ROOM) {
            log::info!("{line}");
        }
    }

    fn hear(&mut self, event: &Event, now: Instant) {
        self.course.note(event, now);
        match event {
            Event::Started(_) => self.begun = now,
            Event::Underway(_) => self.say_underway(now),
            Event::RoundDone(done) => {
                notes(done).iter().for_each(|note| log::warn!("{note}"));
                log::debug!("{}", in_full(done));
                self.say_if_due(now);
            }
            Event::LeftOut {
                round,
                client,
                rank,
                reason,
            } => {
                log::warn!("round {round}: client {client} on rank {rank} is left out: {reason}");
            }
            Event::Lost {
                round,
                rank,
                host,
                clients,
            } => {
                log::warn!(
                    "round {round}: rank {rank} on {host} is lost; \
                     the others train its {clients} clients"
                );
            }
            Event::Finished { .. } | Event::Ended { .. } => self.say_last(now),
            Event::ClientTrained(_)
            | Event::Missing { .. }
            | Event::Arrived(_)
            | Event::Saved(_) => {}
        }
    }
}

impl Recorder for RoundLog {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        self.hear(event, Instant::now());
        Ok(())
    }
}

/// All of a round that somebody may look for.
fn in_full(done: &RoundDone) -> String {
    let seconds = Duration::try_from_secs_f64(done.seconds).unwrap_or_default();
    let test = described("test", done.test.as_ref());
    let training = described("training data", done.training.as_ref());
    format!("round {}: {seconds:.3?}{test}{training}, model {}", done.round, done.model_hash)
}

/// Metrics of some data behind other words.
fn described(what: &str, metrics: Option<&Metrics>) -> String {
    let mut words = String::new();
    for (name, value) in metrics.into_iter().flat_map(Metrics::shown) {
        words += &format!(", {what} {name} {value:.4}");
    }
    words
}

/// What people should hear of a round.
fn notes(done: &RoundDone) -> Vec<String> {
    let (round, mut notes) = (done.round, Vec::new());
    if done.clients == 0 {
        let then = match done.epsilon {
            Some(_) => "the model moves by noise alone",
            None => "the model stays as it was",
        };
        notes.push(format!("round {round}: no client took part, and {then}"));
    }
    let Some(test) = &done.test else { return notes };
    for name in test.diverged() {
        let value = test.value(name).unwrap_or(f64::NAN);
        notes.push(format!(
            "round {round}: the test {name} is {value} \
             (hint: training diverged; lower --lr or --server_lr)"
        ));
    }
    notes
}
