//! When workers would end what they get: by their lines, by what they have told, and never before
//! the round's own clock.

use super::Pull;
use crate::ids::Rank;
use crate::schedule::{Job, Line};
use std::collections::VecDeque;

/// What lies before a worker.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) line: Line,
    // Seconds of what it has reported.
    pub(super) spent: f64,
    // What it has not reported, in its order.
    pub(super) waiting: VecDeque<Job>,
    pub(super) engaged: bool,
}

impl Desk {
    /// When it would end a client of this size that it got now, in seconds of training since the
    /// round began. What it has in hand does not end before `now`, whatever was predicted.
    fn end(&self, samples: u64, now: f64) -> f64 {
        let mut waiting = self
            .waiting
            .iter()
            .map(|job| self.line.seconds(job.samples));
        let free = (self.spent + waiting.next().unwrap_or(0.0)).max(now);
        free + waiting.sum::<f64>() + self.line.seconds(samples)
    }
}

impl Pull {
    /// The largest client that a worker can end in time. Smaller ones end sooner, so they are a
    /// tail of the rest.
    pub(super) fn timely(&self, rank: Rank, least: f64) -> Option<usize> {
        let (desk, now) = (self.desks.get(&rank)?, self.now());
        let is_late = |job: &Job| desk.end(job.samples, now) > least;
        let place = self.rest.partition_point(is_late);
        (place < self.rest.len()).then_some(place)
    }

    /// The largest client or the smallest, if no other worker would end it sooner. There is always
    /// one who ends the largest first, so the rest gets ever less.
    pub(super) fn unrivalled(&self, rank: Rank) -> Option<usize> {
        let (desk, now) = (self.desks.get(&rank)?, self.now());
        for place in [0, self.rest.len().checked_sub(1)?] {
            let samples = self.rest[place].samples;
            let end = desk.end(samples, now);
            let mut others = self.desks.values();
            if others.all(|other| other.end(samples, now) >= end) {
                return Some(place);
            }
        }
        None
    }

    /// How far the round is: no worker has trained longer, and whoever never waits has trained as
    /// long.
    fn now(&self) -> f64 {
        self.desks
            .values()
            .map(|desk| desk.spent)
            .fold(0.0, f64::max)
    }

    /// The seconds that all workers together need for the cohort if nobody ever waits, but not less
    /// than the largest client takes where it is trained fastest.
    pub(super) fn least(&self) -> f64 {
        let alone = |line: &Line| line.seconds(self.samples) + line.constant * (self.clients - 1.0);
        let lines = || self.desks.values().map(|desk| &desk.line);
        let together = 1.0 / lines().map(|line| 1.0 / alone(line)).sum::<f64>();
        lines()
            .map(|line| line.seconds(self.largest))
            .fold(f64::INFINITY, f64::min)
            .max(together)
    }

    /// What is known of workers by now says when they end what they have.
    pub(super) fn predict(&mut self) {
        for (rank, desk) in &mut self.desks {
            desk.line = self.cost.line(*rank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::jobs;

    #[test]
    fn what_should_have_ended_long_ago_does_not_end_before_now() {
        let line = Line {
            per_sample: 1.0,
            constant: 0.0,
        };
        let mut desk = Desk {
            line,
            spent: 2.0,
            ..Desk::default()
        };
        assert_eq!((desk.end(5, 0.0), desk.end(5, 8.0)), (7.0, 13.0));
        desk.waiting.extend(jobs(&[3, 1]));
        assert_eq!((desk.end(5, 0.0), desk.end(5, 8.0)), (11.0, 14.0));
    }
}
