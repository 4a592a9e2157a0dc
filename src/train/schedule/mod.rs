//! Schedules of the clients' learning rate: a factor for each round, from 0 counted; without
//! rounds, for each move of the model.

mod cosine;
mod exponential;
mod listed;
mod multi_step;
mod step;
mod warmup;

use crate::ids::Round;
use crate::part::{Choice, Entry, Kind, Part, PartError, Values};
use std::path::PathBuf;
use std::sync::Arc;

/// What the rate is multiplied with. Law: never below 0 and always finite.
#[derive(Clone)]
pub struct Rate {
    // In a round, of so many that are planned.
    factor: Arc<dyn Fn(u32, u32) -> f64 + Send + Sync>,
    listed: Arc<Vec<f64>>,
    by_length: bool,
}

impl Rate {
    fn new(factor: impl Fn(u32, u32) -> f64 + Send + Sync + 'static) -> Rate {
        Rate {
            factor: Arc::new(factor),
            listed: Arc::default(),
            by_length: false,
        }
    }

    /// The same, which depends on how many rounds are planned.
    fn by_length(self) -> Rate {
        Rate {
            by_length: true,
            ..self
        }
    }

    /// Whether it depends on how many rounds are planned.
    pub fn follows_length(&self) -> bool {
        self.by_length
    }

    /// The factor in a round, of so many that are planned.
    pub fn at(&self, round: Round, rounds: u32) -> f64 {
        (self.factor)(round.0, rounds)
    }

    /// What a file said that the choice only names: a factor for each round.
    pub fn contents(&self) -> &[f64] {
        &self.listed
    }
}

/// A schedule that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// A choice that makes no sense.
    #[error(transparent)]
    Choice(#[from] PartError),
    /// No file is named where one is needed.
    #[error("no file of learning rates is named (hint: --rates_file FILE)")]
    NoFile,
    /// A file that cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with a hint.
        reason: String,
    },
}

/// Makes a schedule.
pub type Build = fn(&Values) -> Result<Rate, RateError>;

/// All schedules.
pub const KIND: Kind<Build> = Kind {
    setting: "lr_schedule",
    about: "learning-rate schedule",
    table: SCHEDULES,
};

/// The same, for the rate of the server's step.
pub const SERVER_KIND: Kind<Build> = Kind {
    setting: "server_lr_schedule",
    about: "schedule of the server's rate",
    table: SCHEDULES,
};

/// What is meant when nobody says.
pub const PLAIN: &str = "constant";

/// Makes a schedule by choice.
///
/// ```
/// use fedmpi::{ids::Round, train::schedule::make};
/// let step = make(&"step:step_rounds=2,gamma=0.5".into())?;
/// assert_eq!([0, 1, 2, 5].map(|round| step.at(Round(round), 10)), [1.0, 1.0, 0.5, 0.25]);
/// # Ok::<(), fedmpi::train::schedule::RateError>(())
/// ```
///
/// # Errors
/// A choice that makes no sense, a file that cannot be used.
pub fn make(choice: &Choice) -> Result<Rate, RateError> {
    let (entry, values) = KIND.look_up(choice)?;
    (entry.build)(&values)
}

/// Every schedule, by the name users write.
pub const SCHEDULES: &[Entry<Build>] = &[
    Entry::<Build>::new(PLAIN, "the same rate in every round", |_| Ok(Rate::new(|_, _| 1.0)))
        .also(&["none"]),
    Entry::<Build>::new("step", "falls by a factor every so many rounds", |values| {
        Ok(step::Step::read(values).rate())
    })
    .with(step::Step::PARAMS),
    Entry::<Build>::new("multi_step", "falls by a factor after each of some rounds", |values| {
        Ok(multi_step::MultiStep::read(values).rate())
    })
    .with(multi_step::MultiStep::PARAMS),
    Entry::<Build>::new("exponential", "falls by a factor every round", |values| {
        Ok(exponential::Exponential::read(values).rate())
    })
    .with(exponential::Exponential::PARAMS),
    Entry::<Build>::new("cosine", "falls like half a wave, after a warm-up if wanted", |values| {
        Ok(cosine::Cosine::read(values).rate())
    })
    .with(cosine::Cosine::PARAMS),
    Entry::<Build>::new("warmup", "rises in equal steps, then stays", |values| {
        Ok(warmup::WarmUp::read(values).rate())
    })
    .with(warmup::WarmUp::PARAMS),
    Entry::<Build>::new(
        "listed",
        "as a file says: a factor a line, or a JSON list; the last one stays",
        |values| listed::Listed::read(values).rate(),
    )
    .also(&["file"])
    .with(listed::Listed::PARAMS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rate_is_negative_or_above_the_full_one() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "1\n0.5\n").expect("writable");
        for entry in SCHEDULES {
            let mut choice = Choice::from(entry.name);
            if entry.params.iter().any(|param| param.name == "rates_file") {
                choice
                    .values
                    .insert("rates_file".into(), file.path().display().to_string().into());
            }
            let rate = make(&choice).expect(entry.name);
            for rounds in [0, 1, 10] {
                assert!(
                    (0..20).all(|round| (0.0..=1.0).contains(&rate.at(Round(round), rounds))),
                    "{}",
                    entry.name
                );
            }
        }
    }
}
