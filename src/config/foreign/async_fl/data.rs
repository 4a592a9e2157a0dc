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

pub fn iid(reading: &mut Reading<'_>, word: &Word) {
    match word.value {
        Value::Bool(true) => reading.becomes(word, "partition_method", "homo".into(), ""),
        Value::Bool(false) => {
            let note = "two shards of a class each; there four, and half of the clients are \
                        copies of the others";
            reading.becomes(word, "partition_method", "shards".into(), note);
        }
        _ => reading.refuse(word, "is neither true, false nor {beta: NUMBER}"),
    }
}

pub fn beta(reading: &mut Reading<'_>, word: &Word) {
    reading.same(word, "partition_alpha", "");
    reading.adds("partition_method", "hetero", "at least 10 samples for each client");
}
