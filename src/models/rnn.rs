//! `rnn` and `rnn_stackoverflow`: tokens by an embedding, LSTM layers and linear layers, with
//! PyTorch's two biases a layer and its initial values. Where the target is one token the last step
//! answers, else every step.
//!
//! `rnn` is McMahan et al. 2017's Shakespeare model as LEAF (the last step) and FedML (on
//! fed_shakespeare every step) have it: an embedding of 8 and two layers of 256.
//! `rnn_stackoverflow` is Reddi et al. 2021's: an embedding of 96, a layer of 670, and 96 values
//! before the words.

use super::parameter::torch_layer;
use super::{Network, Noise, Parameter, Unfit, fitting_tokens, named, normal, recurrent, uniform};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use tch::Tensor;

part! {
    /// Settings of `rnn`.
    pub Characters {
        embedding: u32 = "8", "VALUES", Range::COUNT, "values that a token becomes";
        units: u32 = "256", "UNITS", Range::COUNT, "of each recurrent layer";
        layers: u32 = "2", "LAYERS", Range::between(1.0, 64.0), "how many, one above the other";
    }
}

/// The network.
pub struct Rnn {
    parameters: Vec<Parameter>,
    layers: usize,
    units: i64,
    every_step: bool,
}

impl Rnn {
    /// Characters, or any tokens.
    pub fn characters(settings: &Characters, facts: &Facts) -> Result<Self, Unfit> {
        let [embedding, units] = [settings.embedding, settings.units].map(|count| count as usize);
        let last = torch_layer("fc", &[facts.task.outputs(), units]);
        Rnn::new(facts, [embedding, units, settings.layers as usize], last.into())
    }

    /// Words.
    pub fn words(facts: &Facts) -> Result<Self, Unfit> {
        let (embedding, units) = (96, 670);
        let narrow = torch_layer("fc1", &[embedding, units]);
        let last = torch_layer("fc2", &[facts.task.outputs(), embedding]);
        Rnn::new(facts, [embedding, units, 1], narrow.into_iter().chain(last).collect())
    }

    fn new(facts: &Facts, sizes: [usize; 3], head: Vec<Parameter>) -> Result<Self, Unfit> {
        fitting_tokens(facts)?;
        let [embedding, units, layers] = sizes;
        let mut parameters = vec![named(
            "embedding.weight",
            &[facts.task.outputs(), embedding],
            normal(1.0),
        )];
        let inputs = [embedding].into_iter().chain(vec![units; layers - 1]);
        parameters.extend(
            inputs
                .enumerate()
                .flat_map(|(depth, inputs)| cells("lstm", depth, inputs, units)),
        );
        parameters.extend(head);
        Ok(Rnn {
            parameters,
            layers,
            units: units as i64,
            every_step: facts.targets > 1,
        })
    }
}

/// Tensors of an LSTM layer, with PyTorch's names and initial values.
pub(super) fn cells(name: &str, depth: usize, inputs: usize, units: usize) -> [Parameter; 4] {
    let bound = 1.0 / (units as f32).sqrt();
    let tensor = |part: &str, shape: &[usize]| {
        named(format!("{name}.{part}_l{depth}"), shape, uniform(bound))
    };
    [
        tensor("weight_ih", &[4 * units, inputs]),
        tensor("weight_hh", &[4 * units, units]),
        tensor("bias_ih", &[4 * units]),
        tensor("bias_hh", &[4 * units]),
    ]
}

impl Network for Rnn {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, _: Option<&mut Noise>) -> Tensor {
        let (embedding, rest) = parameters.split_first().expect("an embedding first");
        let (lstm, head) = rest.split_at(4 * self.layers);
        let tokens = Tensor::embedding(embedding, batch, -1, false, false);
        let lstm: Vec<&Tensor> = lstm.iter().collect();
        let (steps, ..) = recurrent::lstm(&tokens, &lstm, self.units);
        let answer = if self.every_step {
            steps
        } else {
            steps.select(1, -1)
        };
        head.chunks_exact(2)
            .fold(answer, |values, layer| values.linear(&layer[0], Some(&layer[1])))
    }
}
