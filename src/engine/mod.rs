//! The managers that turn the stages of the walk into a run: the server on rank 0, a client manager
//! on every other rank.

mod asynchronous;
mod client;
mod contribution;
mod error;
mod evaluation;
mod examination;
mod exchange;
mod fallback;
mod flight;
mod gathering;
mod global;
mod home;
mod in_process;
mod keeper;
mod kept;
mod link;
mod phase;
mod post;
mod pulse;
mod run;
mod server;
mod states;
mod stopwatch;
mod survey;
mod versions;
mod visit;

use crate::event::RankReport;
use crate::ids::Rank;
use crate::plan::Plan;
use crate::transport::host_name;
use crate::weights::Layout;
use keeper::Keeper;

pub use client::serve;
pub use error::EngineError;
pub use evaluation::evaluate;
pub use in_process::{evaluate_local, run_local};
pub use run::{Outcome, run};
pub use server::Server;

/// Values that each client keeps.
fn kept_values(plan: &Plan, layout: &Layout) -> usize {
    let trained = layout.trained();
    plan.method.algorithm.shape(trained).kept + plan.method.updates.kept(trained)
}

/// Makes sure, before anything is trained, that a worker can keep what its clients keep.
///
/// # Errors
/// A folder that cannot be made or written to.
pub fn check_keeping(plan: &Plan, layout: &Layout, worker: Rank) -> Result<(), EngineError> {
    Keeper::new(plan, kept_values(plan, layout), worker).map(drop)
}

/// A state that cannot be read.
fn forgotten(part: &'static str) -> impl Fn(serde_json::Error) -> EngineError {
    move |error| EngineError::Forgotten {
        part,
        reason: error.to_string(),
    }
}

/// What a rank says of itself at the end.
fn report(rank: Rank, device: String, bytes_sent: u64) -> RankReport {
    RankReport {
        rank,
        host: host_name(),
        device,
        bytes_sent,
        peak_rss_mib: peak_rss_mib(),
    }
}

/// Largest resident memory of this process so far in MiB; 0 where the system does not say.
pub fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.map(|line| line.trim().trim_end_matches("kB").trim());
    kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
