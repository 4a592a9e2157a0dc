//! async-FL's delays: a file, a list, or numbers of clients for each step of slowness.

use crate::config::foreign::Word;
use crate::config::foreign::places::beside;
use crate::config::foreign::reading::{Reading, shown};
use crate::seed::{Purpose, Seed, Stream};
use rand::Rng;
use rand::seq::SliceRandom;
use serde_yaml::Value;

/// Clients that groups may hold.
const MOST: u64 = 1 << 20;
/// Seconds of the longest step: some thirty years.
const LONGEST: u64 = 1_000_000_000;

/// `false`, or seconds for each client.
pub fn listed(reading: &mut Reading<'_>, word: &Word) {
    match &word.value {
        Value::Bool(false) => reading.becomes(word, "delay", "constant:0".into(), ""),
        Value::Sequence(seconds) if seconds.iter().all(|seconds| seconds.as_f64().is_some()) => {
            let text: Vec<String> = seconds.iter().map(shown).collect();
            reading.becomes(word, "delay", format!("list:{}", text.join(",")).into(), "");
        }
        _ => reading.refuse(word, "is neither false, a list of seconds, nor {step, shuffle, list}"),
    }
}

/// So many clients without delay, so many with up to one step, so many with up to two, and so on.
pub fn grouped(reading: &mut Reading<'_>, word: &Word) {
    let counts = word.value.as_sequence().into_iter().flatten();
    let counts: Vec<u64> = counts.filter_map(Value::as_u64).collect();
    let sum = counts
        .iter()
        .try_fold(0u64, |sum, &count| sum.checked_add(count));
    let total = sum.unwrap_or(u64::MAX);
    let wanted = reading.number("global.client_num").unwrap_or_default();
    let step = whole(reading, "global.stale.step");
    if total as f64 != wanted || total > MOST || !(1..=LONGEST).contains(&step) {
        let needs =
            "needs a step from 1 to 1000000000, and as many clients in all as client_num says";
        return reading.refuse(word, needs);
    }
    let seed = whole(reading, "global.seed");
    let mut stream = Seed(seed).stream(Purpose::Speed);
    let mut seconds = drawn(&counts, step, &mut stream);
    if reading.says("global.stale.shuffle", &["true"]) {
        seconds.shuffle(&mut stream);
    }
    let text: Vec<String> = seconds.iter().map(u64::to_string).collect();
    let list = format!("list:{}", text.join(","));
    reading.becomes(word, "delay", list.into(), "drawn from the seed, as its generator does");
}

/// A number that a key says; 0 when none.
fn whole(reading: &Reading<'_>, key: &str) -> u64 {
    reading.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// Group 0 is not delayed; group `g` by a whole number above `(g - 1) step` and up to `g step`.
fn drawn(counts: &[u64], step: u64, stream: &mut Stream) -> Vec<u64> {
    let mut seconds = Vec::new();
    for (group, &count) in counts.iter().enumerate() {
        let bound = group as u64 * step;
        for _ in 0..count {
            seconds.push(match group {
                0 => 0,
                _ => stream.random_range(bound - step + 1..=bound),
            });
        }
    }
    seconds
}

pub fn of_groups(reading: &mut Reading<'_>, word: &Word) {
    if reading.get("global.stale.list").is_none() {
        return reading.refuse(word, "needs a `list` beside it");
    }
    reading.row(word, "delay", "")
}

/// async-FL looks for the file in its folder of results, and takes zeros where there is none.
pub fn file(reading: &mut Reading<'_>, word: &Word) {
    let named = reading.text(&word.key);
    let results = format!("results/{}/{named}", reading.text("global.experiment"));
    let places = [
        beside(reading.around, &named),
        beside(reading.around, &results),
    ];
    match places.iter().find(|place| place.is_file()) {
        _ if reading.get("global.stale").is_some() => reading.nothing(word, "`stale` tells"),
        Some(file) => reading.becomes(word, "delay", format!("file:{}", file.display()).into(), ""),
        None => {
            let note = "neither this file nor one in results/EXPERIMENT is there, so nobody is \
                        delayed, as there";
            reading.becomes(word, "delay", "constant:0".into(), note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_in_their_steps() {
        let mut stream = Seed(1).stream(Purpose::Speed);
        assert_eq!(drawn(&[2, 1, 2], 1, &mut stream), [0, 0, 1, 2, 2]);
        let wide = drawn(&[0, 50, 50], 10, &mut stream);
        assert!(wide[..50].iter().all(|seconds| (1..=10).contains(seconds)));
        assert!(wide[50..].iter().all(|seconds| (11..=20).contains(seconds)));
    }
}
