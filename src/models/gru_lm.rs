//! `gru_lm`: words by an embedding, one GRU layer, and back to words by the same table (FLUTE's
//! `nlg_gru`). With one target more than inputs the first word is predicted too, from a state of
//! zeros, as FLUTE does it.
//!
//! A step: `r = sigmoid(W_r x + U_r h)`, `z = sigmoid(W_z x + U_z h)`, `n = tanh(W_n x + r (U_n
//! h))`, `h <- n + z (h - n)`, with biases on both sides: PyTorch's GRU to the letter.

use super::noise::dropped;
use super::parameter::torch_layer;
use super::{
    Network, Noise, Parameter, Unfit, constant, fitting_tokens, named, recurrent, uniform,
};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use tch::Tensor;

part! {
    /// Settings of `gru_lm`.
    pub Words {
        embedding: u32 = "160", "VALUES", Range::COUNT, "values that a token becomes";
        units: u32 = "512", "UNITS", Range::COUNT, "of each recurrent layer";
        dropout: f64 = "0", "SHARE", Range::FRACTION, "of values that are dropped in training";
    }
}

/// Which states answer.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    /// The last.
    Last,
    /// That after each token.
    Each,
    /// That before the first token, too.
    All,
}

/// The network.
pub struct GruLm {
    parameters: Vec<Parameter>,
    units: i64,
    dropout: f64,
    answers: Answers,
}

impl GruLm {
    /// For rows of tokens with one target, as many, or one more.
    pub fn new(settings: &Words, facts: &Facts) -> Result<Self, Unfit> {
        fitting_tokens(facts)?;
        let answers = match facts.targets {
            1 => Answers::Last,
            targets if targets == facts.width() => Answers::Each,
            targets if targets == facts.width() + 1 => Answers::All,
            targets => {
                return Unfit::new(
                    "a target for each token, or one more",
                    format!("{targets} targets a row"),
                );
            }
        };
        let vocabulary = facts.task.outputs();
        let [embedding, units] = [settings.embedding, settings.units].map(|count| count as usize);
        let bound = (3.0 / embedding as f32).sqrt();
        let table = named("embedding.table", &[vocabulary, embedding], uniform(bound));
        let mut parameters = vec![
            table,
            constant("embedding.unembedding_bias", vocabulary, 0.0),
        ];
        parameters.extend(torch_layer("rnn.w_ih", &[3 * units, embedding]));
        parameters.extend(torch_layer("rnn.w_hh", &[3 * units, units]));
        let [squeeze, _] = torch_layer("squeeze", &[embedding, units]);
        parameters.push(squeeze);
        Ok(GruLm {
            parameters,
            units: units as i64,
            dropout: settings.dropout,
            answers,
        })
    }
}

impl Network for GruLm {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn forward(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        mut noise: Option<&mut Noise>,
    ) -> Tensor {
        let [table, bias, inner, inner_bias, outer, outer_bias, squeeze] = parameters else {
            unreachable!("seven tensors")
        };
        let tokens = Tensor::embedding(table, batch, -1, false, false);
        let (start, steps) =
            recurrent::gru(&tokens, &[inner, outer, inner_bias, outer_bias], self.units);
        let states = match self.answers {
            Answers::Last => steps.select(1, -1),
            Answers::Each => steps,
            Answers::All => Tensor::cat(&[start.transpose(0, 1), steps], 1),
        };
        let states = dropped(&mut noise, states, self.dropout);
        states
            .linear::<&Tensor>(squeeze, None)
            .linear(table, Some(bias))
    }
}
