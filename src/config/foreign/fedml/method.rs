//! What FedML's keys about algorithms, optimizers, defences and schedules come to: most of them
//! matter only together.

use super::fedsgd;
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Word, steps};
use serde_yaml::Mapping;

/// Why a schedule of rates decides nothing.
pub const UNUSED_SCHEDULE: &str = "FedML calls no schedule of rates";

const UNUSED_BY_SGD: &str = "FedML's SGD takes the rate alone";
const OF_FEDOPT: &str = "FedOpt's";
const OF_FEDNOVA: &str = "FedNova's";

/// Algorithms that run here, by FedML's names: ours, and a difference in meaning.
const ALGORITHMS: &[(&str, &str, &str)] = &[
    ("FedAvg", "fedavg", ""),
    ("FedAvg_seq", "fedavg", ""),
    ("FedOpt", "fedopt", ""),
    ("FedOpt_seq", "fedopt", ""),
    (
        "FedNova",
        "fednova",
        "weights are shares of the cohort, as published; there of all clients",
    ),
    (
        "SCAFFOLD",
        "scaffold",
        "as published; there the last client's variate takes the place of all",
    ),
    ("FedDyn", "feddyn", "as published; there the regulariser has no gradient"),
];

/// What is nearest to the others.
const NEAREST: &[(&str, &str)] = &[
    ("FedLocalSGD", "fedavg"),
    ("Mime", "scaffold"),
    ("HierarchicalFL", "fedavg"),
    ("turbo_aggregate", "fedavg"),
    ("decentralized_fl", "fedavg"),
    ("base_framework", "examples/ of this program"),
];

pub fn algorithm(reading: &mut Reading<'_>, word: &Word) {
    let theirs = reading.text(&word.key);
    if let Some((_, ours, note)) = ALGORITHMS.iter().find(|(name, ..)| *name == theirs) {
        if *ours == "fedopt" && reading.get("server_optimizer").is_none() {
            reading.lacks("server_optimizer", "FedOpt needs it: sgd, adam or adagrad");
        }
        return reading.becomes(word, "aggregator", (*ours).into(), note);
    }
    match theirs.as_str() {
        "FedProx" => fedprox(reading, word),
        "FedSGD" => fedsgd::algorithm(reading, word),
        "Async_FedAvg" => asynchronous(reading, word),
        _ => {
            let nearest = NEAREST
                .iter()
                .find(|(name, _)| *name == theirs)
                .map(|(_, nearest)| *nearest);
            let hint = nearest
                .map(|nearest| format!(" (nearest: {nearest})"))
                .unwrap_or_default();
            reading.refuse(word, &format!("{theirs} is not here{hint}"));
        }
    }
}

/// Over MPI FedML's trainer has no proximal term; only its single process has.
fn fedprox(reading: &mut Reading<'_>, word: &Word) {
    let has_term = reading.says("backend", &["sp"]);
    match (reading.get("fedprox_mu").is_some(), has_term) {
        (true, true) => reading.becomes(word, "aggregator", "fedprox".into(), ""),
        (true, false) => {
            let note = "with the term that it is named for; over MPI FedML leaves that out";
            reading.becomes(word, "aggregator", "fedprox".into(), note);
        }
        (false, false) => {
            let note = "without fedprox_mu it is fedavg, which FedML's FedProx is over MPI";
            reading.becomes(word, "aggregator", "fedavg".into(), note);
        }
        (false, true) => reading.lacks("fedprox_mu", "FedProx needs it"),
    }
}

/// Each arrival counts `1 / (1 + staleness)`.
fn asynchronous(reading: &mut Reading<'_>, word: &Word) {
    let note =
        "w <- (1 - s) w + s w_i with s = 1 / (1 + staleness); there w <- w + s w_i, which grows";
    reading.becomes(word, "aggregator", "fedasync".into(), note);
    reading.adds("alpha", 1.0, "the share of an arrival that is not stale");
    reading.adds("mode", "async", "");
    reading.adds("staleness", "polynomial", "");
    reading.adds("staleness_a", 1.0, "");
    if let Some(cohort) = reading.number("client_num_per_round") {
        reading.adds("concurrency", cohort as i64, "clients in training at once");
    }
}

pub fn proximal(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("federated_optimizer", &["FedProx"]) {
        true => reading.same(word, "mu", ""),
        false => reading.nothing(word, "FedProx's"),
    }
}

pub fn regulariser(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("federated_optimizer", &["FedDyn"]) {
        true => reading.same(word, "feddyn_alpha", ""),
        false => reading.nothing(word, "FedDyn's"),
    }
}

pub fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    match reading.text(&word.key).as_str() {
        "sgd" => reading.same(word, "client_optimizer", ""),
        "adam" if fedsgd::is_chosen(reading) => {
            reading.refuse(word, "FedSGD with adam on the server is not here (nearest: sgd)");
        }
        "adam" => {
            let choice = Mapping::from_iter([
                ("name".into(), "adam".into()),
                ("amsgrad".into(), true.into()),
            ]);
            reading.becomes(word, "client_optimizer", choice.into(), "");
        }
        other => {
            let text = format!("{other} is not here, and means Adam there (nearest: adam)");
            reading.refuse(word, &text);
        }
    }
}

pub fn epochs(reading: &mut Reading<'_>, word: &Word) {
    if fedsgd::is_chosen(reading) {
        reading.nothing(word, "FedSGD takes one batch a round");
    } else {
        reading.same(word, "epochs", "");
    }
}

pub fn rate(reading: &mut Reading<'_>, word: &Word) {
    if fedsgd::is_chosen(reading) {
        fedsgd::rate(reading, word);
    } else {
        reading.same(word, "lr", "");
    }
}

/// `learning_rate` is what the algorithms here read; `lr` is read by older versions, which have no
/// other.
pub fn second_rate(reading: &mut Reading<'_>, word: &Word) {
    if reading.get("learning_rate").is_some() {
        reading.row(word, "", "learning_rate counts, as in FedML's code");
    } else {
        rate(reading, word);
    }
}

/// Workers of two examples sleep, each as long as its rank says.
pub fn sleep(reading: &mut Reading<'_>, word: &Word) {
    if reading.says("federated_optimizer", &["Async_FedAvg"]) {
        let text = "there workers sleep by their rank, which decides who comes first (nearest: \
                    --delay exponential)";
        reading.refuse(word, text);
    } else {
        reading.nothing(word, "workers sleep so long; a round waits for all");
    }
}

/// Only Adam decays, by `weight_decay`; older versions by `wd`, which have no other.
pub fn decay(reading: &mut Reading<'_>, word: &Word) {
    let is_second = word.key == "wd" && reading.get("weight_decay").is_some();
    match (reading.says("client_optimizer", &["adam"]), is_second) {
        (false, _) => reading.nothing(word, UNUSED_BY_SGD),
        (true, true) => reading.row(word, "", "weight_decay counts, as in FedML's code"),
        (true, false) => reading.same(word, "wd", ""),
    }
}

pub fn momentum(reading: &mut Reading<'_>, word: &Word) {
    if fedsgd::is_chosen(reading) {
        fedsgd::momentum(reading, word);
    } else if is_fednova(reading) {
        reading.same(word, "momentum", "");
    } else if reading.says("client_optimizer", &["adam"]) {
        reading.nothing(word, "SGD's");
    } else {
        reading.nothing(word, UNUSED_BY_SGD);
    }
}

/// What goes with momentum is FedNova's alone too.
pub fn of_momentum(reading: &mut Reading<'_>, word: &Word) {
    match is_fednova(reading) {
        true if word.key == "nesterov" => reading.same(word, "client_nesterov", ""),
        true => reading.same(word, &word.key, ""),
        false => reading.nothing(word, UNUSED_BY_SGD),
    }
}

pub fn of_fednova(reading: &mut Reading<'_>, word: &Word) {
    let is_off = reading.says(&word.key, &["0", "false"]);
    match is_fednova(reading) && !is_off {
        true => reading.refuse(word, "this part of FedNova is not here (nearest: 0 or False)"),
        false => reading.nothing(word, OF_FEDNOVA),
    }
}

fn is_fednova(reading: &Reading<'_>) -> bool {
    reading.says("federated_optimizer", &["FedNova"])
}

fn is_fedopt(reading: &Reading<'_>) -> bool {
    reading.says("federated_optimizer", &["FedOpt", "FedOpt_seq"])
}

/// The optimizers of torch on the negative change.
pub fn server_optimizer(reading: &mut Reading<'_>, word: &Word) {
    if !is_fedopt(reading) {
        return reading.nothing(word, OF_FEDOPT);
    }
    let has_momentum = reading
        .number("server_momentum")
        .is_some_and(|momentum| momentum != 0.0);
    let Some(step) = steps::of_torch(&reading.text(&word.key), has_momentum) else {
        return reading.not_here(word, "sgd, adam, adagrad");
    };
    reading.becomes(word, "server_step", step, "");
}

pub fn server_lr(reading: &mut Reading<'_>, word: &Word) {
    match is_fedopt(reading) {
        true => reading.same(word, "server_lr", ""),
        false => reading.nothing(word, OF_FEDOPT),
    }
}

pub fn server_momentum(reading: &mut Reading<'_>, word: &Word) {
    match (is_fedopt(reading), reading.says("server_optimizer", &["sgd"])) {
        (false, _) => reading.nothing(word, OF_FEDOPT),
        (true, true) if reading.says(&word.key, &["0"]) => reading.nothing(word, "off"),
        (true, true) => reading.same(word, "server_momentum", ""),
        (true, false) => {
            reading.row(word, "", "only SGD has momentum; there torch refuses it for others")
        }
    }
}

/// Whether several clients are trained one after another by a worker there, so that they are
/// scheduled.
pub fn is_sequential(reading: &Reading<'_>) -> bool {
    reading.says("federated_optimizer", &["FedAvg_seq", "FedOpt_seq"])
}

const NO_SCHEDULE: &str = "of FedAvg_seq and FedOpt_seq";

pub fn schedule(reading: &mut Reading<'_>, word: &Word) {
    match is_sequential(reading) {
        true => reading.becomes(
            word,
            "scheduler",
            "runtime".into(),
            "changes only how long rounds take",
        ),
        false => reading.nothing(word, NO_SCHEDULE),
    }
}

pub fn estimate(reading: &mut Reading<'_>, word: &Word) {
    match is_sequential(reading) {
        true => reading.row(
            word,
            "",
            "the scheduler weighs past times its own way; no result depends on it",
        ),
        false => reading.nothing(word, NO_SCHEDULE),
    }
}

/// Worker `i` of `n` takes `1 + ratio i / n` times as long there; the first is worker 0.
pub fn slow_gpus(reading: &mut Reading<'_>, word: &Word) {
    let (workers, ratio) = (reading.number("worker_num"), reading.number("gpu_hetero_ratio"));
    match (is_sequential(reading), workers, ratio) {
        (false, ..) => reading.nothing(word, NO_SCHEDULE),
        (true, ..) if reading.get("simulation_gpu_hetero").is_none() => {
            reading.nothing(word, "off")
        }
        (true, Some(workers), Some(ratio)) if (2.0..=4096.0).contains(&workers) && ratio >= 0.0 => {
            let slow = |worker: u32| {
                format!("{}:{}", worker + 1, 1.0 + ratio * f64::from(worker) / workers)
            };
            let text: Vec<String> = (1..workers as u32).map(slow).collect();
            let note = "for as many workers as worker_num says";
            reading.becomes(word, "worker_slowdown", text.join(",").into(), note);
        }
        _ => reading.refuse(
            word,
            "needs worker_num and gpu_hetero_ratio (nearest: --worker_slowdown 2:1.5)",
        ),
    }
}

pub fn waves(reading: &mut Reading<'_>, word: &Word) {
    let ratio = reading.number("environment_hetero_ratio");
    match (is_sequential(reading), reading.text("simulation_environment_hetero").as_str(), ratio) {
        (false, ..) => reading.nothing(word, NO_SCHEDULE),
        (true, "", _) => reading.nothing(word, "off"),
        (true, "cos", Some(ratio)) if reading.get("simulation_gpu_hetero").is_none() => {
            let note = "by the rank; there by the worker's number, one less";
            reading.becomes(word, "worker_slowdown", format!("cos:{ratio}").into(), note);
        }
        _ => reading.refuse(word, "only `cos` with environment_hetero_ratio, alone, is here"),
    }
}
