//! `lr`, `lr_sigmoid`, `2nn` and `mlp`: linear layers with an activation between them.

use super::parameter::torch_layer;
use super::{Descent, Network, Noise, Pace, Parameter, Unfit, fitting_numbers, layer};
use crate::part;
use crate::part::{Range, words};
use crate::task::Facts;
use crate::weights::{Layout, Slot};
use fedmpi_kernels::dense::{self as kernels, Before};
use tch::Tensor;

words! {
    /// What is between layers.
    pub Activation {
        /// `max(x, 0)`, of which steps are written out.
        Relu = "relu";
        /// The hyperbolic tangent.
        Tanh = "tanh";
        /// `1 / (1 + exp(-x))`.
        Sigmoid = "sigmoid";
        /// `x` times the normal distribution up to `x`.
        Gelu = "gelu";
    }
}

impl Activation {
    fn of(self, values: &Tensor) -> Tensor {
        match self {
            Activation::Relu => values.relu(),
            Activation::Tanh => values.tanh(),
            Activation::Sigmoid => values.sigmoid(),
            Activation::Gelu => values.gelu("none"),
        }
    }
}

part! {
    /// Settings of `mlp`.
    pub Layers {
        hidden: Vec<f64> = "100,100", "UNITS", Range::COUNT,
            "of each hidden layer, one after another";
        activation: Activation = "relu", "relu|tanh|sigmoid|gelu", Range::ANY,
            "what is between layers";
    }
}

/// A stack of linear layers.
pub struct Dense {
    parameters: Vec<Parameter>,
    activation: Activation,
    ends_in_sigmoid: bool,
}

impl Dense {
    /// One layer.
    pub fn logistic(facts: &Facts) -> Result<Self, Unfit> {
        fitting_numbers(facts)?;
        let parameters = layer("linear", &[facts.task.outputs(), facts.width()]).into();
        Ok(Dense::rectified(parameters))
    }

    /// Layers with ReLU between them.
    fn rectified(parameters: Vec<Parameter>) -> Dense {
        Dense {
            parameters,
            activation: Activation::Relu,
            ends_in_sigmoid: false,
        }
    }

    /// Layers of any widths, with PyTorch's initial values.
    pub fn layers(settings: &Layers, facts: &Facts) -> Result<Self, Unfit> {
        fitting_numbers(facts)?;
        if let Some(units) = settings.hidden.iter().find(|units| units.fract() != 0.0) {
            return Unfit::new("whole numbers of units", format!("{units} asked for"));
        }
        let hidden = settings.hidden.iter().map(|&units| units as usize);
        let widths: Vec<usize> = [facts.width()]
            .into_iter()
            .chain(hidden)
            .chain([facts.task.outputs()])
            .collect();
        let pairs = widths.windows(2).enumerate();
        let layers = pairs.flat_map(|(depth, pair)| {
            torch_layer(&format!("fc{}", depth + 1), &[pair[1], pair[0]])
        });
        Ok(Dense {
            activation: settings.activation,
            ..Dense::rectified(layers.collect())
        })
    }

    /// One layer and a sigmoid, whose values are then taken for logits as FedML does: gradients are
    /// small, and the loss stays above `ln(1 + (classes - 1) / e)`.
    pub fn squashed(facts: &Facts) -> Result<Self, Unfit> {
        Ok(Dense {
            ends_in_sigmoid: true,
            ..Dense::logistic(facts)?
        })
    }

    /// Two hidden layers of 200.
    pub fn two_hidden(facts: &Facts) -> Result<Self, Unfit> {
        fitting_numbers(facts)?;
        let (width, outputs) = (facts.width(), facts.task.outputs());
        let layers = [
            layer("fc1", &[200, width]),
            layer("fc2", &[200, 200]),
            layer("fc3", &[outputs, 200]),
        ];
        Ok(Dense::rectified(layers.into_iter().flatten().collect()))
    }
}

impl Network for Dense {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, _: Option<&mut Noise>) -> Tensor {
        let mut layers = parameters.chunks_exact(2);
        let first = layers.next().expect("at least one layer");
        let output = batch.flatten(1, -1).linear(&first[0], Some(&first[1]));
        let output = layers.fold(output, |output, layer| {
            self.activation
                .of(&output)
                .linear(&layer[0], Some(&layer[1]))
        });
        if self.ends_in_sigmoid {
            output.sigmoid()
        } else {
            output
        }
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn descent(&self, layout: &Layout) -> Option<Box<dyn Descent>> {
        let is_written_out = self.activation == Activation::Relu && !self.ends_in_sigmoid;
        is_written_out.then(|| Box::new(Stack::new(layout.slots())) as Box<dyn Descent>)
    }
}

/// Steps of plain SGD through linear layers, written out. With `d = (softmax(z) - onehot(y)) / B`
/// at the top and inputs `h` of a layer: `W <- keep W + offset - lr d^T h`, `b` likewise with the
/// sum of `d`, and below it `d <- (d W) * (h > 0)` with the old `W`.
pub struct Stack {
    layers: Vec<Linear>,
}

/// One layer: where its weights lie, its inputs, and the gradient of its outputs.
struct Linear {
    weight: Slot,
    bias: Slot,
    inputs: Vec<f32>,
    gradient: Vec<f32>,
}

impl Linear {
    /// Weight and bias lie in a pair of slots.
    fn new(pair: &[Slot]) -> Linear {
        Linear {
            weight: pair[0].clone(),
            bias: pair[1].clone(),
            inputs: Vec::new(),
            gradient: Vec::new(),
        }
    }

    /// The gradient by its inputs: `d W`.
    fn below(&self, gradient: &mut Vec<f32>, weights: &[f32]) {
        let (width, outputs) = (self.weight.shape[1], self.bias.count());
        gradient.clear();
        gradient.resize(self.inputs.len(), 0.0);
        let weight = &weights[self.weight.range()];
        kernels::add_product(gradient, Before::Same, &self.gradient, [outputs, 1], weight, width);
    }

    /// Its own step.
    fn descend(&mut self, weights: &mut [f32], pace: &Pace<'_>) {
        let (width, outputs) = (self.weight.shape[1], self.bias.count());
        for value in &mut self.gradient {
            *value *= -pace.rate;
        }
        pace.apply(weights, self.bias.range());
        let before = pace.before(self.weight.range());
        let weight = &mut weights[self.weight.range()];
        kernels::add_product(weight, before, &self.gradient, [1, outputs], &self.inputs, width);
        let bias = &mut weights[self.bias.range()];
        for row in self.gradient.chunks_exact(outputs) {
            for (bias, step) in bias.iter_mut().zip(row) {
                *bias += step;
            }
        }
    }
}

impl Stack {
    /// Layers of which weight and bias lie in `slots`.
    pub fn new(slots: &[Slot]) -> Stack {
        Stack {
            layers: slots.chunks_exact(2).map(Linear::new).collect(),
        }
    }

    /// One step over a batch; gives the mean loss. When `below` is there, it becomes the gradient
    /// by the batch.
    pub fn step(
        &mut self,
        weights: &mut [f32],
        batch: &[f32],
        labels: &[u32],
        pace: &Pace<'_>,
        below: Option<&mut Vec<f32>>,
    ) -> f32 {
        let mut output = batch.to_vec();
        for (depth, layer) in self.layers.iter_mut().enumerate() {
            if depth > 0 {
                output.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            layer.inputs.clone_from(&output);
            output.resize(labels.len() * layer.bias.count(), 0.0);
            kernels::affine(
                &layer.inputs,
                &weights[layer.weight.range()],
                &weights[layer.bias.range()],
                &mut output,
            );
        }
        let loss = kernels::cross_entropy(&mut output, labels);
        self.descend(weights, output, pace, below);
        loss
    }

    /// From the last layer to the first: the gradient of its inputs, then its own step.
    fn descend(
        &mut self,
        weights: &mut [f32],
        gradient: Vec<f32>,
        pace: &Pace<'_>,
        below: Option<&mut Vec<f32>>,
    ) {
        let wanted = below.is_some();
        let mut gradient = gradient;
        for (depth, layer) in self.layers.iter_mut().enumerate().rev() {
            layer.gradient.clone_from(&gradient);
            if depth > 0 || wanted {
                layer.below(&mut gradient, weights);
            }
            if depth > 0 {
                let active = gradient.iter_mut().zip(&layer.inputs);
                active.for_each(|(gradient, &input)| {
                    *gradient = if input > 0.0 { *gradient } else { 0.0 }
                });
            }
            layer.descend(weights, pace);
        }
        if let Some(below) = below {
            *below = gradient;
        }
    }
}

impl Descent for Stack {
    fn step(&mut self, weights: &mut [f32], batch: &[f32], labels: &[u32], pace: &Pace<'_>) -> f32 {
        Stack::step(self, weights, batch, labels, pace, None)
    }
}
