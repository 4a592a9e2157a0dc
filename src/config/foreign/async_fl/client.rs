//! How async-FL's clients train: their kind, their optimiser, the term of FedProx.

use super::classes::class;
use crate::config::foreign::Word;
use crate::config::foreign::reading::Reading;

pub fn kind(reading: &mut Reading<'_>, word: &Word) {
    match class(&reading.text(&word.key)) {
        "NormalClient" | "AsyncClient" => reading.nothing(word, "plain steps"),
        "ProxClient" => reading.nothing(word, "mu tells"),
        "NovaClient" => reading.nothing(word, "FedNova tells"),
        _ => reading.not_here(word, "NormalClient, ProxClient, NovaClient"),
    }
}

pub fn proximal(reading: &mut Reading<'_>, word: &Word) {
    if reading.says(&word.key, &["0"]) {
        return reading.nothing(word, "off");
    }
    reading.same(word, "mu", "of the squared distance, as published; there of the distance");
    reading.adds("algorithm", "fedprox", "");
}

pub fn straggler(reading: &mut Reading<'_>, word: &Word) {
    if reading.says("client.params.straggler", &["true"]) {
        return reading.refuse(word, "of stragglers, which are not here");
    }
    reading.nothing(word, "off")
}

/// Optimisers of torch.optim, theirs and ours.
const OPTIMIZERS: [(&str, &str); 5] = [
    ("SGD", "sgd"),
    ("Adam", "adam"),
    ("AdamW", "adamw"),
    ("RMSprop", "rmsprop"),
    ("Adagrad", "adagrad"),
];

pub fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    match OPTIMIZERS
        .iter()
        .find(|(theirs, _)| *theirs == class(&text))
    {
        Some((_, ours)) => reading.becomes(word, "client_optimizer", (*ours).into(), ""),
        None => reading.not_here(word, "SGD, Adam, AdamW, RMSprop, Adagrad of torch.optim"),
    }
}
