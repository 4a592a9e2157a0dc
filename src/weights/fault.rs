//! Why a client's vector cannot enter a sum, told by the tensor that it is in.

use super::{LIMIT, Layout};
use crate::ids::ClientId;

/// A client's weights cannot enter the sum.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SumError {
    /// A NaN or infinity.
    #[error("client {client} returned {value} at position {position} (hint: {DIVERGED})")]
    NotFinite {
        /// Who sent it.
        client: ClientId,
        /// Index in the flat vector.
        position: usize,
        /// The value itself.
        value: f32,
    },
    /// A change that would not fit the fixed-point range.
    #[error(
        "client {client} changed position {position} by {change:e}, beyond ±{LIMIT:e} \
         (hint: {DIVERGED})"
    )]
    Overflow {
        /// Who sent it.
        client: ClientId,
        /// Index in the flat vector.
        position: usize,
        /// New value minus old.
        change: f64,
    },
    /// A weight of its own that cannot be.
    #[error(
        "client {client} weighs {weight}, which is not from 0 to {most} \
         (hint: training diverged, or raise --max_weight)"
    )]
    Weight {
        /// Who sent it.
        client: ClientId,
        /// Its weight.
        weight: f64,
        /// The most that was declared.
        most: f64,
    },
    /// Another model's vector.
    #[error("client {client} returned {found} values where the model has {wanted}")]
    Length {
        /// Who sent it.
        client: ClientId,
        /// Values received.
        found: usize,
        /// Values expected.
        wanted: usize,
    },
}

const DIVERGED: &str = "training diverged; lower --lr";
const BUFFERS: &str =
    "a running figure of batch normalisation, which is not trained; larger batches, or lower --lr";

impl SumError {
    /// Whether that client's training came to nothing, as against a vector that is of another
    /// model.
    pub fn is_divergence(&self) -> bool {
        !matches!(self, SumError::Length { .. })
    }

    /// The same with the tensor's name in place of a position. What lies behind the model is what a
    /// client says beside its change.
    ///
    /// ```
    /// use fedmpi::{
    ///     ids::ClientId,
    ///     weights::{Layout, SumError},
    /// };
    /// let mut layout = Layout::default();
    /// layout.push("fc.weight", &[3]);
    /// let fault = SumError::NotFinite {
    ///     client: ClientId(4),
    ///     position: 1,
    ///     value: f32::NAN,
    /// };
    /// assert_eq!(
    ///     fault.told(&layout),
    ///     "client 4 returned NaN in fc.weight (hint: training diverged; lower --lr)"
    /// );
    /// ```
    pub fn told(&self, layout: &Layout) -> String {
        match *self {
            SumError::NotFinite {
                client,
                position,
                value,
            } => {
                let (name, hint) = place(layout, position);
                format!("client {client} returned {value} in {name} (hint: {hint})")
            }
            SumError::Overflow {
                client,
                position,
                change,
            } => {
                let (name, hint) = place(layout, position);
                format!(
                    "client {client} changed {name} by {change:e}, beyond ±{LIMIT:e} (hint: {hint})"
                )
            }
            SumError::Weight { .. } | SumError::Length { .. } => self.to_string(),
        }
    }
}

/// What a position is in, and what helps when its numbers leave all bounds.
fn place(layout: &Layout, position: usize) -> (&str, &'static str) {
    let name = layout
        .at(position)
        .unwrap_or("what it says beside its change");
    let buffers = layout.trained()..layout.length();
    let hint = if buffers.contains(&position) {
        BUFFERS
    } else {
        DIVERGED
    };
    (name, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_named_and_buffers_have_a_hint_of_their_own() {
        let mut layout = Layout::default();
        layout.push("fc.weight", &[20]);
        layout.end_trained();
        layout.push("norm.running_var", &[2]);
        let told = |position| {
            SumError::Overflow {
                client: ClientId(1),
                position,
                change: 1e9,
            }
            .told(&layout)
        };
        assert!(told(19).contains("fc.weight") && told(19).contains("lower --lr"), "{}", told(19));
        assert!(
            told(33).contains("norm.running_var") && told(33).contains("not trained"),
            "{}",
            told(33)
        );
        assert!(told(500).contains("beside its change"), "{}", told(500));
    }
}
