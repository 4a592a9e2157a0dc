//! What is known of a data set beside its numbers, so that a model can be used after the run: how
//! inputs were standardised, what columns, classes and tokens are called, and who the owners are.

use super::{Dataset, Numbers, Samples, Standard};
use crate::task::{Facts, Input};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a reader may say of its data; whatever it leaves out is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// How floats were standardised before they came here; bytes carry it themselves.
    pub standard: Option<Standard>,
    /// What missing numbers of an input became, by its name, where that is the mean of what is
    /// trained on.
    #[serde(default)]
    pub filled: BTreeMap<String, f32>,
    /// A name for each number of an input, for tables.
    pub features: Vec<String>,
    /// A name for each class.
    pub classes: Vec<String>,
    /// What each token is.
    pub vocabulary: Vec<String>,
    /// A name for each owner, in the order of clients.
    pub owners: Vec<String>,
    /// What was left out or filled in, in words.
    pub notes: Vec<String>,
}

impl About {
    /// What all who train one model must agree on: everything but owners, and what was left out or
    /// filled in.
    pub fn in_common(&self) -> About {
        About {
            owners: Vec::new(),
            filled: BTreeMap::new(),
            notes: Vec::new(),
            ..self.clone()
        }
    }
}

/// A data set in words and figures: `data.json`.
#[derive(Debug, Serialize)]
pub struct Description<'a> {
    shape: &'a [usize],
    input: Input,
    task: &'static str,
    /// Numbers that a model gives for each target.
    outputs: usize,
    /// Targets of a sample, and what stands for one that is not learned.
    targets: usize,
    ignored: Option<u32>,
    /// Numbers of training and test samples.
    train: usize,
    test: usize,
    standardised: Option<Standardised>,
    /// What stands for a missing number, before anything is standardised.
    filled: &'a BTreeMap<String, f32>,
    #[serde(flatten)]
    names: Names<'a>,
}

/// What a model takes is `(value - mean) / deviation`. One pair is for all of an input; several are
/// for its channels, or for its numbers where it is a row.
#[derive(Debug, Serialize)]
struct Standardised {
    /// What a value is divided by first: 255 for bytes.
    unit: u32,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

#[derive(Debug, Serialize)]
struct Names<'a> {
    features: &'a [String],
    classes: &'a [String],
    vocabulary: &'a [String],
    owners: &'a [String],
    notes: &'a [String],
}

impl Dataset {
    /// What a user of the model must know of its data.
    pub fn description(&self) -> Description<'_> {
        let Facts {
            shape,
            task,
            input,
            targets,
        } = &self.facts;
        let About {
            standard,
            filled,
            features,
            classes,
            vocabulary,
            owners,
            notes,
        } = &self.about;
        let of_bytes = standard_of(&self.test).map(|standard| Standardised::new(255, standard));
        let of_floats = standard
            .as_ref()
            .map(|standard| Standardised::new(1, standard));
        Description {
            shape,
            input: *input,
            task: task.name(),
            outputs: task.outputs(),
            targets: *targets,
            ignored: task.ignored(),
            train: self.train.count(),
            test: self.test.len(),
            standardised: of_bytes.or(of_floats),
            filled,
            names: Names {
                features,
                classes,
                vocabulary,
                owners,
                notes,
            },
        }
    }
}

/// How bytes become floats, where inputs are bytes.
fn standard_of(samples: &Samples) -> Option<&Standard> {
    match samples.inputs.numbers() {
        Numbers::Bytes(_, standard) => Some(standard),
        _ => None,
    }
}

impl Standardised {
    fn new(unit: u32, standard: &Standard) -> Standardised {
        let channels = standard.channels();
        Standardised {
            unit,
            mean: channels.iter().map(|channel| channel.mean).collect(),
            deviation: channels.iter().map(|channel| channel.deviation).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Column;

    #[test]
    fn a_description_says_what_a_model_takes_and_gives() {
        let bytes = Column::new(Numbers::Bytes(vec![0, 255].into(), Standard::one(0.5, 0.25)), 1);
        let classes = ["cat", "dog"].map(str::to_owned).to_vec();
        let dataset = Dataset {
            facts: Facts::classes(&[1], 2),
            test: Samples {
                inputs: bytes,
                targets: Column::integers(vec![0, 1], 1),
            },
            about: About {
                classes,
                ..About::default()
            },
            ..Dataset::default()
        };
        let said = serde_json::to_value(dataset.description()).expect("plain data");
        assert_eq!(
            said["standardised"],
            serde_json::json!({"unit": 255, "mean": [0.5], "deviation": [0.25]})
        );
        assert_eq!(
            (&said["classes"][1], &said["test"], &said["task"]),
            (&"dog".into(), &2.into(), &"classes".into())
        );
    }
}
