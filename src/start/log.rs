//! What is logged, and how.

use crate::ids::Rank;
use crate::transport::Host;
use env_logger::{Builder, DEFAULT_FILTER_ENV, Env};
use log::LevelFilter;
use std::env;
use std::io::Write;

/// Lines carry time and level; those of a rank its number and host too. Commands log warnings only.
pub(crate) fn start_log(rank: Option<Rank>) {
    let level = if rank.is_some() { LevelFilter::Trace } else { LevelFilter::Warn };
    let speaker = rank.map_or(String::new(), |rank| format!(" rank {rank} on {}:", Host::here().name));
    Builder::from_env(Env::default().default_filter_or(level.as_str()))
        .format(move |out, record| {
            let time = out.timestamp_millis();
            writeln!(out, "{time} {:<5}{speaker} {}", record.level(), record.args())
        })
        .init();
}

/// What each number of `--verbose` shows.
const LEVELS: [LevelFilter; 3] = [LevelFilter::Info, LevelFilter::Debug, LevelFilter::Trace];

/// How much is logged, unless `RUST_LOG` says it.
pub(crate) fn log_at(verbose: u8) {
    if env::var_os(DEFAULT_FILTER_ENV).is_none() {
        log::set_max_level(LEVELS[usize::from(verbose.min(2))]);
    }
}
