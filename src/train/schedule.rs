//! Schedules of the clients' learning rate: a factor for each round, from 0 counted.

use crate::ids::Round;
use crate::part;
use crate::part::{Choice, Entry, Kind, Part, PartError, Range, Values};
use std::f64::consts::PI;
use std::sync::Arc;

/// What the rate is multiplied with in a round, of so many that are planned.
pub type Rate = Arc<dyn Fn(Round, u32) -> f64 + Send + Sync>;

part! {
    /// Of `step`.
    pub Step {
        step_rounds: u32 = "10", "ROUNDS", Range::COUNT, "rounds between two falls of the rate";
        gamma: f64 = "0.5", "FACTOR", Range::SHARE, "what the rate is multiplied with each time";
    }
}

part! {
    /// Of `exponential`.
    pub Exponential {
        gamma: f64 = "0.998", "FACTOR", Range::SHARE, "what the rate is multiplied with each time";
    }
}

part! {
    /// Of `warmup`.
    pub WarmUp {
        warmup_rounds: u32 = "10", "ROUNDS", Range::COUNT, "rounds until the full rate is reached";
    }
}

/// Makes a schedule.
pub type Build = fn(&Values) -> Rate;

/// All schedules.
pub const KIND: Kind<Build> = Kind { setting: "lr_schedule", about: "learning-rate schedule", table: SCHEDULES };

/// Makes a schedule by choice.
///
/// ```
/// use fedmpi::{ids::Round, train::schedule::make};
/// let step = make(&"step:step_rounds=2,gamma=0.5".into())?;
/// assert_eq!([0, 1, 2, 5].map(|round| step(Round(round), 10)), [1.0, 1.0, 0.5, 0.25]);
/// # Ok::<(), fedmpi::part::PartError>(())
/// ```
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice) -> Result<Rate, PartError> {
    KIND.look_up(choice).map(|(entry, values)| (entry.build)(&values))
}

/// Every schedule, by the name users write.
pub const SCHEDULES: &[Entry<Build>] = &[
    Entry::<Build>::new("constant", "the same rate in every round", |_| Arc::new(|_, _| 1.0)).also(&["none"]),
    Entry::<Build>::new("step", "falls by a factor every so many rounds", |values| {
        let Step { step_rounds, gamma } = Step::read(values);
        Arc::new(move |round, _| gamma.powi((round.0 / step_rounds) as i32))
    })
    .with(Step::PARAMS),
    Entry::<Build>::new("exponential", "falls by a factor every round", |values| {
        let Exponential { gamma } = Exponential::read(values);
        Arc::new(move |round, _| gamma.powi(round.0 as i32))
    })
    .with(Exponential::PARAMS),
    Entry::<Build>::new("cosine", "falls like half a wave to 0: (1 + cos(pi r / R)) / 2", |_| {
        Arc::new(|round, rounds| (1.0 + (PI * f64::from(round.0) / f64::from(rounds.max(1))).cos()) / 2.0)
    }),
    Entry::<Build>::new("warmup", "rises in equal steps, then stays", |values| {
        let WarmUp { warmup_rounds } = WarmUp::read(values);
        Arc::new(move |round, _| (f64::from(round.0 + 1) / f64::from(warmup_rounds)).min(1.0))
    })
    .with(WarmUp::PARAMS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_by_hand() {
        let at = |text: &str, round| make(&text.into()).expect("sound")(Round(round), 10);
        assert_eq!([at("warmup:warmup_rounds=4", 0), at("warmup:warmup_rounds=4", 9)], [0.25, 1.0]);
        assert_eq!(at("exponential:gamma=0.5", 3), 0.125);
        assert!((at("cosine", 5) - 0.5).abs() < 1e-12 && at("cosine", 0) == 1.0);
        for entry in SCHEDULES {
            assert!((0..10).all(|round| (0.0..=1.0).contains(&at(entry.name, round))), "{}", entry.name);
        }
    }
}
