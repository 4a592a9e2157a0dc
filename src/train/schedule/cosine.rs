//! `cosine` (Loshchilov and Hutter 2017): the factor is `floor + (1 - floor) (1 + cos(pi r / R)) /
//! 2` in round `r` of `R`, and `floor` after them; both count from the end of a warm-up, in which the
//! rate rises in equal steps.

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
        decay_rounds: u32 = "0", "ROUNDS", Range::COUNT_OR_NONE,
            "rounds until it has fallen, the warm-up included; 0 takes --comm_round, which a run \
             that goes on cannot change then";
    }
}

impl Cosine {
    /// The schedule.
    pub fn rate(self) -> Rate {
        let rate = Rate::new(move |round, planned| match round.checked_sub(self.warmup_rounds) {
            None => f64::from(round + 1) / f64::from(self.warmup_rounds),
            Some(since) => {
                let rounds = if self.decay_rounds == 0 {
                    planned
                } else {
                    self.decay_rounds
                };
                let all = rounds.saturating_sub(self.warmup_rounds).max(1);
                let share = f64::from(since.min(all)) / f64::from(all);
                self.floor + (1.0 - self.floor) * (1.0 + (PI * share).cos()) / 2.0
            }
        });
        if self.decay_rounds == 0 {
            rate.by_length()
        } else {
            rate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn half_a_wave_after_the_warm_up() {
        let wave = |floor, warmup_rounds, decay_rounds| {
            Cosine {
                floor,
                warmup_rounds,
                decay_rounds,
            }
            .rate()
        };
        let at = |floor, warmup_rounds, round| wave(floor, warmup_rounds, 0).at(Round(round), 10);
        assert!((at(0.0, 0, 5) - 0.5).abs() < 1e-12 && at(0.0, 0, 0) == 1.0);
        assert!((at(0.2, 0, 5) - 0.6).abs() < 1e-12 && (at(0.2, 0, 10) - 0.2).abs() < 1e-12);
        assert_eq!([at(0.0, 4, 0), at(0.0, 4, 3), at(0.0, 4, 4)], [0.25, 1.0, 1.0]);
        assert!((at(0.0, 4, 7) - 0.5).abs() < 1e-12);
        let own = wave(0.1, 0, 4);
        assert!(!own.follows_length() && wave(0.1, 0, 0).follows_length());
        assert!((own.at(Round(2), 10) - 0.55).abs() < 1e-12);
        assert!(
            [4, 9]
                .iter()
                .all(|round| (own.at(Round(*round), 10) - 0.1).abs() < 1e-12)
        );
    }
}
