//! When a line is due. Short rounds share one; a long round gets one now and then before it ends.

use std::time::{Duration, Instant};

/// The least time between two lines of rounds.
const LEAST: Duration = Duration::from_secs(1);
/// How long a round lasts before it is told of; then twice as long each time.
const LONG: Duration = Duration::from_secs(5);
/// The longest silence.
const LONGEST: Duration = Duration::from_secs(600);
/// Lines of a whole run above a bar: a screen holds them.
const STEPS: u64 = 20;

/// When lines were written, and so when the next is due.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    steps: Option<u64>,
    last: Option<(Instant, u32)>,
    // Since when there is silence, and how long it may be.
    silence: (Instant, Duration),
}

impl Rhythm {
    /// A line a second at most.
    pub fn steady() -> Rhythm {
        Rhythm {
            steps: None,
            last: None,
            silence: (Instant::now(), LONG),
        }
    }

    /// A line a second at most, and few in all: there is something else to look at.
    pub fn sparse() -> Rhythm {
        Rhythm {
            steps: Some(STEPS),
            ..Rhythm::steady()
        }
    }

    /// Whether a round that is done gets a line; the first and the last one do.
    pub fn is_due(&self, done: u32, rounds: u32, now: Instant) -> bool {
        let Some((at, before)) = self.last else { return true };
        let further = match self.steps {
            Some(steps) => step(steps, done, rounds) > step(steps, before, rounds),
            None => true,
        };
        done >= rounds || (now - at >= LEAST && further)
    }

    /// Whether the round in hand gets a line.
    pub fn is_silent(&mut self, now: Instant) -> bool {
        let (since, most) = self.silence;
        let silent = self.steps.is_none() && now - since >= most;
        if silent {
            self.silence = (now, (2 * most).min(LONGEST));
        }
        silent
    }

    /// A line is written after so many rounds: gives since when, and of how many rounds.
    pub fn note(&mut self, done: u32, now: Instant) -> Option<(Instant, u32)> {
        self.silence = (now, LONG);
        self.last.replace((now, done))
    }

    /// Rounds that the last line told of.
    pub fn told(&self) -> Option<u32> {
        self.last.map(|(_, done)| done)
    }
}

/// Which of so many equal steps of a run is done.
fn step(steps: u64, done: u32, rounds: u32) -> u64 {
    steps * u64::from(done) / u64::from(rounds.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(mut rhythm: Rhythm, rounds: u32, each: Duration) -> Vec<u32> {
        let start = Instant::now();
        let due = |&done: &u32| {
            let now = start + done * each;
            rhythm.is_due(done, rounds, now)
                && rhythm
                    .note(done, now)
                    .is_none_or(|(_, before)| before < done)
        };
        (1..=rounds).filter(due).collect()
    }

    #[test]
    fn short_rounds_share_a_line_a_second_and_the_last_has_its_own() {
        let steady = told(Rhythm::steady(), 130, Duration::from_millis(20));
        assert_eq!(steady, [1, 51, 101, 130]);
        assert_eq!(told(Rhythm::steady(), 3, Duration::from_secs(60)), [1, 2, 3]);
    }

    #[test]
    fn above_a_bar_there_are_few_lines() {
        let sparse = told(Rhythm::sparse(), 2000, Duration::from_secs(1));
        assert_eq!((sparse.len(), sparse[1], sparse[20]), (21, 100, 2000));
    }

    #[test]
    fn a_long_round_is_told_of_ever_more_rarely() {
        let (mut rhythm, start) = (Rhythm::steady(), Instant::now());
        rhythm.note(1, start);
        let told: Vec<u64> = (1..100)
            .filter(|&second| rhythm.is_silent(start + Duration::from_secs(second)))
            .collect();
        assert_eq!(told, [5, 15, 35, 75]);
        rhythm.note(2, start + Duration::from_secs(100));
        assert!(rhythm.is_silent(start + Duration::from_secs(105)));
    }
}
