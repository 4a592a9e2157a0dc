//! How large a gradient may be. The bound is on the sum with what an algorithm adds: the terms of
//! FedProx and FedDyn are parts of the loss, and torch clips the gradient of all of it. Weight
//! decay comes after.

/// A bound on the gradients that steps are taken with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Limit {
    /// None.
    #[default]
    None,
    /// Longer ones are shortened to this L2 norm: `g <- g min(1, norm / (|g| + 1e-6))`, as in
    /// torch.
    Norm(f64),
    /// Each value is at most so far from 0.
    Value(f64),
}
