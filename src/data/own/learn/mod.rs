//! What is learned, as far as arrays tell: inputs and targets become columns.
//!
//! | `x` | inputs |
//! |---|---|
//! | `uint8` | bytes, standardised when they are gathered |
//! | floats, truth | numbers |
//! | other integers | tokens |
//!
//! | `y` | task |
//! |---|---|
//! | words, or integers, one a row | `classes` |
//! | floats, one or several a row | `values` |
//! | 0 and 1, several a row | `sets` |
//! | integers, several a row, where inputs are tokens | `next` |

mod inputs;
mod meaning;
mod targets;

use super::array::Array;
use std::ops::Range;

pub use inputs::inputs;
pub use meaning::{Meaning, meaning};
pub use targets::targets;

/// What stands for a token that is not learned, as PyTorch has it.
const NOTHING: i64 = -100;

/// Numbers of a row.
fn width(array: &Array) -> usize {
    array.row_shape().iter().product()
}

/// Integers as they are kept, if all lie in a range.
fn bounded(
    values: &[i64],
    width: usize,
    range: Range<i64>,
    fault: impl Fn(usize, i64) -> String,
) -> Result<Vec<u32>, String> {
    match values.iter().position(|value| !range.contains(value)) {
        Some(place) => Err(fault(place / width.max(1), values[place])),
        None => Ok(values.iter().map(|&value| value as u32).collect()),
    }
}

fn finite(values: Vec<f32>, width: usize, name: &str) -> Result<Vec<f32>, String> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(format!(
            "`{name}` holds {} in row {}, place {} (hint: leave the row out, or put a number there)",
            values[place],
            place / width.max(1),
            place % width.max(1)
        )),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::super::array::{Array, Cells};
    use super::super::said::{Said, Sought, Taken};

    /// What says nothing but the task.
    pub(super) fn said(task: Sought) -> Said {
        Said {
            task,
            inputs: Taken::Detect,
            classes: 0,
        }
    }

    pub(super) fn integers(shape: &[usize], values: &[i64]) -> Array {
        Array {
            shape: shape.to_vec(),
            cells: Cells::Integers(values.to_vec()),
        }
    }

    pub(super) fn floats(shape: &[usize], values: &[f32]) -> Array {
        Array {
            shape: shape.to_vec(),
            cells: Cells::Floats(values.to_vec()),
        }
    }
}
