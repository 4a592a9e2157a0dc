//! Whether async-FL's model moves in rounds, which parts come with that, and what only servers
//! without rounds have.

use super::THREADS;
use super::classes::class;
use crate::config::foreign::Word;
use crate::config::foreign::reading::Reading;

/// Why keys decide nothing in rounds.
pub const OF_ASYNC: &str = "of asynchronous servers";

/// Whether the model moves in rounds.
pub fn is_sync(reading: &Reading<'_>) -> bool {
    let paths = [
        "server.path",
        "server.scheduler.path",
        "server.updater.path",
    ];
    let mut classes = paths.iter().map(|key| reading.text(key));
    reading.says("global.mode", &["sync"]) || classes.any(|text| class(&text).starts_with("Sync"))
}

pub fn mode(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    match (class(&text), is_sync(reading)) {
        ("sync" | "SyncServer", _) => reading.becomes(word, "mode", "sync".into(), ""),
        ("NormalServer", true) => reading.becomes(word, "mode", "sync".into(), ""),
        ("async" | "AsyncServer" | "NormalServer", _) => reading.row(word, "mode: async", ""),
        ("thread" | "process" | "MPMT", _) => reading.nothing(word, THREADS),
        _ => reading.not_here(word, "SyncServer, AsyncServer"),
    }
}

/// Parts that the mode brings along.
pub fn of_mode(reading: &mut Reading<'_>, word: &Word) {
    let text = reading.text(&word.key);
    let name = class(&text);
    if name.starts_with("Sync") || ["AsyncScheduler", "AsyncUpdater"].contains(&name) {
        return reading.nothing(word, "the mode tells");
    }
    reading.not_here(word, "the asynchronous or synchronous one")
}

pub fn checkin(reading: &mut Reading<'_>, word: &Word) {
    let name = word.key.rsplit('.').next().unwrap_or_default().to_owned();
    if is_sync(reading) {
        return reading.nothing(word, OF_ASYNC);
    }
    reading.same(word, &name, "")
}

pub fn interval(reading: &mut Reading<'_>, word: &Word) {
    if is_sync(reading) {
        return reading.nothing(word, OF_ASYNC);
    }
    reading.same(word, "scheduler_interval", "")
}

pub fn queue(reading: &mut Reading<'_>, word: &Word) {
    if is_sync(reading) {
        return reading.nothing(word, OF_ASYNC);
    }
    reading.row(word, "", "updates that wait do not keep clients from being chosen here")
}
