//! How far a run is, as its events tell, and how long the rest will take.

mod line;
mod pace;

use crate::event::{Event, RoundDone, Underway};
use crate::metrics::Metrics;
use pace::Pace;
use std::time::{Duration, Instant};

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Course {
    rounds: u32,
    word: &'static str,
    metric: Option<String>,
    /// Rounds done; in async mode moves of the model.
    pub done: u32,
    // Those that were done before this process.
    first: u32,
    loss: Option<f64>,
    test: Option<(String, f64)>,
    underway: Option<Underway>,
    // Clients of the last round that took long.
    cohort: Option<usize>,
    begun: Instant,
    // When the last round ended.
    ended: Instant,
    pace: Pace,
}

impl Course {
    /// Of so many rounds some are `done`. In async mode the model moves without rounds. `metric` is
    /// what the run is to reach; without one the task's own metric leads.
    pub fn new(rounds: u32, is_async: bool, metric: Option<&str>, done: u32) -> Course {
        let (now, word) = (Instant::now(), if is_async { "move" } else { "round" });
        Course {
            rounds,
            word,
            metric: metric.map(str::to_owned),
            done,
            first: done,
            loss: None,
            test: None,
            underway: None,
            cohort: None,
            begun: now,
            ended: now,
            pace: Pace::default(),
        }
    }

    /// Takes note of an event at its time.
    pub fn note(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Started(_) => (self.begun, self.ended) = (now, now),
            Event::Underway(underway) => {
                self.cohort = Some(underway.clients);
                self.underway = Some(underway.clone());
            }
            Event::RoundDone(done) => self.note_round(done, now),
            _ => {}
        }
    }

    fn note_round(&mut self, done: &RoundDone, now: Instant) {
        self.pace.note((now - self.ended).as_secs_f64());
        (self.done, self.ended, self.underway) = (done.round.0 + 1, now, None);
        self.loss = done.train_loss;
        if let Some(test) = &done.test {
            self.test = Some(self.lead(test));
        }
    }

    /// The metric that says most.
    fn lead(&self, test: &Metrics) -> (String, f64) {
        let (name, value) = self.wanted(test).unwrap_or_else(|| test.lead());
        // The other loss is of the training.
        let name = if name == "loss" { "test loss" } else { name };
        (name.to_owned(), value)
    }

    /// What the run is to reach, if it was measured.
    fn wanted(&self, test: &Metrics) -> Option<(&str, f64)> {
        let name = self.metric.as_deref()?;
        Some((name, test.value(name)?))
    }

    /// Rounds to do.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Rounds that were done before this process.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// Whether all rounds are done.
    pub fn is_over(&self) -> bool {
        self.done >= self.rounds
    }

    /// Rounds done as a share of all.
    pub fn share(&self) -> f64 {
        let in_hand = match &self.underway {
            Some(it) => it.done as f64 / it.clients.max(1) as f64,
            None => 0.0,
        };
        let done = f64::from(self.done) + in_hand.min(1.0);
        (done / f64::from(self.rounds.max(1))).min(1.0)
    }

    /// How long the rest will take, if that can be told.
    fn left(&self, now: Instant) -> Option<Duration> {
        if self.is_over() {
            return None;
        }
        let round = self.pace.mean().or_else(|| self.seconds_in_hand())?;
        let all = round * f64::from(self.rounds - self.done);
        let gone = (now - self.ended).as_secs_f64();
        Duration::try_from_secs_f64((all - gone).max(0.0)).ok()
    }

    /// Seconds that the round in hand will take, if its other clients take as long as those that
    /// are done.
    fn seconds_in_hand(&self) -> Option<f64> {
        let underway = self
            .underway
            .as_ref()
            .filter(|underway| underway.done > 0)?;
        Some(underway.seconds * underway.clients as f64 / underway.done as f64)
    }
}
