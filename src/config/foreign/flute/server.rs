//! What FLUTE's server does with a round: who is in it, how the model moves, and how fast.

use super::OFF;
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Word, steps};
use serde_yaml::Mapping;

pub fn strategy(reading: &mut Reading<'_>, word: &Word) {
    match reading.text(&word.key).as_str() {
        "FedAvg" => reading.becomes(word, "aggregator", "fedavg".into(), ""),
        "FedProx" => {
            let note = "as published; there early layers are pulled several times";
            reading.becomes(word, "aggregator", "fedprox".into(), note);
        }
        "DGA" => reading
            .refuse(word, "weights by loss are not here (nearest: FedAvg, or --algorithm qfedavg)"),
        _ => reading.not_here(word, "FedAvg, FedProx"),
    }
}

pub fn cohort(reading: &mut Reading<'_>, word: &Word) {
    match word.value.as_u64() {
        Some(_) => {
            reading.same(word, "client_num_per_round", "drawn from the seed; there anew each time")
        }
        None => reading.refuse(word, "a number that changes is not here (nearest: one number)"),
    }
}

pub fn of_weights(reading: &mut Reading<'_>, word: &Word) {
    if reading.says("strategy", &["FedAvg", "FedProx"]) {
        return reading.nothing(word, "DGA's");
    }
    reading.refuse(word, "of DGA, which is not here")
}

pub fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    let Some(step) = steps::of_torch(&reading.text(&word.key), false) else {
        return reading.not_here(word, "sgd, adam, adagrad");
    };
    reading.becomes(word, "server_step", step, "");
}

/// What torch's schedules are called there and here, and their settings: ours, then theirs.
struct Schedule {
    theirs: &'static str,
    ours: &'static str,
    settings: [(&'static str, &'static str); 2],
}

const SCHEDULES: [Schedule; 2] = [
    Schedule {
        theirs: "step_lr",
        ours: "step",
        settings: [("step_rounds", "step_size"), ("gamma", "gamma")],
    },
    Schedule {
        theirs: "multi_step_lr",
        ours: "multi_step",
        settings: [("milestones", "milestones"), ("gamma", "gamma")],
    },
];

/// The server's rate falls after rounds, as torch's schedules have it.
pub fn annealing(reading: &mut Reading<'_>, word: &Word) {
    if is_constant(reading) {
        return reading.nothing(word, OFF);
    }
    let theirs = reading.text(&word.key);
    let Some(known) = SCHEDULES.iter().find(|schedule| schedule.theirs == theirs) else {
        return reading.not_here(word, "step_lr, multi_step_lr");
    };
    let mut choice = Mapping::new();
    choice.insert("name".into(), known.ours.into());
    for (ours, theirs) in known.settings {
        if let Some(said) = reading.get(&format!("server_config.annealing_config.{theirs}")) {
            choice.insert(ours.into(), said.clone());
        }
    }
    reading.becomes(word, "server_lr_schedule", choice.into(), "");
}

fn is_constant(reading: &Reading<'_>) -> bool {
    reading.says("server_config.annealing_config.gamma", &["1"])
}

pub fn of_annealing(reading: &mut Reading<'_>, word: &Word) {
    let is_off = is_constant(reading);
    let is_told = matches!(word.key.rsplit('.').next(), Some("gamma" | "step_size" | "milestones"));
    match (is_off, reading.get("server_config.annealing_config.type").is_some()) {
        (true, _) => reading.nothing(word, OFF),
        (false, false) => {
            reading.lacks("server_config.annealing_config.type", "annealing needs it")
        }
        (false, true) if is_told => reading.row(word, "server_lr_schedule", ""),
        (false, true) => reading.nothing(word, "the server's rate falls after rounds"),
    }
}
