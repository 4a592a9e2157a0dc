//! async-FL's classes: each is known by its last name, whatever the path before it.

use super::THREADS;
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Named, Word};
use serde_yaml::Value;

/// Classes that only pass on what others decide.
const PLAIN: &[&str] = &[
    "SingleQueueManager",
    "NormalReceiver",
    "AllChecker",
    "SyncChecker",
    "NormalClientManager",
    "AsyncClient",
    "NormalClient",
    "SyncClientManager",
    "AsyncClientManager",
    "MPMTClientManager",
    "AvgReceiver",
    "AvgChecker",
];

/// The last name of a class.
pub fn class(value: &str) -> &str {
    value.rsplit('.').next().unwrap_or(value)
}

/// What a class becomes.
pub fn translate(reading: &mut Reading<'_>, word: &Word, setting: &str, names: &'static [Named]) {
    let text = reading.text(&word.key);
    let alone = Word {
        value: Value::from(class(&text)),
        ..word.clone()
    };
    reading.name(&alone, setting, names);
}

pub fn plain_class(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    if PLAIN.contains(&class(&text)) {
        return reading.nothing(word, THREADS);
    }
    reading.not_here(word, "the plain one")
}
