//! How long rounds take of late: they change, so old ones count less.

/// What is left of a round's weight after another, or after so many seconds if that is more.
const FADE: f64 = 0.95;
const SECONDS: f64 = 10.0;

/// Seconds of a round: the mean, in which a round counts the less the older it is, by rounds or by
/// time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    seconds: f64,
    rounds: f64,
}

impl Pace {
    /// Takes note of a round that took so long.
    pub(super) fn note(&mut self, seconds: f64) {
        let fade = FADE.max((-seconds / SECONDS).exp());
        self.seconds = fade * self.seconds + seconds;
        self.rounds = fade * self.rounds + 1.0;
    }

    /// None before the first round.
    pub(super) fn mean(self) -> Option<f64> {
        (self.rounds > 0.0).then(|| self.seconds / self.rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rounds_count_more() {
        let mut pace = Pace::default();
        assert_eq!(pace.mean(), None);
        pace.note(2.0);
        assert_eq!(pace.mean(), Some(2.0));
        pace.note(4.0);
        // The first one counts 0.95: 5.9 seconds of 1.95 rounds.
        assert!(
            pace.mean()
                .is_some_and(|mean| (mean - 5.9 / 1.95).abs() < 1e-12)
        );
    }
}
