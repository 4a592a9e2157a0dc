//! From a choice to a model that is ready to be trained: made for the data, started from a file,
//! and cut down to what is trained of it.

use super::stored::Tensors;
use super::tuned::Tuned;
use super::{KIND, ModelError, Network, Start};
use crate::part::{AnyKind, Choice};
use crate::seed::Purpose;
use crate::task::Facts;

/// Makes the model of a choice.
///
/// # Errors
/// A choice that makes no sense, or data that the model does not take.
pub fn build(choice: &Choice, facts: &Facts) -> Result<Box<dyn Network>, ModelError> {
    let (entry, values) = KIND.look_up(choice)?;
    (entry.build)(&values, facts).map_err(|unfit| ModelError::Unfit {
        model: entry.name,
        unfit,
    })
}

/// Makes the model of a choice, ready to be trained; and, in words, what did not match of what it
/// starts from.
///
/// # Errors
/// As [`build`]; a file of tensors that does not fit, patterns that name nothing.
pub fn make(
    choice: &Choice,
    facts: &Facts,
    start: Start<'_>,
) -> Result<(Box<dyn Network>, Option<String>), ModelError> {
    let (model, network) = (KIND.described(&choice.name)?.name, build(choice, facts)?);
    let unfit = |unfit| ModelError::Unfit { model, unfit };
    let mut tensors = start.from.map(Tensors::open).transpose().map_err(unfit)?;
    let mut network = match &mut tensors {
        Some(tensors) => Box::new(tensors.start(network).map_err(unfit)?) as Box<dyn Network>,
        None => network,
    };
    if !start.trained.is_all() {
        let stream = &mut start.seed.stream(Purpose::Initial);
        let mut tuned = Tuned::new(network, start.trained, stream, start.device).map_err(unfit)?;
        if let Some(tensors) = &mut tensors {
            tuned.take_over(tensors).map_err(unfit)?;
        }
        network = Box::new(tuned);
    }
    Ok((network, tensors.and_then(|tensors| tensors.note())))
}
