//! `transformer_lm`: the next word by a transformer that looks back only (Wang et al. 2021's guide,
//! as pfl-research has it; 1,962,720 parameters for 10,002 words): a table that is also the last
//! layer, waves for places, and layers that normalise last, with PyTorch's names and initial
//! values. Where the target is one token the last place answers.

use super::attention::{Layer, Manner};
use super::parameter::torch_layer;
use super::{Network, Noise, Parameter, Unfit, constant, fitting_tokens, named, uniform, weight};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use std::cell::OnceCell;
use tch::{Device, Kind, Tensor};

part! {
    /// Settings of `transformer_lm`.
    pub Causal {
        embedding: u32 = "96", "VALUES", Range::COUNT, "values that a token becomes";
        heads: u32 = "8", "HEADS", Range::COUNT, "of attention, which divide the values";
        layers: u32 = "3", "LAYERS", Range::between(1.0, 64.0), "how many, one above the other";
        inner: u32 = "1536", "UNITS", Range::COUNT, "between the two linear layers of a layer";
        dropout: f64 = "0.1", "SHARE", Range::FRACTION, "of values that are dropped in training";
    }
}

/// Tensors of a layer.
const EACH: usize = 12;

/// The network.
pub struct TransformerLm {
    parameters: Vec<Parameter>,
    manner: Manner,
    every_place: bool,
    // All rows have as many places.
    waves: OnceCell<Tensor>,
}

impl TransformerLm {
    /// For tokens as the data has them.
    pub fn new(settings: &Causal, facts: &Facts) -> Result<Self, Unfit> {
        fitting_tokens(facts)?;
        let [width, heads, inner] =
            [settings.embedding, settings.heads, settings.inner].map(|count| count as usize);
        if width % heads != 0 {
            return Unfit::new(
                "an embedding that its heads divide",
                format!("{width} and {heads} asked for"),
            );
        }
        let mut parameters = vec![named(
            "embeddings.weight",
            &[facts.task.outputs(), width],
            uniform(0.05),
        )];
        (0..settings.layers).for_each(|layer| parameters.extend(tensors(layer, width, inner)));
        let manner = Manner {
            heads: heads as i64,
            dropout: settings.dropout,
            drops_inside: true,
            activation: Tensor::relu,
            epsilon: 1e-5,
        };
        Ok(TransformerLm {
            parameters,
            manner,
            every_place: facts.targets > 1,
            waves: OnceCell::new(),
        })
    }
}

fn tensors(layer: u32, width: usize, inner: usize) -> Vec<Parameter> {
    let at = |part: &str| format!("transformer_encoder.layers.{layer}.{part}");
    let norm = |name: &str| norm(&at(name), width);
    let [output, _] = torch_layer(&at("self_attn.out_proj"), &[width, width]);
    let attention = [
        weight(at("self_attn.in_proj_weight"), &[3 * width, width]),
        constant(at("self_attn.in_proj_bias"), 3 * width, 0.0),
        output,
        constant(at("self_attn.out_proj.bias"), width, 0.0),
    ];
    let linear = [
        torch_layer(&at("linear1"), &[inner, width]),
        torch_layer(&at("linear2"), &[width, inner]),
    ];
    let norms = [norm("norm1"), norm("norm2")];
    attention
        .into_iter()
        .chain(linear.into_iter().chain(norms).flatten())
        .collect()
}

fn norm(name: &str, width: usize) -> [Parameter; 2] {
    [
        constant(format!("{name}.weight"), width, 1.0),
        constant(format!("{name}.bias"), width, 0.0),
    ]
}

/// Sines and cosines of places, `[places, values]`: `sin(p / 10000^(2i / d))` at value `2i`, the
/// cosine beside it.
fn waves([places, width]: [i64; 2], (kind, device): (Kind, Device)) -> Tensor {
    let mut all = Vec::with_capacity((places * width) as usize);
    for place in 0..places {
        for value in 0..width {
            let angle = place as f64 / 10_000f64.powf((value / 2 * 2) as f64 / width as f64);
            all.push(if value % 2 == 0 {
                angle.sin()
            } else {
                angle.cos()
            });
        }
    }
    Tensor::from_slice(&all)
        .view([places, width])
        .to_device(device)
        .to_kind(kind)
}

/// Minus infinity for places that come later.
fn backwards(places: i64, options: (Kind, Device)) -> Tensor {
    Tensor::full([places, places], f64::NEG_INFINITY, options).triu(1)
}

/// Weight and bias of a third of what makes query, key and value.
fn third(joint: &Tensor, joint_bias: &Tensor, place: i64, width: i64) -> [Tensor; 2] {
    [joint, joint_bias].map(|tensor| tensor.narrow(0, place * width, width))
}

/// A layer by its tensors, of which the first two are in thirds.
fn layer<'a>(tensors: &'a [Tensor], thirds: &'a [[Tensor; 2]; 3]) -> Layer<'a> {
    let pair = |place: usize| [&tensors[place], &tensors[place + 1]];
    let [query, key, value] = thirds.each_ref().map(|[weight, bias]| [weight, bias]);
    Layer {
        query,
        key,
        value,
        output: pair(2),
        widen: pair(4),
        narrow: pair(6),
        first_norm: pair(8),
        second_norm: pair(10),
    }
}

impl Network for TransformerLm {
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
        let (table, rest) = parameters.split_first().expect("an embedding first");
        let [places, width] = [batch.size()[1], table.size()[1]];
        let options = (table.kind(), table.device());
        let mask = backwards(places, options);
        let tokens = Tensor::embedding(table, batch, -1, false, false) * (width as f64).sqrt();
        let waves = self.waves.get_or_init(|| waves([places, width], options));
        let mut values = tokens + waves;
        for tensors in rest.chunks_exact(EACH) {
            let thirds = [0, 1, 2].map(|place| third(&tensors[0], &tensors[1], place, width));
            let layer = layer(tensors, &thirds);
            values = self.manner.layer(values, &layer, Some(&mask), &mut noise);
        }
        let answer = if self.every_place {
            values
        } else {
            values.select(1, -1)
        };
        answer.linear::<&Tensor>(table, None)
    }
}
