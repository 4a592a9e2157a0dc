//! How rounds move the model: the parts that the config chose, made.

use super::PlanError;
use crate::aggregate::combine::{self, Combine};
use crate::aggregate::step::{self, Annealed, ServerStep};
use crate::algorithm::{self, Algorithm};
use crate::config::Config;
use crate::part::Choice;
use crate::train::schedule::{self as rates, Rate};
use crate::update::Updates;
use std::sync::Arc;

/// The parts that rounds are made of. They remember nothing themselves, so all who train share
/// them.
#[derive(Clone)]
pub struct Method {
    /// What clients do beside plain steps, and what the server does with it.
    pub algorithm: Arc<dyn Algorithm>,
    /// How the model moves along a change.
    pub server_step: Arc<dyn ServerStep>,
    /// How changes become one; none is their mean.
    pub combine: Option<Arc<dyn Combine>>,
    /// What becomes of a change on its way.
    pub updates: Updates,
    /// What the learning rate is multiplied with in a round.
    pub rate: Rate,
}

impl Method {
    pub(super) fn make(config: &Config) -> Result<Method, PlanError> {
        let server_step = step::make(&chosen(&config.server_step, step::PLAIN))?;
        Ok(Method {
            algorithm: algorithm::make(&chosen(&config.algorithm, algorithm::PLAIN))?,
            server_step: annealed(config, server_step)?,
            combine: combine::make(&chosen(&config.combine, combine::PLAIN))?,
            updates: Updates::make(&config.update)?,
            rate: rates::make(&config.lr_schedule)?,
        })
    }
}

/// A choice, or the plain one by its name.
fn chosen(choice: &Option<Choice>, plain: &str) -> Choice {
    choice.clone().unwrap_or_else(|| plain.into())
}

/// A server step at the rate of each round.
fn annealed(config: &Config, step: Arc<dyn ServerStep>) -> Result<Arc<dyn ServerStep>, PlanError> {
    if config.server_lr_schedule.name == rates::PLAIN {
        return Ok(step);
    }
    let (rate, rounds) = (rates::make(&config.server_lr_schedule)?, config.comm_round as u32);
    Ok(Arc::new(Annealed {
        step,
        factor: Arc::new(move |round| rate.at(round, rounds)),
    }))
}
