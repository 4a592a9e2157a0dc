//! `cosine` (Loshchilov and Hutter 2017): the factor is `floor + (1 - floor) (1 + cos(pi r / R)) /
//! 2` in round `r` of `R`; both count from the end of a warm-up, in which the rate rises in equal
//! steps.

use super::Rate;
use crate::part;
use crate::part::Range;
use std::f64::consts::PI;

part! {
    /// Its settings.
    pub Cosine {
        floor: f64 = "0", "SHARE", Range::UNIT, "share of the rate that it falls to";
        warmup_rounds: u32 = "0", "ROUNDS", Range::COUNT_OR_NONE,
            "rounds until the full rate is reached";
    }
}

impl Cosine {
    /// The schedule.
    pub fn rate(self) -> Rate {
        Rate::new(move |round, rounds| match round.checked_sub(self.warmup_rounds) {
            None => f64::from(round + 1) / f64::from(self.warmup_rounds),
            Some(since) => {
                let share =
                    f64::from(since) / f64::from(rounds.saturating_sub(self.warmup_rounds).max(1));
                self.floor + (1.0 - self.floor) * (1.0 + (PI * share).cos()) / 2.0
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn half_a_wave_after_the_warm_up() {
        let at = |floor, warmup_rounds, round| {
            Cosine {
                floor,
                warmup_rounds,
            }
            .rate()
            .at(Round(round), 10)
        };
        assert!((at(0.0, 0, 5) - 0.5).abs() < 1e-12 && at(0.0, 0, 0) == 1.0);
        assert!((at(0.2, 0, 5) - 0.6).abs() < 1e-12 && (at(0.2, 0, 10) - 0.2).abs() < 1e-12);
        assert_eq!([at(0.0, 4, 0), at(0.0, 4, 3), at(0.0, 4, 4)], [0.25, 1.0, 1.0]);
        assert!((at(0.0, 4, 7) - 0.5).abs() < 1e-12);
    }
}
