//! Virtual time: how long a client takes for one training, by a clock that exists only in the plan.
//! Real machines may be as fast as they like; the order of events follows from here.
//!
//! A model is written `NAME:NUMBERS`, such as `lognormal:1,0.7`. What is drawn is drawn once per
//! client; with `/task` at the end, anew for every training.

use crate::files;
use crate::ids::{ClientId, Round};
use crate::part::{Entry, PartError, find};
use crate::seed::{Purpose, Seed, Stream};
use rand::Rng;
use rand_distr::{Exp1, StandardNormal};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One client's virtual seconds.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    /// `SECONDS[,SIGMA]`: so many for each sample of each epoch, times a log-normal speed.
    Samples(f64, f64),
    /// `SECONDS`.
    Constant(f64),
    /// `FROM,TO`.
    Uniform(f64, f64),
    /// `MEDIAN,SIGMA`: `MEDIAN * exp(SIGMA * N(0, 1))`.
    LogNormal(f64, f64),
    /// `MEAN`.
    Exponential(f64),
    /// `SIGMA`: `SIGMA * |N(0, 1)|`.
    HalfNormal(f64),
    /// `SECONDS,SECONDS,...`: a class of speed for each client, all equally likely.
    Classes(Vec<f64>),
    /// By client, from a file.
    Listed(Vec<f64>),
}

/// A delay model that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DelayError {
    /// A name of nothing.
    #[error(transparent)]
    Unknown(#[from] PartError),
    /// Numbers that make no sense.
    #[error("delay `{text}`: {reason} (hint: `fedmpi list` shows how delays are written)")]
    Numbers {
        /// What was written.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with a hint.
        reason: String,
    },
}

/// The numbers or the file, and the number of clients, to a model.
type Build = fn(&str, usize) -> Result<Model, DelayError>;

macro_rules! delays {
    ($($name:literal, $about:literal, $build:expr;)*) => {
        const MODELS: &[Entry<Build>] = &[$(Entry::new($name, $about, $build)),*];

        /// Every delay model, by the name users write.
        pub const DELAYS: &[Entry<()>] = &[$(Entry::new($name, $about, ())),*];
    };
}

delays! {
    "samples", "samples:SECONDS[,SIGMA]: so many for each sample of each epoch, times a log-normal speed", |text, _| {
        let numbers = numbers("samples", text, 1..=2)?;
        Ok(Model::Samples(numbers[0], numbers.get(1).copied().unwrap_or(0.0)))
    };
    "constant", "constant:SECONDS", |text, _| Ok(Model::Constant(numbers("constant", text, 1..=1)?[0]));
    "uniform", "uniform:FROM,TO", |text, _| {
        let numbers = numbers("uniform", text, 2..=2)?;
        match numbers[0] < numbers[1] {
            true => Ok(Model::Uniform(numbers[0], numbers[1])),
            false => Err(fault("uniform", text, "the first number must be below the second")),
        }
    };
    "lognormal", "lognormal:MEDIAN,SIGMA: the logarithm is normal; sigma 0.7 spreads the middle 90 % tenfold", |text, _| {
        let numbers = numbers("lognormal", text, 2..=2)?;
        Ok(Model::LogNormal(numbers[0], numbers[1]))
    };
    "exponential", "exponential:MEAN", |text, _| Ok(Model::Exponential(numbers("exponential", text, 1..=1)?[0]));
    "halfnormal", "halfnormal:SIGMA", |text, _| Ok(Model::HalfNormal(numbers("halfnormal", text, 1..=1)?[0]));
    "classes", "classes:SECONDS,SECONDS,...: classes of speed, all equally likely", |text, _| {
        Ok(Model::Classes(numbers("classes", text, 1..=1000)?))
    };
    "file", "file:PATH: a number for each client, one a line (async-FL's stale.txt), or a JSON list or dictionary",
        |path, clients| Ok(Model::Listed(read(&place(path)?, clients)?));
    "trace", "trace:PATH: a CSV file with the columns client,seconds", |path, clients| {
        Ok(Model::Listed(read_trace(&place(path)?, clients)?))
    };
}

/// Some thirty thousand years.
const MOST_SECONDS: f64 = 1e12;

/// Virtual seconds of every training.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    model: Model,
    per_task: bool,
    epochs: u64,
}

impl Delay {
    /// Reads a model for so many clients.
    ///
    /// # Errors
    /// Unknown names, numbers that are missing, negative or not finite, and files that do not fit.
    pub fn parse(text: &str, clients: usize) -> Result<Delay, DelayError> {
        let (written, per_task) = match text.strip_suffix("/task") {
            Some(written) => (written, true),
            None => (text, false),
        };
        let (name, rest) = written.split_once(':').unwrap_or((written, ""));
        Ok(Delay { model: (find("delay", MODELS, name)?.build)(rest, clients)?, per_task, epochs: 1 })
    }

    /// The same model for trainings that pass so often over a client's samples.
    pub fn of_epochs(self, epochs: usize) -> Delay {
        Delay { epochs: epochs as u64, ..self }
    }

    /// Seconds of one training: the `task`-th of the run, of a client with so many samples.
    ///
    /// ```
    /// use fedmpi::{delay::Delay, ids::{ClientId, Round}, seed::Seed};
    /// let delay = Delay::parse("samples:0.5", 10)?;
    /// assert_eq!(delay.seconds(Seed(1), ClientId(3), Round(0), 8), 4.0);
    /// assert_eq!(delay.of_epochs(5).seconds(Seed(1), ClientId(3), Round(0), 8), 20.0);
    /// # Ok::<(), fedmpi::delay::DelayError>(())
    /// ```
    pub fn seconds(&self, seed: Seed, client: ClientId, task: Round, samples: u64) -> f64 {
        let mut stream = match self.per_task {
            true => seed.for_client(Purpose::Speed, Round(task.0 + 1), client),
            false => seed.for_client(Purpose::Speed, Round(0), client),
        };
        // A model may draw more than a clock can count.
        self.model.draw(client, samples.saturating_mul(self.epochs), &mut stream).min(MOST_SECONDS)
    }
}

impl Model {
    fn draw(&self, client: ClientId, samples: u64, stream: &mut Stream) -> f64 {
        let normal = |stream: &mut Stream| -> f64 { stream.sample(StandardNormal) };
        match self {
            Model::Samples(seconds, sigma) => samples as f64 * seconds * (normal(stream) * sigma).exp(),
            Model::Constant(seconds) => *seconds,
            Model::Uniform(from, to) => stream.random_range(*from..*to),
            Model::LogNormal(median, sigma) => median * (normal(stream) * sigma).exp(),
            Model::Exponential(mean) => mean * stream.sample::<f64, _>(Exp1),
            Model::HalfNormal(sigma) => sigma * normal(stream).abs(),
            Model::Classes(classes) => classes[stream.random_range(0..classes.len())],
            Model::Listed(seconds) => seconds[client.index()],
        }
    }
}

fn fault(name: &str, text: &str, reason: &str) -> DelayError {
    DelayError::Numbers { text: format!("{name}:{text}"), reason: reason.to_owned() }
}

fn numbers(name: &str, text: &str, count: std::ops::RangeInclusive<usize>) -> Result<Vec<f64>, DelayError> {
    let parsed: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse::<f64>()).collect();
    let numbers = parsed.map_err(|_| fault(name, text, "it needs numbers, separated by commas"))?;
    if !count.contains(&numbers.len()) {
        let reason = format!("it takes {} to {} numbers, not {}", count.start(), count.end(), numbers.len());
        return Err(fault(name, text, &reason));
    }
    match numbers.iter().all(|number| usable(*number)) {
        true => Ok(numbers),
        false => Err(fault(name, text, "numbers must be finite and from 0 up")),
    }
}

fn usable(seconds: f64) -> bool {
    seconds.is_finite() && seconds >= 0.0
}

/// A file as users write it.
fn place(text: &str) -> Result<PathBuf, DelayError> {
    let path = Path::new(text);
    files::at_home(path).map_err(|error| DelayError::File { path: path.to_owned(), reason: error.to_string() })
}

/// A JSON list, a JSON dictionary from client to seconds, or a number a line.
fn read(path: &Path, clients: usize) -> Result<Vec<f64>, DelayError> {
    let fault = |reason: String| DelayError::File { path: path.to_owned(), reason };
    let text = files::text(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let json = |error: serde_json::Error| fault(error.to_string());
    let listed = match text.trim_start().chars().next() {
        Some('[') => serde_json::from_str(&text).map_err(json)?,
        Some('{') => {
            let by_client: BTreeMap<usize, f64> = serde_json::from_str(&text).map_err(json)?;
            return complete(path, by_client, clients);
        }
        _ => lines(&text).map_err(fault)?,
    };
    complete(path, listed.into_iter().enumerate().collect(), clients)
}

fn lines(text: &str) -> Result<Vec<f64>, String> {
    let number = |(line, text): (usize, &str)| {
        text.trim().parse().map_err(|_| format!("line {}: `{}` is no number", line + 1, text.trim()))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(number).collect()
}

fn read_trace(path: &Path, clients: usize) -> Result<Vec<f64>, DelayError> {
    let fault = |reason: String| DelayError::File { path: path.to_owned(), reason };
    let text = files::text(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<BTreeMap<usize, f64>, _> = reader.deserialize::<(usize, f64)>().collect();
    complete(path, rows.map_err(|error| fault(format!("{error} (hint: columns client,seconds)")))?, clients)
}

/// Every client must have a delay that can be used.
fn complete(path: &Path, by_client: BTreeMap<usize, f64>, clients: usize) -> Result<Vec<f64>, DelayError> {
    let fault = |reason: String| DelayError::File { path: path.to_owned(), reason };
    if let Some((client, seconds)) = by_client.iter().find(|(_, seconds)| !usable(**seconds)) {
        return Err(fault(format!("client {client} has a delay of {seconds}, it must be finite and from 0 up")));
    }
    let delay = |client| {
        by_client.get(&client).copied().ok_or_else(|| {
            fault(format!(
                "no delay for client {client} of {clients} (hint: --client_num_in_total {})",
                by_client.len().max(1)
            ))
        })
    };
    (0..clients).map(delay).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn parsed(text: &str) -> Result<Delay, DelayError> {
        Delay::parse(text, 3)
    }

    #[test]
    fn every_model_draws_the_same_again_and_never_below_zero() {
        let folder = tempfile::tempdir().expect("a folder");
        let [list, trace] = ["list.txt", "trace.csv"].map(|name| folder.path().join(name));
        fs::write(&list, "1\n2\n3\n").expect("writable");
        fs::write(&trace, "client,seconds\n0,1\n1,2\n2,3\n").expect("writable");
        let (list, trace) = (format!("file:{}", list.display()), format!("trace:{}", trace.display()));
        let written = [
            "samples:0.01,1",
            "constant:2",
            "uniform:1,2",
            "lognormal:1,0.7",
            "exponential:3",
            "halfnormal:1",
            "classes:1,2,5",
            "lognormal:1,0.7/task",
            &list,
            &trace,
        ];
        assert!(DELAYS.iter().all(|entry| written.iter().any(|text| text.split(':').next() == Some(entry.name))));
        for text in written {
            let delay = parsed(text).expect(text);
            let draw = |client, task| delay.seconds(Seed(1), ClientId(client), Round(task), 10);
            assert!((0..3).all(|client| draw(client, 0) >= 0.0 && draw(client, 5) == draw(client, 5)), "{text}");
            assert_eq!(draw(1, 0) == draw(1, 1), !text.ends_with("/task"), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "lognormal", "lognormal:1", "constant:-1", "constant:NaN", "uniform:2,1", "classes:", "gauss:1"]
        {
            assert!(parsed(text).is_err(), "{text}");
        }
        assert!(parsed("lognormall:1,1").expect_err("unknown").to_string().contains("did you mean `lognormal`"));
    }

    #[test]
    fn files_of_all_forms_are_read_and_must_name_every_client() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stale.txt");
        let read = |kind: &str, text: &str| {
            fs::write(&path, text).expect("writable");
            parsed(&format!("{kind}:{}", path.display()))
        };
        let wanted = Model::Listed(vec![0.0, 5.0, 2.5]);
        for (kind, text) in [
            ("file", "0\n5\n2.5\n"),
            ("file", "[0, 5, 2.5]"),
            ("file", r#"{"0": 0, "2": 2.5, "1": 5}"#),
            ("trace", "client,seconds\n2,2.5\n0,0\n1,5\n"),
        ] {
            assert_eq!(read(kind, text).expect(text).model, wanted, "{text}");
        }
        let fault = |text: &str| read("file", text).expect_err("refused").to_string();
        assert!(fault("0\n5\n").contains("no delay for client 2 of 3"));
        assert!(fault("0\n-5\n1\n").contains("client 1 has a delay of -5"));
        assert!(fault("0\nNaN\n1\n").contains("client 1 has a delay of NaN"));
        assert!(fault("0\nsoon\n1\n").contains("line 2: `soon`"));
    }
}
