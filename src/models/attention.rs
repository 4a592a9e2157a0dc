//! What transformers share: attention of heads, and a layer of attention and two linear layers,
//! each added to what came in and normalised after that (Vaswani et al. 2017).

use super::Noise;
use super::noise::dropped;
use tch::Tensor;

/// How layers of a transformer work.
pub(super) struct Manner {
    /// Heads of attention, among which the values are divided.
    pub heads: i64,
    /// Share of values that are dropped in training.
    pub dropout: f64,
    /// Whether it is dropped between the two linear layers, too.
    pub drops_inside: bool,
    /// What is between the two linear layers.
    pub activation: fn(&Tensor) -> Tensor,
    /// What a variance is never below.
    pub epsilon: f64,
}

/// A weight and its bias.
pub(super) type Pair<'a> = [&'a Tensor; 2];

/// The tensors of a layer.
pub(super) struct Layer<'a> {
    pub query: Pair<'a>,
    pub key: Pair<'a>,
    pub value: Pair<'a>,
    pub output: Pair<'a>,
    pub first_norm: Pair<'a>,
    pub widen: Pair<'a>,
    pub narrow: Pair<'a>,
    pub second_norm: Pair<'a>,
}

/// A linear layer.
pub(super) fn linear(input: &Tensor, [weight, bias]: Pair<'_>) -> Tensor {
    input.linear(weight, Some(bias))
}

impl Manner {
    /// Normalised over the values of each place.
    pub fn norm(&self, input: &Tensor, [weight, bias]: Pair<'_>) -> Tensor {
        input.layer_norm(weight.size(), Some(weight), Some(bias), self.epsilon, false)
    }

    /// A layer over `[rows, places, values]`. `mask`, which goes to `[rows, heads, places,
    /// places]`, is added to scores: 0 where a place may look, minus infinity where not.
    pub fn layer(
        &self,
        input: Tensor,
        layer: &Layer<'_>,
        mask: Option<&Tensor>,
        noise: &mut Option<&mut Noise>,
    ) -> Tensor {
        let seen = linear(&self.attend(&input, layer, mask, noise), layer.output);
        let middle = self.norm(&(input + dropped(noise, seen, self.dropout)), layer.first_norm);
        let wide = (self.activation)(&linear(&middle, layer.widen));
        let wide = if self.drops_inside {
            dropped(noise, wide, self.dropout)
        } else {
            wide
        };
        let narrow = dropped(noise, linear(&wide, layer.narrow), self.dropout);
        self.norm(&(middle + narrow), layer.second_norm)
    }

    /// `softmax(q k^T / sqrt(d) + mask) v` of each head, side by side.
    fn attend(
        &self,
        input: &Tensor,
        layer: &Layer<'_>,
        mask: Option<&Tensor>,
        noise: &mut Option<&mut Noise>,
    ) -> Tensor {
        let size = input.size();
        let [rows, places, values] = [size[0], size[1], size[2]];
        let width = values / self.heads;
        let heads = |pair| {
            linear(input, pair)
                .view([rows, places, self.heads, width])
                .transpose(1, 2)
        };
        let query = heads(layer.query) * (1.0 / (width as f64).sqrt());
        let scores = query.matmul(&heads(layer.key).transpose(2, 3));
        let scores = match mask {
            Some(mask) => scores + mask,
            None => scores,
        };
        let shares = dropped(noise, scores.softmax(-1, scores.kind()), self.dropout);
        shares
            .matmul(&heads(layer.value))
            .transpose(1, 2)
            .reshape([rows, places, values])
    }
}
