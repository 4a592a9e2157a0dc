//! `multi_step`: the factor is `gamma` to the number of milestones that have gone by.

use super::Rate;
use crate::part;
use crate::part::Range;

part! {
    /// Its settings.
    pub MultiStep {
        milestones: Vec<f64> = "[50, 75]", "ROUNDS,...", Range::COUNT,
            "rounds after which the rate falls";
        gamma: f64 = "0.1", "FACTOR", Range::SHARE, "what the rate is multiplied with each time";
    }
}

impl MultiStep {
    /// The schedule.
    pub fn rate(self) -> Rate {
        Rate::new(move |round, _| {
            let gone_by = self
                .milestones
                .iter()
                .filter(|milestone| f64::from(round) >= **milestone)
                .count();
            self.gamma.powi(gone_by as i32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn the_rate_falls_after_each_milestone() {
        let rate = MultiStep {
            milestones: vec![4.0, 2.0],
            gamma: 0.5,
        }
        .rate();
        assert_eq!(
            [0, 1, 2, 3, 4, 9].map(|round| rate.at(Round(round), 10)),
            [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
        );
    }
}
