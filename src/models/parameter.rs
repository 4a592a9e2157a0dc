//! Tensors of a model, and what they start as.

use std::rc::Rc;

/// One tensor of a model: its name, its shape, and what it starts as.
#[derive(Clone)]
pub struct Parameter {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) initial: Initial,
}

impl Parameter {
    /// The same tensor, starting with these values.
    pub(super) fn starting(&self, values: &[f32]) -> Parameter {
        let own = values.to_vec();
        let stored: Stored = Rc::new(move |values: &mut [f32]| values.copy_from_slice(&own));
        Parameter { initial: Initial::Stored(stored), ..self.clone() }
    }
}

/// Writes all values of a tensor.
pub(super) type Stored = Rc<dyn Fn(&mut [f32])>;

/// What a tensor starts as.
#[derive(Clone)]
pub(super) enum Initial {
    /// Uniform within plus and minus this.
    Uniform(f32),
    /// The same everywhere.
    Constant(f32),
    /// What writes the values, which are stored elsewhere.
    Stored(Stored),
}

/// A tensor of weights: uniform within `sqrt(6 / (inputs + outputs))` of a unit (Glorot and Bengio
/// 2010), so that signals and gradients keep their size through the layers.
pub(super) fn weight(name: impl Into<String>, shape: &[usize]) -> Parameter {
    let area: usize = shape[2..].iter().product();
    let bound = (6.0 / (area * (shape[0] + shape[1])) as f32).sqrt();
    Parameter { name: name.into(), shape: shape.to_vec(), initial: Initial::Uniform(bound) }
}

/// A tensor that starts the same everywhere.
pub(super) fn constant(name: impl Into<String>, length: usize, value: f32) -> Parameter {
    Parameter { name: name.into(), shape: vec![length], initial: Initial::Constant(value) }
}

/// A tensor of any shape.
pub(super) fn named(name: impl Into<String>, shape: &[usize], initial: Initial) -> Parameter {
    Parameter { name: name.into(), shape: shape.to_vec(), initial }
}

/// Uniform within plus and minus a bound.
pub(super) fn uniform(bound: f32) -> Initial {
    Initial::Uniform(bound)
}

/// The same everywhere.
pub(super) fn filled(value: f32) -> Initial {
    Initial::Constant(value)
}

/// `NAME.weight` of this shape (outputs, inputs, kernel) and a zero `NAME.bias`.
pub(super) fn layer(name: &str, shape: &[usize]) -> [Parameter; 2] {
    [weight(format!("{name}.weight"), shape), constant(format!("{name}.bias"), shape[0], 0.0)]
}
