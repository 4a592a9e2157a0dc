//! Keys of what FLUTE has and we have not: they decide nothing while it is off.

use super::OFF;
use crate::config::foreign::Word;
use crate::config::foreign::reading::Reading;

pub fn of_privacy(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("dp_config.enable_local_dp", &["true"])
        || reading.says("dp_config.enable_global_dp", &["true"]);
    switched(reading, word, is_on);
}

pub fn of_metrics(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("privacy_metrics_config.apply_metrics", &["true"]);
    switched(reading, word, is_on);
}

pub fn of_learning(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.says("server_config.wantRL", &["true"]);
    switched(reading, word, is_on);
}

pub fn of_rounding(reading: &mut Reading<'_>, word: &Word) {
    let is_on = reading.get("client_config.quant_thresh").is_some();
    switched(reading, word, is_on);
}

/// What belongs to something that is not here matters only where that is on.
fn switched(reading: &mut Reading<'_>, word: &Word, is_on: bool) {
    if is_on {
        return reading.refuse(word, "of something that is not here");
    }
    reading.nothing(word, OFF)
}
