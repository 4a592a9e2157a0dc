//! Parameters: a setting and the values that it takes, as people write them.

use super::{SEED, SweepError};
use crate::config::{is_setting, near};
use crate::part::plain;
use crate::seed::Stream;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_yaml::Value;
use std::fmt;

/// Settings of the run's folder and of the sweep itself.
const OWN: &[&str] = &[
    "out_dir",
    "resume",
    "overwrite",
    "log_dir",
    "partition_save",
];
/// What stands before a range whose logarithm is drawn.
const LOG: &str = "log:";
/// Values of one parameter.
const MOST: i64 = 10_000;

/// A setting and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The setting.
    pub name: String,
    /// What it takes.
    pub values: Values,
}

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// One after another, as they were written.
    List(Vec<String>),
    /// Any number between two, drawn at random.
    Between {
        /// The least.
        from: f64,
        /// The largest.
        to: f64,
        /// Whether its logarithm is drawn evenly, not the number.
        log: bool,
    },
}

impl Parameter {
    /// A setting by name, with values as in [`Values::parse`].
    ///
    /// # Errors
    /// No setting, or one of the run's folder; no values, or one twice.
    pub fn new(name: &str, values: Values) -> Result<Parameter, SweepError> {
        let name = name.trim().replace('-', "_");
        if OWN.contains(&name.as_str()) {
            return Err(SweepError::Name {
                name,
                hint: "hint: each member has a folder of its own".to_owned(),
            });
        }
        if !is_setting(&name) {
            let hint = format!("hint: {}", near(&name));
            return Err(SweepError::Name { name, hint });
        }
        values.check().map_err(|reason| SweepError::Values {
            name: name.clone(),
            reason,
        })?;
        Ok(Parameter { name, values })
    }

    /// Those of a command line, `NAME VALUES` or `NAME=VALUES` one after another.
    ///
    /// # Errors
    /// As [`Parameter::new`].
    pub fn of_words(words: &[String]) -> Result<Vec<Parameter>, SweepError> {
        let (mut words, mut parameters) = (words.iter(), Vec::new());
        while let Some(word) = words.next() {
            let pair = word.split_once('=').or_else(|| Some((word, words.next()?)));
            let (name, values) = pair.ok_or_else(|| no_values(word))?;
            parameters.push(Parameter::new(name, Values::parse(values))?);
        }
        Ok(parameters)
    }

    /// So many seeds, from 0.
    pub fn seeds(count: usize) -> Parameter {
        Parameter {
            name: SEED.to_owned(),
            values: Values::parse(&format!("0..{}", count.saturating_sub(1))),
        }
    }

    /// That of a file: a list, one value, or a text as on the command line.
    ///
    /// # Errors
    /// As [`Parameter::new`]; a list of something else than words and numbers.
    pub fn of_yaml(name: &str, values: &Value) -> Result<Parameter, SweepError> {
        let is_plain =
            |value: &Value| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
        let values = match values {
            Value::String(text) => Values::parse(text),
            Value::Sequence(list) if list.iter().all(is_plain) => {
                Values::List(list.iter().map(word).collect())
            }
            one if is_plain(one) => Values::List(vec![word(one)]),
            _ => return Err(no_values(name)),
        };
        Parameter::new(name, values)
    }

    /// The same for a file.
    pub fn yaml(&self) -> Value {
        match &self.values {
            Values::List(values) => {
                Value::Sequence(values.iter().map(|value| as_written(value)).collect())
            }
            range => Value::from(range.to_string()),
        }
    }
}

/// A value of a file as it stands on a command line.
pub(super) fn word(value: &Value) -> String {
    // A text that reads like a number is in quotation marks in YAML only.
    value.as_str().map_or_else(|| plain(value), str::to_owned)
}

fn no_values(name: &str) -> SweepError {
    let reason = "it takes words and numbers \
                  (hint: -L NAME VALUE,VALUE, or in a file `NAME: [VALUE, VALUE]`)";
    SweepError::Values {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}

/// A number where it reads back as it was written, else a text.
fn as_written(text: &str) -> Value {
    match serde_yaml::from_str(text) {
        Ok(Value::Number(number)) if number.to_string() == text => Value::Number(number),
        _ => Value::from(text),
    }
}

impl Values {
    /// Values with commas between them, of which `\,` is none; `0..4` is 0, 1, 2, 3 and 4. A range
    /// of numbers with a point stands alone, as `0.1..0.9` or `log:1e-4..1e-1`, and is drawn
    /// from.
    ///
    /// ```
    /// use fedmpi::sweep::Values;
    /// assert_eq!(Values::parse("0..2,7").to_string(), "0,1,2,7");
    /// assert_eq!(Values::parse(r"rank=8\,alpha=16,none").to_string(), r"rank=8\,alpha=16,none");
    /// assert_eq!(Values::parse("log:1e-4..0.1").to_string(), "log:0.0001..0.1");
    /// ```
    pub fn parse(text: &str) -> Values {
        if let Some(range) = between(text.trim()) {
            return range;
        }
        let parts = text.replace("\\,", "\0");
        let values = parts.split(',').map(|part| part.trim().replace('\0', ","));
        Values::List(
            values
                .flat_map(|part| integers(&part).unwrap_or(vec![part]))
                .collect(),
        )
    }

    /// How many there are; none of a range that is drawn from.
    pub fn count(&self) -> Option<usize> {
        match self {
            Values::List(values) => Some(values.len()),
            Values::Between { .. } => None,
        }
    }

    /// One of them, at random; numbers of a range have four digits.
    pub fn draw(&self, stream: &mut Stream) -> String {
        match self {
            Values::List(values) => values.choose(stream).cloned().unwrap_or_default(),
            Values::Between { from, to, log } => {
                let share: f64 = stream.random();
                let number = match log {
                    true => from * (to / from).powf(share),
                    false => from + share * (to - from),
                };
                let short = format!("{number:.3e}").parse().unwrap_or(number);
                short.clamp(*from, *to).to_string()
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Values::Between { from, to, .. } if from >= to => {
                Err(format!("{from} is not below {to}"))
            }
            Values::Between {
                from, log: true, ..
            } if *from <= 0.0 => Err(format!("{from} has no logarithm (hint: a range above 0)")),
            Values::Between { .. } => Ok(()),
            Values::List(values) => each_once(values),
        }
    }
}

/// Refuses values that are empty, or equal to others.
fn each_once(values: &[String]) -> Result<(), String> {
    let mut seen = Vec::new();
    for value in values {
        if value.is_empty() {
            return Err("a value is empty (hint: VALUE,VALUE)".to_owned());
        }
        if seen.contains(&as_number(value)) {
            return Err(format!("{value} is said twice"));
        }
        seen.push(as_number(value));
    }
    Ok(())
}

/// What makes values equal: 0.1 is 0.10.
fn as_number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) => number.to_string(),
        Err(_) => text.to_owned(),
    }
}

/// `0..4` as five whole numbers.
fn integers(text: &str) -> Option<Vec<String>> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.trim().parse::<i64>().ok()?, to.trim().parse::<i64>().ok()?);
    // One more than may be, so that it is refused and not cut.
    let to = to.min(from.saturating_add(MOST));
    (from <= to).then(|| (from..=to).map(|number| number.to_string()).collect())
}

/// A range of numbers, unless it is one of whole numbers.
fn between(text: &str) -> Option<Values> {
    let (log, range) = match text.strip_prefix(LOG) {
        Some(range) => (true, range),
        None => (false, text),
    };
    let (from, to) = range.split_once("..")?;
    let (from, to) = (from.trim().parse::<f64>().ok()?, to.trim().parse::<f64>().ok()?);
    let whole = !log && integers(range).is_some();
    (from.is_finite() && to.is_finite() && !whole).then_some(Values::Between { from, to, log })
}

impl fmt::Display for Values {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Values::List(values) => {
                let values: Vec<String> = values
                    .iter()
                    .map(|value| value.replace(',', "\\,"))
                    .collect();
                out.write_str(&values.join(","))
            }
            Values::Between { from, to, log } => {
                write!(out, "{}{from:?}..{to:?}", if *log { LOG } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn said(words: &str) -> Result<Vec<String>, String> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let parameters = Parameter::of_words(&words).map_err(|error| error.to_string())?;
        Ok(parameters
            .iter()
            .map(|parameter| format!("{} {}", parameter.name, parameter.values))
            .collect())
    }

    #[test]
    fn parameters_are_read_in_both_forms() {
        let read = said("lr 0.01,0.1 seed=0..4 comm-round 5 client_optimizer sgd,adam:beta1=0.8")
            .expect("sound");
        assert_eq!(
            read,
            [
                "lr 0.01,0.1",
                "seed 0,1,2,3,4",
                "comm_round 5",
                "client_optimizer sgd,adam:beta1=0.8"
            ]
        );
        assert_eq!(said("batch_size=-1,10").expect("sound"), ["batch_size -1,10"]);
        assert_eq!(said("seed=-1..1").expect("sound"), ["seed -1,0,1"]);
    }

    #[test]
    fn what_is_no_parameter_is_named_with_a_hint() {
        for (words, reason) in [
            ("epoch 1,2", "did you mean `epochs`"),
            ("out_dir a,b", "a folder of its own"),
            ("lr", "parameter lr: it takes words"),
            ("lr 0.1,,0.2", "parameter lr: a value is empty"),
            ("lr 0.1,0.10", "parameter lr: 0.10 is said twice"),
            ("lr 0.9..0.1", "0.9 is not below 0.1"),
            ("lr log:0..0.1", "0 has no logarithm"),
        ] {
            let refused = said(words).expect_err(words);
            assert!(refused.contains(reason), "{words}: {refused}");
        }
    }

    #[test]
    fn files_say_the_same_and_read_back() {
        for (yaml, shown) in [
            ("[0.01, 0.10, '0.10000']", None),
            ("[0.01, 1e-3]", Some("0.01,0.001")),
            ("0..2", Some("0,1,2")),
            ("'log:1e-4..0.1'", Some("log:0.0001..0.1")),
            ("[sgd, 'a,b', true]", Some("sgd,a\\,b,true")),
            ("7", Some("7")),
            ("[[1]]", None),
        ] {
            let value: Value = serde_yaml::from_str(yaml).expect("YAML");
            let read = Parameter::of_yaml("lr", &value).ok();
            assert_eq!(
                read.as_ref().map(|read| read.values.to_string()).as_deref(),
                shown,
                "{yaml}"
            );
            if let Some(read) = read {
                assert_eq!(Parameter::of_yaml("lr", &read.yaml()).expect("own output"), read);
            }
        }
    }

    #[test]
    fn ranges_are_drawn_within_their_bounds_and_evenly_by_logarithm() {
        let mut stream = Seed(3).stream(Purpose::Sweep);
        let values = Values::parse("log:1e-4..1e-2");
        let drawn: Vec<f64> = (0..400)
            .map(|_| values.draw(&mut stream).parse().expect("a number"))
            .collect();
        assert!(drawn.iter().all(|number| (1e-4..=1e-2).contains(number)));
        let low = drawn.iter().filter(|number| **number < 1e-3).count();
        assert!((150..250).contains(&low), "{low}");
    }
}
