//! How soon a failed job is started again: at first at once, then ever later, and not for ever.

use std::time::Duration;

/// Starts in a row without a new checkpoint, after which another one would hardly help.
const FRUITLESS: u32 = 8;
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Starts that came to nothing, one after another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    fruitless: u32,
}

impl Pace {
    /// How long to wait after a start that failed; none when it is time to give up.
    pub(super) fn after(&mut self, got_further: bool) -> Option<Duration> {
        self.fruitless = if got_further { 0 } else { self.fruitless + 1 };
        let doubled = FIRST * 2u32.pow(self.fruitless.saturating_sub(1));
        (self.fruitless < FRUITLESS).then(|| doubled.min(LONGEST))
    }

    /// Starts in a row that came to nothing.
    pub(super) fn fruitless(&self) -> u32 {
        self.fruitless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_come_to_nothing_are_ever_later_and_end() {
        let mut pace = Pace::default();
        let waits: Vec<_> = [false, false, false, true, false]
            .map(|further| pace.after(further))
            .into();
        assert_eq!(waits, [1, 2, 4, 1, 1].map(|seconds| Some(Duration::from_secs(seconds))));
        let rest: Vec<_> = (0..7)
            .map(|_| pace.after(false).map(|wait| wait.as_secs()))
            .collect();
        assert_eq!(
            rest,
            [
                Some(2),
                Some(4),
                Some(8),
                Some(16),
                Some(32),
                Some(60),
                None
            ]
        );
    }
}
