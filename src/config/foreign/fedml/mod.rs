//! FedML's `fedml_config.yaml`: sections whose titles end in `_args` and mean nothing; the keys of
//! all its versions.

mod data;
mod fedsgd;
mod keys;
mod method;
mod robust;

use super::places::beside;
use super::reading::Reading;
use super::{System, Word};
use crate::config::document::{Entry, Node};
use serde_yaml::Value;

/// FedML.
pub const SYSTEM: System = System {
    name: "FedML",
    is_one,
    is_flat: true,
    table: keys::TABLE,
    always,
};

fn is_one(entries: &[Entry]) -> bool {
    let is_title =
        |entry: &Entry| entry.key.ends_with("_args") && matches!(entry.node, Node::Map(_));
    entries.iter().any(is_title)
}

/// Cohorts are drawn by FedML's generator; rounds are tested from the first on, or from the second
/// multiple.
fn always(reading: &mut Reading<'_>) {
    let every = reading.number("frequency_of_the_test").unwrap_or(1.0) as i64;
    let first = if method::is_sequential(reading) {
        1 + every
    } else {
        1
    };
    reading.adds("client_selection", "fedml", "");
    reading.adds("first_test", first.max(1), "");
}

fn ci(reading: &mut Reading<'_>, word: &Word) {
    let note = if reading.says("ci", &["0"]) {
        ""
    } else {
        "at most 1000 test samples; there only client 0"
    };
    reading.same(word, "ci", note);
}

fn using_gpu(reading: &mut Reading<'_>, word: &Word) {
    match word.value {
        Value::Bool(true) => reading.becomes(word, "device", "auto".into(), ""),
        Value::Bool(false) => reading.becomes(word, "device", "cpu".into(), ""),
        _ => reading.refuse(word, "is neither true nor false"),
    }
}

fn mapping(reading: &mut Reading<'_>, word: &Word) {
    if reading.says("using_gpu", &["false"]) {
        return reading.nothing(word, "no GPU is used");
    }
    match word.key.as_str() {
        "gpu_mapping_file" => {
            let file = beside(reading.around, &reading.text(&word.key));
            reading.becomes(word, &word.key, file.display().to_string().into(), "");
        }
        key => reading.same(word, key, ""),
    }
}
