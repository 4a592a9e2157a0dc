//! What kinds of data a model refuses, whatever their shape.

use super::Unfit;
use crate::task::{Facts, Input, Task};

/// Refuses data that is not numbers.
pub(super) fn fitting_numbers(facts: &Facts) -> Result<(), Unfit> {
    match facts.input {
        Input::Numbers => Ok(()),
        Input::Tokens => Unfit::new("numbers", "rows of tokens"),
    }
}

/// Refuses data that is not rows of tokens, of which the next is learned.
pub(super) fn fitting_tokens(facts: &Facts) -> Result<(), Unfit> {
    match (facts.input, &facts.task) {
        (Input::Tokens, Task::Next { .. } | Task::Masked { .. }) => Ok(()),
        (Input::Tokens, _) => Unfit::new("tokens that follow", "another task"),
        (Input::Numbers, _) => Unfit::new("rows of tokens", "numbers"),
    }
}
