//! async-FL's data, and how it is divided among clients.

use super::classes::translate;
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Named, Word, absent, named};
use serde_yaml::Value;

const DATASETS: &[Named] = &[
    named("MNIST", "mnist", SCALED),
    named("FashionMNIST", "fashion-mnist", SCALED),
    named("CIFAR10", "cifar10", SCALED),
    named("CIFAR100", "cifar100", SCALED),
    named("EMNIST", "emnist", SCALED),
    absent("SVHN", "nearest: `mnist`"),
    absent("UCIHAR", "nearest: `synthetic`"),
    absent("PAMAP2", "nearest: `synthetic`"),
];
const SCALED: &str = "standardised here (`normalise: false` does not); from 0 to 1 there";

pub fn dataset(reading: &mut Reading<'_>, word: &Word) {
    translate(reading, word, "dataset", DATASETS);
}

/// In its first generation a file that says no had its data sorted; later both mean the same.
pub fn iid(reading: &mut Reading<'_>, word: &Word) {
    let is_first = reading.get("global.data_name").is_some();
    let (method, note) = match word.value {
        Value::Bool(false) if is_first => (
            "shards",
            "two shards of a class each; there four, and half of the clients are copies of the \
             others",
        ),
        Value::Bool(false) => ("homo", "only {beta: NUMBER} and lists divide unevenly there"),
        Value::Bool(true) => ("homo", ""),
        _ => return reading.refuse(word, "is neither true, false nor {beta: NUMBER}"),
    };
    reading.becomes(word, "partition_method", method.into(), note);
}

/// What its clients do to pictures before they train.
pub fn transform(reading: &mut Reading<'_>, word: &Word) {
    let is_cifar = reading.text("global.dataset.path").contains("CIFAR");
    if !is_cifar || !reading.text(&word.key).contains("TransformForCIFARFactory") {
        return reading.not_here(word, "TransformForCIFARFactory, with CIFAR");
    }
    reading.row(word, "crop: 4, flip: true", "standardised once; there twice");
    reading.adds("crop", 4, "moved by as much at most, as there");
    reading.adds("flip", true, "mirrored by chance, as there");
}

pub fn beta(reading: &mut Reading<'_>, word: &Word) {
    reading.same(word, "partition_alpha", "");
    reading.adds("partition_method", "hetero", "at least 10 samples for each client");
}
