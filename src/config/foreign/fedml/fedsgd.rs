//! FedML's FedSGD: a client hands in the gradient of one batch, compressed or not, and the server
//! steps by the mean. Here a client takes one step of rate 1, so that its change is its gradient.

use crate::config::foreign::Word;
use crate::config::foreign::reading::Reading;

const UNCOMPRESSED: &[&str] = &["no", "none"];
const TOPK: &[&str] = &["topk", "eftopk"];

pub fn is_chosen(reading: &Reading<'_>) -> bool {
    reading.says("federated_optimizer", &["FedSGD"])
}

pub fn algorithm(reading: &mut Reading<'_>, word: &Word) {
    let note = "scales of batch normalisation learn too; there they stay as they began";
    reading.becomes(word, "algorithm", "fedavg".into(), note);
    reading.adds("local_steps", 1, "a batch a round, drawn anew; there the client's next one");
    reading.adds("lr", 1.0, "so that a client's change is its gradient");
    let step = if has_momentum(reading) {
        "momentum"
    } else {
        "sgd"
    };
    reading.adds("server_step", step, "by the mean gradient");
}

pub fn rate(reading: &mut Reading<'_>, word: &Word) {
    reading.becomes(word, "server_lr", word.value.clone(), "the server's, as there");
}

pub fn momentum(reading: &mut Reading<'_>, word: &Word) {
    if has_momentum(reading) {
        reading.becomes(word, "server_momentum", word.value.clone(), "the server's, as there");
    } else {
        reading.nothing(word, "off");
    }
}

fn has_momentum(reading: &Reading<'_>) -> bool {
    reading.get("momentum").is_some() && !reading.says("momentum", &["0"])
}

pub fn compression(reading: &mut Reading<'_>, word: &Word) {
    if !is_chosen(reading) {
        return reading.nothing(word, "FedSGD's");
    }
    if reading.says(&word.key, UNCOMPRESSED) {
        return reading.nothing(word, "off");
    }
    if !reading.says(&word.key, TOPK) {
        return reading.not_here(word, "topk, eftopk");
    }
    let Some(share) = reading.number("compress_ratio") else {
        return reading.lacks("compress_ratio", "the compression needs it");
    };
    if reading.says(&word.key, &["eftopk"]) {
        let note = "of all weights at once, and each client keeps its rest; there of each tensor, \
                    and clients share one rest";
        reading.becomes(word, "update", format!("topk:share={share}").into(), note);
    } else {
        let note = "of all weights at once; there of each tensor";
        let update = format!("topk:share={share},feedback=false");
        reading.becomes(word, "update", update.into(), note);
    }
}

/// What a compression is told: the one that is here is told its share.
pub fn of_compression(reading: &mut Reading<'_>, word: &Word) {
    let is_topk = is_chosen(reading) && reading.says("compression", TOPK);
    if !is_topk || word.key != "compress_ratio" {
        return reading.nothing(word, "another compression's");
    }
    match reading.number(&word.key) {
        Some(share) if share > 0.0 && share <= 1.0 => reading.row(word, "update: topk", ""),
        _ => reading.refuse(word, "is not a number above 0 and at most 1"),
    }
}
