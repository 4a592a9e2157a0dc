//! `warmup`: the factor is `(r + 1) / warmup_rounds`, at most 1.

use super::Rate;
use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub WarmUp {
        warmup_rounds: u32 = "10", "ROUNDS", Range::COUNT, "rounds until the full rate is reached";
    }
}

impl WarmUp {
    /// The schedule.
    pub fn rate(self) -> Rate {
        Rate::new(move |round, _| (f64::from(round + 1) / f64::from(self.warmup_rounds)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn the_rate_rises_and_stays() {
        let rate = WarmUp { warmup_rounds: 4 }.rate();
        assert_eq!([0, 1, 3, 9].map(|round| rate.at(Round(round), 10)), [0.25, 0.5, 1.0, 1.0]);
    }
}
