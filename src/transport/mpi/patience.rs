//! Waiting that leaves its core to those that train.

use std::thread;
use std::time::{Duration, Instant};

/// Yields while an answer is likely near, then sleeps longer and longer, at most 0.2 ms.
pub struct Patience {
    polls: u32,
    began: Instant,
    most: Option<Duration>,
}

impl Patience {
    /// For so long at most; none is for ever.
    pub fn new(most: Option<Duration>) -> Patience {
        Patience {
            polls: 0,
            began: Instant::now(),
            most,
        }
    }

    /// Waits a little; false when there is no patience left.
    pub fn pause(&mut self) -> bool {
        self.polls = self.polls.saturating_add(1);
        match self.polls {
            0..=200 => thread::yield_now(),
            201..=400 => thread::sleep(Duration::from_micros(20)),
            _ => thread::sleep(Duration::from_micros(200)),
        }
        self.most.is_none_or(|most| self.began.elapsed() <= most)
    }
}
