//! How far a worker is: which round and pass it is in, since when, and after how many clients.

use crate::engine::phase::Phase;
use crate::ids::Round;
use std::time::Instant;

/// How far a worker is in a round.
pub(super) struct Course {
    round: Option<Round>,
    // When its first order came, in async mode that of the run.
    pub(super) began: Instant,
    pass: u8,
    // Clients that are trained in this pass.
    pub(super) trained: u32,
}

impl Course {
    /// No round has begun.
    pub(super) fn new() -> Course {
        Course::of(None, Instant::now())
    }

    fn of(round: Option<Round>, began: Instant) -> Course {
        Course {
            round,
            began,
            pass: 0,
            trained: 0,
        }
    }

    /// An order of a pass has come; it may be the first. Without rounds the run `goes_on`.
    pub(super) fn open(&mut self, Phase { round, pass, .. }: Phase, goes_on: bool) {
        if self.round != Some(round) {
            let is_first = self.round.is_none() || !goes_on;
            let began = if is_first { Instant::now() } else { self.began };
            *self = Course::of(Some(round), began);
        } else if self.pass != pass {
            (self.pass, self.trained) = (pass, 0);
        }
    }
}
