//! `step`: the factor is `gamma^floor(r / step_rounds)`.

use super::Rate;
use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub Step {
        step_rounds: u32 = "10", "ROUNDS", Range::COUNT, "rounds between two falls of the rate";
        gamma: f64 = "0.5", "FACTOR", Range::SHARE, "what the rate is multiplied with each time";
    }
}

impl Step {
    /// The schedule.
    pub fn rate(self) -> Rate {
        Rate::new(move |round, _| self.gamma.powi((round / self.step_rounds) as i32))
    }
}
