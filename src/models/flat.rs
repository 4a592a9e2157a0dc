//! A network as one flat vector: where each parameter lies, and what it is at first.

use super::Network;
use super::parameter::Initial;
use crate::seed::Stream;
use crate::weights::Layout;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Where each parameter lies in the flat vector.
pub fn layout(network: &dyn Network) -> Layout {
    let mut layout = Layout::default();
    let (trained, kept) = network.parameters().split_at(network.trained());
    for parameter in trained {
        layout.push(&parameter.name, &parameter.shape);
    }
    layout.end_trained();
    for parameter in kept {
        layout.push(&parameter.name, &parameter.shape);
    }
    layout
}

/// Initial weights, as each tensor starts.
pub fn initial(network: &dyn Network, layout: &Layout, stream: &mut Stream) -> Vec<f32> {
    let mut weights = vec![0.0; layout.length()];
    for (parameter, slot) in network.parameters().iter().zip(layout.slots()) {
        let tensor = &mut weights[slot.range()];
        match &parameter.initial {
            Initial::Uniform(bound) => tensor.fill_with(|| stream.random_range(-bound..*bound)),
            Initial::Normal(deviation) => tensor.fill_with(|| {
                let value: f32 = StandardNormal.sample(stream);
                *deviation * value
            }),
            Initial::Constant(value) => tensor.fill(*value),
            Initial::Stored(stored) => stored.write(tensor),
        }
    }
    weights
}
