//! A sweep's file, as people write it and as the sweep's folder keeps it.

use super::Spec;
use crate::part::{plain, yaml};
use crate::sweep::SweepError;
use crate::sweep::parameter::{Parameter, word};
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};

/// How members are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// All combinations.
    #[default]
    Grid,
    /// Some, drawn.
    Random,
}

/// A sweep's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    parameters: Mapping,
    #[serde(default)]
    method: Method,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    samples: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample_seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(default)]
    flags: Value,
}

impl Spec {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is not YAML, has other keys, or parameters and flags that are none.
    pub fn parse(text: &str) -> Result<Spec, String> {
        let written: Written = yaml(text)?;
        let samples = match (written.method, written.samples) {
            (Method::Random, None) => {
                return Err("method random needs samples (hint: samples: 20)".to_owned());
            }
            (Method::Grid, Some(_)) => {
                return Err("samples are of method random (hint: method: random)".to_owned());
            }
            (_, samples) => samples,
        };
        let parameters = parameters(&written.parameters).map_err(|error| error.to_string())?;
        Ok(Spec {
            parameters,
            samples,
            sample_seed: written.sample_seed.unwrap_or(0),
            metric: written.metric,
            flags: flags(&written.flags)?,
        })
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String, String> {
        let pair = |parameter: &Parameter| (Value::from(parameter.name.as_str()), parameter.yaml());
        let method = match self.samples {
            Some(_) => Method::Random,
            None => Method::Grid,
        };
        let written = Written {
            parameters: self.parameters.iter().map(pair).collect(),
            method,
            samples: self.samples,
            sample_seed: self.samples.map(|_| self.sample_seed),
            metric: self.metric.clone(),
            flags: line(&self.flags)?.into(),
        };
        serde_yaml::to_string(&written).map_err(|error| error.to_string())
    }
}

/// Parameters by name, each with its values.
fn parameters(written: &Mapping) -> Result<Vec<Parameter>, SweepError> {
    written
        .iter()
        .map(|(name, values)| Parameter::of_yaml(&plain(name), values))
        .collect()
}

/// Flags as one line of a shell, or as a list of words.
fn flags(written: &Value) -> Result<Vec<String>, String> {
    let hint = "(hint: `flags: --model 2nn --comm_round 20`, or a list of words)";
    match written {
        Value::Null => Ok(Vec::new()),
        Value::String(line) => {
            shlex::split(line).ok_or(format!("flags: a quotation mark is open {hint}"))
        }
        Value::Sequence(words) => Ok(words.iter().map(word).collect()),
        _ => Err(format!("flags are no words {hint}")),
    }
}

/// The line of a shell that flags are read back from.
pub(super) fn line(flags: &[String]) -> Result<String, String> {
    shlex::try_join(flags.iter().map(String::as_str)).map_err(|error| format!("flags: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;

    #[test]
    fn files_say_what_the_command_line_says() {
        let text =
            "parameters:\n  lr: [0.01, 0.1]\n  seed: 0..1\nflags: --model 2nn --comm_round 3\n";
        let read = Spec::parse(text).expect("sound");
        assert_eq!(read.parameters, spec("lr 0.01,0.1 seed 0,1").parameters);
        assert_eq!(read.flags, ["--model", "2nn", "--comm_round", "3"]);
        let random = "parameters: {lr: 'log:1e-4..1.0'}\nmethod: random\nsamples: 4\nflags: [--epochs, 2, 'a b', '3']\nmetric: loss\n";
        let random = Spec::parse(random).expect("sound");
        for spec in [read, random] {
            assert_eq!(Spec::parse(&spec.text().expect("plain")).expect("own output"), spec);
        }
        for (text, reason) in [
            ("parameters: {lr: [1]}\nsample: 3\n", "unknown field `sample`"),
            ("parameters: {lr: [1]}\nsamples: 3\n", "method: random"),
            ("parameters: {lr: [1]}\nmethod: random\n", "samples: 20"),
            ("parameters: {lr: [1]}\nflags: {a: b}\n", "flags are no words"),
            ("parameters: {lrr: [1]}\n", "no setting that a sweep can change"),
        ] {
            let refused = Spec::parse(text).expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
