//! Virtual time: how long a client takes for one training, by a clock that exists only in the plan.
//! Real machines may be as fast as they like; the order of events follows from here.
//!
//! What is drawn is drawn once per client, or anew for every training with `delay_per_task`, which
//! may also be written as `/task` at the end of a line: `lognormal:1,0.7/task`.

mod drawn;
mod listed;

use crate::ids::{ClientId, Round};
use crate::part::{Choice, Entry, Kind, Part, PartError, Values};
use crate::seed::{Purpose, Seed, Stream};
use serde_yaml::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds of a client with so many samples. Law: never below 0 and never NaN.
type Draw = Arc<dyn Fn(ClientId, u64, &mut Stream) -> f64 + Send + Sync>;

/// A delay model that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DelayError {
    /// A choice that makes no sense.
    #[error(transparent)]
    Choice(#[from] PartError),
    /// Settings that make no sense together.
    #[error("delay: {0}")]
    Together(String),
    /// A file that cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with a hint.
        reason: String,
    },
}

impl DelayError {
    fn file(path: &Path, reason: String) -> DelayError {
        DelayError::File {
            path: path.to_owned(),
            reason,
        }
    }
}

/// Makes a model for so many clients.
type Build = fn(&Values, usize) -> Result<Delay, DelayError>;

/// All delay models.
pub static KIND: Kind<Build> = Kind {
    setting: "delay",
    about: "delay",
    table: DELAYS,
};

/// Every delay model, by the name users write.
const DELAYS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "samples",
        "so long for each sample of each epoch, times a log-normal speed",
        drawn::samples,
    )
    .with(drawn::Samples::PARAMS),
    Entry::<Build>::new("constant", "the same for everybody", drawn::constant)
        .with(drawn::Constant::PARAMS),
    Entry::<Build>::new("uniform", "evenly between two numbers", drawn::uniform)
        .with(drawn::Uniform::PARAMS),
    Entry::<Build>::new(
        "lognormal",
        "median * exp(sigma * N(0, 1)); sigma 0.7: the middle 90 % spread tenfold",
        drawn::lognormal,
    )
    .with(drawn::LogNormal::PARAMS),
    Entry::<Build>::new("exponential", "mean * Exp(1)", drawn::exponential)
        .with(drawn::Exponential::PARAMS),
    Entry::<Build>::new("halfnormal", "sigma * |N(0, 1)|", drawn::halfnormal)
        .with(drawn::HalfNormal::PARAMS),
    Entry::<Build>::new(
        "classes",
        "classes of speed, all equally likely: classes:1,2,5",
        drawn::classes,
    )
    .with(drawn::Classes::PARAMS),
    Entry::<Build>::new(
        "file",
        "by client: a number a line (async-FL's stale.txt), or a JSON list or dictionary",
        listed::file,
    )
    .with(listed::Listed::PARAMS),
    Entry::<Build>::new("list", "by client: a number for each", listed::said)
        .with(listed::Said::PARAMS),
    Entry::<Build>::new(
        "trace",
        "by client: a CSV file with the columns client,seconds",
        listed::trace,
    )
    .with(listed::Listed::PARAMS),
];

/// Some thirty thousand years: a model may draw more than a clock can count.
const MOST_SECONDS: f64 = 1e12;

/// Virtual seconds of every training.
#[derive(Clone)]
pub struct Delay {
    draw: Draw,
    per_task: bool,
    passed: Arc<dyn Fn(u64) -> u64 + Send + Sync>,
    listed: Arc<Vec<f64>>,
}

impl Delay {
    /// The chosen model for so many clients.
    ///
    /// # Errors
    /// A choice that makes no sense, and files that do not fit.
    pub fn make(choice: &Choice, clients: usize) -> Result<Delay, DelayError> {
        let (entry, values) = KIND.look_up(&spelled(choice.clone()))?;
        (entry.build)(&values, clients)
    }

    fn drawn(
        per_task: bool,
        draw: impl Fn(ClientId, u64, &mut Stream) -> f64 + Send + Sync + 'static,
    ) -> Delay {
        Delay {
            draw: Arc::new(draw),
            per_task,
            passed: Arc::new(|samples| samples),
            listed: Arc::default(),
        }
    }

    fn listed(seconds: Vec<f64>) -> Delay {
        let listed = Arc::new(seconds);
        let own = Arc::clone(&listed);
        Delay {
            listed,
            ..Delay::drawn(false, move |client, _, _| own[client.index()])
        }
    }

    /// The same model for trainings that pass so many samples, of a client that has so many.
    pub fn passing(self, passed: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Delay {
        Delay {
            passed: Arc::new(passed),
            ..self
        }
    }

    /// What a file said that the choice only names: seconds by client.
    pub fn contents(&self) -> &[f64] {
        &self.listed
    }

    /// Seconds of one training: the `task`-th of the run, of a client with so many samples.
    ///
    /// ```
    /// use fedmpi::{
    ///     delay::Delay,
    ///     ids::{ClientId, Round},
    ///     seed::Seed,
    /// };
    /// let delay = Delay::make(&"samples:0.5".into(), 10)?;
    /// assert_eq!(delay.seconds(Seed(1), ClientId(3), Round(0), 8), 4.0);
    /// assert_eq!(
    ///     delay
    ///         .passing(|samples| 5 * samples)
    ///         .seconds(Seed(1), ClientId(3), Round(0), 8),
    ///     20.0
    /// );
    /// # Ok::<(), fedmpi::delay::DelayError>(())
    /// ```
    pub fn seconds(&self, seed: Seed, client: ClientId, task: Round, samples: u64) -> f64 {
        let drawn_for = if self.per_task {
            Round(task.0 + 1)
        } else {
            Round(0)
        };
        let mut stream = seed.for_client(Purpose::Speed, drawn_for, client);
        (self.draw)(client, (self.passed)(samples), &mut stream).min(MOST_SECONDS)
    }
}

/// The same choice with `/task` at its end as the setting that it stands for.
pub fn spelled(mut choice: Choice) -> Choice {
    let Some((_, last)) = choice.values.iter_mut().last() else { return choice };
    let Some(number) = last.as_str().and_then(|text| text.strip_suffix("/task")) else {
        return choice;
    };
    *last = serde_yaml::from_str(number).unwrap_or_else(|_| Value::from(number));
    choice.values.insert("delay_per_task".into(), true.into());
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn made(text: &str) -> Result<Delay, DelayError> {
        Delay::make(&text.into(), 3)
    }

    #[test]
    fn every_model_draws_the_same_again_and_never_below_zero() {
        let folder = tempfile::tempdir().expect("a folder");
        let [list, trace] = ["list.txt", "trace.csv"].map(|name| folder.path().join(name));
        fs::write(&list, "1\n2\n3\n").expect("writable");
        fs::write(&trace, "client,seconds\n0,1\n1,2\n2,3\n").expect("writable");
        let (list, trace) =
            (format!("file:{}", list.display()), format!("trace:{}", trace.display()));
        let written = [
            "samples:0.01,1",
            "constant:2",
            "uniform:1,2",
            "lognormal:1,0.7",
            "exponential:3",
            "halfnormal:1",
            "classes:1,2,5",
            "list:1,2,5",
            "lognormal:1,0.7/task",
            "exponential:delay_mean=3,delay_per_task=true",
            &list,
            &trace,
        ];
        assert!(DELAYS.iter().all(|entry| {
            written
                .iter()
                .any(|text| text.split(':').next() == Some(entry.name))
        }));
        for text in written {
            let delay = made(text).expect(text);
            let draw = |client, task| delay.seconds(Seed(1), ClientId(client), Round(task), 10);
            assert!(
                (0..3).all(|client| draw(client, 0) >= 0.0 && draw(client, 5) == draw(client, 5)),
                "{text}"
            );
            assert_eq!(draw(1, 0) == draw(1, 1), !text.contains("task"), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "list:1,2",
            "constant:-1",
            "constant:.nan",
            "uniform:2,1",
            "classes:1,x",
            "gauss:1",
            "file:",
        ] {
            assert!(made(text).is_err(), "{text}");
        }
        assert!(
            made("lognormall:1,1")
                .err()
                .expect("unknown")
                .to_string()
                .contains("did you mean `lognormal`")
        );
    }
}
