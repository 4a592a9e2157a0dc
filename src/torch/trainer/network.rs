//! The model of a plan.

use crate::config::Precision;
use crate::models::{self, ModelError, Network};
use crate::plan::Plan;
use crate::torch::precision::Reduced;
use crate::weights::Layout;
use tch::Device;

/// Where each tensor of the plan's model lies.
///
/// # Errors
/// As [`models::make`].
pub fn layout(plan: &Plan) -> Result<Layout, ModelError> {
    Ok(models::layout(network(plan, Device::Cpu)?.0.as_ref()))
}

/// The plan's model, ready to be trained; and what did not match of what it starts from.
pub(super) fn network(
    plan: &Plan,
    device: Device,
) -> Result<(Box<dyn Network>, Option<String>), ModelError> {
    let config = &plan.config;
    let trained = models::Trained {
        only: config.train_only.as_ref(),
        lora: config.lora.as_ref(),
    };
    let start = models::Start {
        from: config.init_from.as_deref(),
        trained,
        device,
        seed: plan.seed(),
    };
    let (network, note) = models::make(&config.model, &plan.dataset.facts, start)?;
    Ok(match config.precision {
        Precision::Full => (network, note),
        Precision::Bf16 => (Box::new(Reduced::new(network, device)), note),
    })
}
