//! What a client does when it trains: the optimiser and its rates, and settings of which one says
//! what the other says too.

use super::{PlanError, require};
use crate::config::Config;
use crate::train::optimizer::{self, Optimizer};
use crate::train::schedule as rates;

/// What clients do suits itself.
pub fn check(config: &Config) -> Result<(), PlanError> {
    rates::make(&config.lr_schedule)?;
    rates::make(&config.server_lr_schedule)?;
    if let Optimizer::Sgd(sgd) = optimizer::make(&config.client_optimizer)? {
        let reason = "it needs --momentum above 0 and --dampening 0";
        require("client_nesterov", true, sgd.is_sound(), reason)?;
    }
    check_steps(config)?;
    check_bounds(config)
}

/// Epochs or steps say when a training is over.
fn check_steps(config: &Config) -> Result<(), PlanError> {
    let (epochs, steps) = (config.epochs, config.local_steps);
    let reason = format!(
        "--epochs {epochs} says when a client's training is over too (hint: one of the two)"
    );
    require("local_steps", steps.unwrap_or(0), steps.is_none() || epochs == 1, &reason)
}

/// Gradients are bounded in one way.
fn check_bounds(config: &Config) -> Result<(), PlanError> {
    let (norm, value) = (config.max_grad_norm, config.max_grad_value);
    let both = norm.is_some() && value.is_some();
    let reason = "--max_grad_norm bounds gradients too (hint: one of the two)";
    require("max_grad_value", value.unwrap_or(0.0), !both, reason)
}
