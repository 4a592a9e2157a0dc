//! What FedML's keys about attacks, defences and differential privacy come to: all of them hang on
//! a switch.

use crate::config::foreign::Word;
use crate::config::foreign::reading::Reading;

const OFF: &str = "off";

pub fn of_attack(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("enable_attack", &["true"]) {
        true => reading.refuse(word, "of an attack, which is not here"),
        false => reading.nothing(word, OFF),
    }
}

pub fn of_attack_or_defense(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("enable_attack", &["true"]) {
        true => of_attack(reading, word),
        false => of_defense(reading, word),
    }
}

const OTHER_NOISE: &str = "of privacy by other rules than those here (nearest: --update \
                           'clip:norm=C;noise:noise_multiplier=Z')";

pub fn of_privacy(reading: &mut Reading<'_>, word: &Word) {
    match reading.says("enable_dp", &["true"]) {
        true => reading.refuse(word, OTHER_NOISE),
        false => reading.nothing(word, OFF),
    }
}

pub fn defense(reading: &mut Reading<'_>, word: &Word) {
    match (
        reading.says(&word.key, &["false"]),
        reading.text("defense_type").as_str(),
        reading.number("norm_bound"),
    ) {
        (true, ..) => reading.nothing(word, "off"),
        (false, "norm_diff_clipping", Some(bound)) => {
            let chain = format!("clip:norm={bound}");
            reading.becomes(word, "update", chain.into(), "");
        }
        (false, "norm_diff_clipping", None) => {
            reading.lacks("norm_bound", "norm_diff_clipping needs it")
        }
        (false, other, _) => {
            let text = format!("defence {other} is not here (nearest: norm_diff_clipping)");
            reading.refuse(word, &text);
        }
    }
}

/// What a defence is told: the one that is here is told in one setting.
pub fn of_defense(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("enable_defense", &["true"]);
    let is_clipping = reading.says("defense_type", &["norm_diff_clipping"]);
    match (is_on, is_clipping, word.key.as_str()) {
        (false, ..) => reading.nothing(word, "off"),
        (true, true, "defense_type" | "norm_bound") => reading.row(word, "update: clip", ""),
        (true, true, _) => reading.nothing(word, "another defence's"),
        (true, false, _) => reading.refuse(word, "of a defence that is not here"),
    }
}
