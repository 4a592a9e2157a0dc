//! Tensors of a model, and what they start as.

use std::fmt;
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
        let stored = Stored::new(move |values| values.copy_from_slice(&own));
        Parameter {
            initial: Initial::Stored(stored),
            ..self.clone()
        }
    }
}

/// What writes all values of a tensor.
#[derive(Clone)]
pub(super) struct Stored(Rc<Fill>);

/// Writes numbers to a tensor.
type Fill = dyn Fn(&mut [f32]);

impl Stored {
    pub(super) fn new(write: impl Fn(&mut [f32]) + 'static) -> Stored {
        Stored(Rc::new(write))
    }

    pub(super) fn write(&self, values: &mut [f32]) {
        (self.0)(values);
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("stored elsewhere")
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Stored) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// What a tensor starts as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Initial {
    /// Uniform within plus and minus this.
    Uniform(f32),
    /// Normal around zero with this deviation.
    Normal(f32),
    /// The same everywhere.
    Constant(f32),
    /// What is stored elsewhere.
    Stored(Stored),
}

/// A tensor of weights: uniform within `sqrt(6 / (inputs + outputs))` of a unit (Glorot and Bengio
/// 2010), so that signals and gradients keep their size through the layers.
pub(super) fn weight(name: impl Into<String>, shape: &[usize]) -> Parameter {
    let area: usize = shape[2..].iter().product();
    let bound = (6.0 / (area * (shape[0] + shape[1])) as f32).sqrt();
    Parameter {
        name: name.into(),
        shape: shape.to_vec(),
        initial: Initial::Uniform(bound),
    }
}

/// A tensor that starts the same everywhere.
pub(super) fn constant(name: impl Into<String>, length: usize, value: f32) -> Parameter {
    Parameter {
        name: name.into(),
        shape: vec![length],
        initial: Initial::Constant(value),
    }
}

/// A tensor of any shape.
pub(super) fn named(name: impl Into<String>, shape: &[usize], initial: Initial) -> Parameter {
    Parameter {
        name: name.into(),
        shape: shape.to_vec(),
        initial,
    }
}

/// Uniform within plus and minus a bound.
pub(super) fn uniform(bound: f32) -> Initial {
    Initial::Uniform(bound)
}

/// The same everywhere.
pub(super) fn filled(value: f32) -> Initial {
    Initial::Constant(value)
}

/// Normal around zero with a deviation.
pub(super) fn normal(deviation: f32) -> Initial {
    Initial::Normal(deviation)
}

/// `NAME.weight` of this shape (outputs, inputs, kernel) and `NAME.bias`, as PyTorch starts them.
pub(super) fn torch_layer(name: &str, shape: &[usize]) -> [Parameter; 2] {
    let [weight, bias] = Start::TORCH.of(shape);
    [
        named(format!("{name}.weight"), shape, weight),
        named(format!("{name}.bias"), &shape[..1], bias),
    ]
}

/// `NAME.weight` of this shape (outputs, inputs, kernel) and a zero `NAME.bias`.
pub(super) fn layer(name: &str, shape: &[usize]) -> [Parameter; 2] {
    [
        weight(format!("{name}.weight"), shape),
        constant(format!("{name}.bias"), shape[0], 0.0),
    ]
}

/// How a tensor starts, by the numbers of values that reach and leave a unit of its layer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Law {
    /// Zeros.
    Zero,
    /// Uniform within `sqrt(6 / (inputs + outputs))` (Glorot and Bengio 2010).
    Glorot,
    /// Uniform within `1 / sqrt(inputs)`: what PyTorch does unless told otherwise.
    ByInputs,
    /// Uniform within `1 / sqrt(outputs)`.
    ByOutputs,
    /// Normal with deviation `sqrt(2 / outputs)` (He et al. 2015, by outputs).
    He,
    /// Normal with this deviation.
    Normal(f32),
}

impl Law {
    fn initial(self, inputs: usize, outputs: usize) -> Initial {
        let (inputs, outputs) = (inputs as f32, outputs as f32);
        match self {
            Law::Zero => Initial::Constant(0.0),
            Law::Glorot => Initial::Uniform((6.0 / (inputs + outputs)).sqrt()),
            Law::ByInputs => Initial::Uniform(inputs.sqrt().recip()),
            Law::ByOutputs => Initial::Uniform(outputs.sqrt().recip()),
            Law::He => Initial::Normal((2.0 / outputs).sqrt()),
            Law::Normal(deviation) => Initial::Normal(deviation),
        }
    }
}

/// How the layers of a model start: weight and bias of its convolutions, and of its linear layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    convolution: [Law; 2],
    linear: [Law; 2],
}

impl Start {
    /// As Keras has it, and TensorFlow Federated's models.
    pub(super) const KERAS: Start = Start::alike(Law::Glorot, Law::Zero);
    /// As PyTorch has it.
    pub(super) const TORCH: Start = Start::alike(Law::ByInputs, Law::ByInputs);
    /// As pfl-research has it: Keras' weights and PyTorch's biases.
    pub(super) const MIXED: Start = Start::alike(Law::Glorot, Law::ByInputs);
    /// As torchvision's residual networks have it.
    pub(super) const RESNET: Start = Start {
        convolution: [Law::He, Law::Zero],
        ..Start::TORCH
    };
    /// As torchvision's VGG and MobileNetV3 have it.
    pub(super) const VGG: Start = Start {
        linear: [Law::Normal(0.01), Law::Zero],
        ..Start::RESNET
    };
    /// As torchvision's EfficientNet has it.
    pub(super) const EFFICIENT: Start = Start {
        linear: [Law::ByOutputs, Law::Zero],
        ..Start::RESNET
    };

    const fn alike(weight: Law, bias: Law) -> Start {
        Start {
            convolution: [weight, bias],
            linear: [weight, bias],
        }
    }

    /// Weight and bias of a layer whose weight has this shape: `[outputs, inputs]` and the kernel
    /// of a convolution.
    pub(super) fn of(self, shape: &[usize]) -> [Initial; 2] {
        let area: usize = shape[2..].iter().product();
        let laws = if shape.len() == 2 {
            self.linear
        } else {
            self.convolution
        };
        laws.map(|law| law.initial(area * shape[1], area * shape[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_start_as_their_frameworks_have_it() {
        let [weight, bias] = Start::TORCH.of(&[32, 4, 3, 3]);
        assert_eq!([weight, bias], [Initial::Uniform(1.0 / 6.0), Initial::Uniform(1.0 / 6.0)]);
        assert_eq!(Start::KERAS.of(&[20, 4]), [Initial::Uniform(0.5), Initial::Constant(0.0)]);
        // Whatever the groups, torch counts 32 * 9 values that leave.
        assert_eq!(Start::RESNET.of(&[32, 1, 3, 3])[0], Initial::Normal((2f32 / 288.0).sqrt()));
        assert_eq!(Start::VGG.of(&[10, 4]), [Initial::Normal(0.01), Initial::Constant(0.0)]);
        assert_eq!(Start::EFFICIENT.of(&[16, 4])[0], Initial::Uniform(0.25));
    }
}
