//! How FLUTE's clients train: their optimiser and its rate, and the term of FedProx.

use crate::config::foreign::Word;
use crate::config::foreign::reading::Reading;
use serde_yaml::Mapping;

pub fn proximal(reading: &mut Reading<'_>, word: &Word) {
    if reading.says("strategy", &["FedProx"]) {
        return reading.same(word, "mu", "");
    }
    reading.nothing(word, "FedProx's")
}

pub fn most_samples(reading: &mut Reading<'_>, word: &Word) {
    reading.row(word, "", "clients train on all they have; there on so many at most");
}

pub fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    match reading.text(&word.key).as_str() {
        "sgd" | "adam" => reading.same(word, "client_optimizer", ""),
        "adamW" => adamw(reading, word),
        _ => reading.not_here(word, "sgd, adam, adamW"),
    }
}

/// FLUTE's own comes from Hugging Face: without decay unless said, and with another epsilon.
fn adamw(reading: &mut Reading<'_>, word: &Word) {
    let mut choice = Mapping::from_iter([
        ("name".into(), "adamw".into()),
        ("client_epsilon".into(), 1e-6.into()),
    ]);
    let decay = reading.get("client_config.optimizer_config.weight_decay");
    if decay.is_none() {
        choice.insert("wd".into(), 0.0.into());
    }
    let note = "decays before the step, as in torch; there after it";
    reading.becomes(word, "client_optimizer", choice.into(), note);
}

pub fn second_rate(reading: &mut Reading<'_>, word: &Word) {
    if reading.get("server_config.initial_lr_client").is_some() {
        return reading.row(word, "", "initial_lr_client counts");
    }
    reading.same(word, "lr", "")
}
