//! When it is time again to say how far something is that takes long: every second, then less and
//! less often.

use std::time::{Duration, Instant};

/// The shortest and the longest time between two reports.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// The share of what has passed after which there is something new to say.
const SHARE: u32 = 10;

/// Rings now and then.
pub struct Stopwatch {
    began: Instant,
    rang: Instant,
}

impl Stopwatch {
    /// It starts now.
    pub fn start() -> Stopwatch {
        let now = Instant::now();
        Stopwatch {
            began: now,
            rang: now,
        }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Seconds since the start, if it is time to say so.
    pub fn rings(&mut self) -> Option<f64> {
        let now = Instant::now();
        let passed = now.duration_since(self.began);
        if now.duration_since(self.rang) < (passed / SHARE).clamp(BETWEEN.0, BETWEEN.1) {
            return None;
        }
        self.rang = now;
        Some(passed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_after_a_second_and_later_by_share() {
        let back = |seconds| {
            Instant::now()
                .checked_sub(Duration::from_secs(seconds))
                .expect("after the boot")
        };
        assert_eq!(Stopwatch::start().rings(), None);
        assert!(
            Stopwatch {
                began: back(2),
                rang: back(2)
            }
            .rings()
            .is_some_and(|seconds| seconds >= 2.0)
        );
        assert_eq!(
            Stopwatch {
                began: back(60),
                rang: back(5)
            }
            .rings(),
            None
        );
        assert!(
            Stopwatch {
                began: back(600),
                rang: back(11)
            }
            .rings()
            .is_some()
        );
    }
}
