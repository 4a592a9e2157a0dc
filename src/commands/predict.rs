//! `fedmpi predict`: how long a recorded run would take on other machines.

use super::say;
use crate::cli::PredictArgs;
use crate::record::{self, Predictor};
use anyhow::{Context, Error, Result};

/// Prints the table.
pub(super) fn run(arguments: &PredictArgs) -> Result<()> {
    let run = record::find(&arguments.run)?;
    let predictor = Predictor::read(&run).map_err(Error::msg)?;
    let slowdown = arguments
        .slowdown
        .as_deref()
        .map_or(Ok(Default::default()), str::parse);
    let slowdown = slowdown.context("--slowdown")?;
    predictor.check(&arguments.workers).map_err(Error::msg)?;
    say(predictor.table(&arguments.workers, &slowdown))
}
