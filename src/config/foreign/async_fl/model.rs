//! async-FL's model, which clients and the server share, and its loss.

use super::classes::{class, translate};
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Named, Word, absent, named};

const MODELS: &[Named] = &[
    named("CNN", "cnn", ""),
    absent("ConvNet", "nearest: `lenet`"),
    named("LeNet5", "lenet", "with ReLU after the second convolution; there without"),
    named("resnet18", "resnet18:stem=large", "torchvision's, with as many outputs as classes"),
    named("resnet50", "resnet50:stem=large", "torchvision's, with as many outputs as classes"),
];

pub fn model(reading: &mut Reading<'_>, word: &Word) {
    translate(reading, word, "model", MODELS);
}

/// Clients train the server's model.
pub fn of_clients(reading: &mut Reading<'_>, word: &Word) {
    let ours = reading.text(&word.key);
    let keys = [
        "server.model.path",
        "server.model_path",
        "server.model_name",
    ];
    let mut servers = keys.iter().map(|key| reading.text(key));
    if servers.any(|theirs| class(&theirs) == class(&ours)) {
        return reading.nothing(word, "the server's model is the clients'");
    }
    reading.refuse(word, "is another model than the server's, which is not here")
}

pub fn loss(reading: &mut Reading<'_>, word: &Word) {
    match class(&reading.text(&word.key)) {
        "cross_entropy" | "CrossEntropyLoss" => reading.nothing(word, "the data's own"),
        _ => reading.refuse(word, "only cross_entropy is here"),
    }
}
