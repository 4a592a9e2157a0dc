//! Settings of runs without rounds: what is for rounds is left out, and as many clients train at
//! once as there are, and as the buffer needs.

use super::{PlanError, flag_name, require};
use crate::config::{Config, Mode};
use crate::plan::arrivals;
use crate::schedule::DispatchMode;

/// The first setting that does not suit a run without rounds.
pub fn check(config: &Config) -> Result<(), PlanError> {
    if config.mode == Mode::Sync {
        return Ok(());
    }
    check_unsaid(config)?;
    check_numbers(config)
}

/// What is for rounds has its default.
fn check_unsaid(config: &Config) -> Result<(), PlanError> {
    let reason = "it is for rounds, and --mode async has none (hint: leave it out)";
    let planned = config.dispatch == DispatchMode::Planned;
    require("dispatch", flag_name(&config.dispatch), planned, reason)?;
    require("drop_rate", config.drop_rate, config.drop_rate == 0.0, reason)?;
    require("fall_back", config.fall_back, !config.fall_back, reason)?;
    require("evaluate_training", config.evaluate_training, !config.evaluate_training, reason)?;
    require("over_select", config.over_select, config.over_select == 1.0, reason)
}

/// Clients in training, against all clients and against the buffer.
fn check_numbers(config: &Config) -> Result<(), PlanError> {
    let (most, clients) = (config.concurrency, config.client_num_in_total);
    // Whether a number of clients is kept in training, or a scheduler chooses from time to time.
    let is_kept = config.scheduler_interval == 0;
    let rule = arrivals(config)?;
    let hint = format!("there are {clients} clients in total (hint: lower --concurrency)");
    // Nobody has counted the clients yet where there are none.
    let is_enough = clients == 0 || most <= clients || (!is_kept && rule.refills_at_once());
    require("concurrency", most, is_enough, &hint)?;
    let size = if is_kept { buffer_size(config) } else { 0 };
    let hint = format!(
        "only {most} clients train at once (hint: lower --buffer_size or raise --concurrency)"
    );
    require("buffer_size", size, size <= most, &hint)
}

/// Arrivals that make a move, by a rule that collects them; 0 by others.
fn buffer_size(config: &Config) -> i64 {
    let rule = config.aggregator.as_ref();
    let size = rule.and_then(|rule| rule.values.get("buffer_size")?.as_i64());
    size.unwrap_or(0)
}
