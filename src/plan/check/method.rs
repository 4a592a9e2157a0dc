//! How the model moves: its parts can be made, and suit each other and the mode.

use super::{PlanError, flag_name, require};
use crate::aggregate::{combine, step};
use crate::algorithm;
use crate::config::{Config, Mode};
use crate::message::Reduce;
use crate::part::Choice;
use crate::update::Updates;

/// Every part of the method can be made, and they suit each other.
pub fn check(config: &Config) -> Result<(), PlanError> {
    let updates = Updates::make(&config.update)?;
    match config.mode {
        Mode::Sync => check_rounds(config),
        Mode::Async => check_without_rounds(config, &updates),
    }
}

/// A choice, or the plain one.
fn made(choice: &Option<Choice>) -> Choice {
    choice.clone().unwrap_or_default()
}

fn check_rounds(config: &Config) -> Result<(), PlanError> {
    algorithm::make(&made(&config.algorithm))?;
    step::make(&made(&config.server_step))?;
    let sees_each = combine::make(&made(&config.combine))?.is_some();
    check_reduce(config, sees_each)
}

/// What is made for rounds is not asked for.
fn check_without_rounds(config: &Config, updates: &Updates) -> Result<(), PlanError> {
    let without = "it is for rounds, and --mode async has none (hint: leave it out)";
    let (step, combine) = (&config.server_step, &config.combine);
    require("server_step", made(step), step.is_none(), without)?;
    require("combine", made(combine), combine.is_none(), without)?;
    if let Some(reason) = config.unfit_without_rounds() {
        require("algorithm", made(&config.algorithm), false, reason)?;
    }
    let reason =
        "its clients keep something, which needs rounds (hint: --mode sync, or other --update)";
    require("update", &config.update, updates.kept(1) == 0, reason)
}

/// A combination that must see each update cannot have them summed on their way.
fn check_reduce(config: &Config, sees_each: bool) -> Result<(), PlanError> {
    let combine = config.combine.as_ref();
    let named = combine.map_or(combine::PLAIN, |combine| &combine.name);
    let reason = format!(
        "`{named}` must see every client's update, which are summed on their way \
         (hint: --reduce server)"
    );
    let suits = !sees_each || config.reduce == Reduce::Server;
    require("reduce", flag_name(&config.reduce), suits, &reason)
}
