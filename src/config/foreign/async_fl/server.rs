//! What async-FL's keys about choosing clients and moving the model come to, in rounds and without.

use super::UNREAD;
use super::classes::{class, translate};
use super::mode::{OF_ASYNC, is_sync};
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Named, Word, absent, named, steps};

const SCHEDULES: &[Named] = &[
    named("RandomSchedule", "uniform", ""),
    named("RoundRobin", "round_robin", ""),
    named("FullSchedule", "uniform", ""),
    named("NoSchedule", "uniform", ""),
];
/// Schedules that take everybody, whatever the share.
const ALL: &[&str] = &["FullSchedule", "NoSchedule"];

/// Rules for arrivals.
const ARRIVALS: &[Named] = &[
    named("FedAsync", "fedasync", ""),
    named("Avg", "avg", ""),
    named("MyFed", "myfed", "what is taken and what stays add up to 1; there to more"),
    named(
        "FedAvg",
        "fedavg_async",
        "the arrivals' changes are added; there the mean of their models takes over",
    ),
    absent("StepAsyncAvg", "nearest: FedAsync"),
    absent("FedAT", "nearest: FedAsync"),
    absent("TWAFL", "nearest: FedAsync"),
];
/// Rules of rounds.
const ROUNDS: &[Named] = &[
    named("FedAvg", "fedavg", ""),
    named("FedNova", "fednova", "clients weigh by samples, as published; there by batches"),
    absent("FedAvgWithPrevious", "nearest: FedAvg"),
    absent("FedDL", "nearest: FedAvg"),
    absent("FedAT", "nearest: FedAvg"),
    absent("FedAsync", "a synchronous server has no stale updates; nearest: FedAvg"),
];

pub fn is_full(reading: &Reading<'_>) -> bool {
    let keys = [
        "server.scheduler.schedule_name",
        "server.scheduler.schedule_path",
        "server.scheduler.schedule.path",
    ];
    keys.iter()
        .any(|key| ALL.contains(&class(&reading.text(key))))
}

pub fn schedule(reading: &mut Reading<'_>, word: &Word) {
    translate(reading, word, "client_selection", SCHEDULES);
    if is_full(reading) && !is_sync(reading) {
        reading.adds("c_ratio", 1.0, "its schedule takes all");
    }
}

pub fn share(reading: &mut Reading<'_>, word: &Word) {
    let clients = reading.number("global.client_num").unwrap_or_default();
    match (is_full(reading), is_sync(reading), word.value.as_f64()) {
        (true, ..) => reading.nothing(word, "its schedule takes all"),
        (false, true, Some(share)) => {
            let cohort = (share * clients) as i64;
            reading.becomes(word, "client_num_per_round", cohort.max(1).into(), "");
        }
        _ => reading.same(word, "c_ratio", ""),
    }
}

pub fn update(reading: &mut Reading<'_>, word: &Word) {
    let names = if is_sync(reading) { ROUNDS } else { ARRIVALS };
    translate(reading, word, "aggregator", names);
    match class(&reading.text(&word.key)) {
        _ if is_sync(reading) => {}
        "FedAsync" | "MyFed" => reading.adds("staleness", "hinge", ""),
        "FedAvg" if reading.number("server.updater.num_generator").is_none() => {
            reading.lacks(
                "server.updater.num_generator",
                "an asynchronous FedAvg needs it: arrivals for each move",
            );
        }
        _ => reading.adds("staleness", "constant", ""),
    }
}

/// The rule's own numbers: `alpha r` is one, `c` and `d` are not read.
pub fn of_update(reading: &mut Reading<'_>, word: &Word) {
    let (start, name) = word.key.rsplit_once('.').unwrap_or(("", &word.key));
    match (name, mixes(reading)) {
        (_, false) => reading.nothing(word, "this rule has none"),
        ("a", true) => reading.same(word, "staleness_a", ""),
        ("b", true) => reading.same(word, "staleness_b", ""),
        ("alpha", true) => {
            let alpha = reading.number(&word.key).unwrap_or_default();
            let rate = reading.number(&format!("{start}.r")).unwrap_or(1.0);
            reading.becomes(word, "alpha", (alpha * rate).into(), "");
        }
        ("r", true) => reading.row(word, "alpha", ""),
        ("c" | "d", true) => reading.nothing(word, UNREAD),
        _ => reading.refuse(word, "is no number of this rule here"),
    }
}

fn mixes(reading: &Reading<'_>) -> bool {
    let keys = [
        "server.updater.update_name",
        "server.updater.update_path",
        "server.updater.update.path",
    ];
    keys.iter()
        .any(|key| ["FedAsync", "MyFed"].contains(&class(&reading.text(key))))
}

pub fn buffer(reading: &mut Reading<'_>, word: &Word) {
    match (is_sync(reading), reading.says(&word.key, &["1"]), mixes(reading)) {
        (true, ..) => reading.nothing(word, OF_ASYNC),
        (false, true, true) => reading.nothing(word, "off"),
        (false, false, true) => {
            reading.refuse(word, "several arrivals at a time are not here with this rule")
        }
        _ => reading.same(word, "buffer_size", ""),
    }
}

pub fn optimizer(reading: &mut Reading<'_>, word: &Word) {
    let Some(step) = steps::of_torch(&class(&reading.text(&word.key)).to_lowercase(), false) else {
        return reading.not_here(word, "SGD, Adam, Adagrad");
    };
    reading.becomes(word, "server_step", step, "");
}
