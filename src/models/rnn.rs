//! `rnn`: characters by an embedding of 8, two LSTM layers of 256 and a linear layer (McMahan et al. 2017's Shakespeare
//! model, as LEAF and FedML have it, with PyTorch's two biases a layer). Where the target is one token the last step
//! answers, else every step.

use super::{Network, Noise, Parameter, Unfit, fitting_tokens, layer, named, uniform};
use crate::task::Facts;
use tch::{Kind, Tensor};

const EMBEDDING: usize = 8;
const HIDDEN: usize = 256;
const LAYERS: usize = 2;

/// The network.
pub struct Rnn {
    parameters: Vec<Parameter>,
    every_step: bool,
}

impl Rnn {
    /// For tokens as the data has them.
    pub fn new(facts: &Facts) -> Result<Self, Unfit> {
        fitting_tokens(facts)?;
        let vocabulary = facts.task.outputs();
        let bound = 1.0 / (HIDDEN as f32).sqrt();
        let mut parameters = vec![named("embedding.weight", &[vocabulary, EMBEDDING], uniform(3f32.sqrt()))];
        for depth in 0..LAYERS {
            let inputs = if depth == 0 { EMBEDDING } else { HIDDEN };
            for (name, shape) in [
                ("weight_ih", &[4 * HIDDEN, inputs][..]),
                ("weight_hh", &[4 * HIDDEN, HIDDEN]),
                ("bias_ih", &[4 * HIDDEN]),
                ("bias_hh", &[4 * HIDDEN]),
            ] {
                parameters.push(named(format!("lstm.{name}_l{depth}"), shape, uniform(bound)));
            }
        }
        parameters.extend(layer("fc", &[vocabulary, HIDDEN]));
        Ok(Rnn { parameters, every_step: facts.targets > 1 })
    }
}

impl Network for Rnn {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, _: Option<&mut Noise>) -> Tensor {
        let (embedding, rest) = parameters.split_first().expect("an embedding first");
        let (lstm, last) = rest.split_at(4 * LAYERS);
        let characters = Tensor::embedding(embedding, batch, -1, false, false);
        let start = Tensor::zeros([LAYERS as i64, batch.size()[0], HIDDEN as i64], (Kind::Float, batch.device()));
        let (steps, ..) = characters.lstm(
            &[&start, &start],
            &lstm.iter().collect::<Vec<_>>(),
            true,
            LAYERS as i64,
            0.0,
            false,
            false,
            true,
        );
        let answer = if self.every_step { steps } else { steps.select(1, -1) };
        answer.linear(&last[0], Some(&last[1]))
    }
}
