//! `bert`: Devlin et al. 2019's encoder with the head for masked tokens, whose last layer is the
//! table of tokens. Tensors have the names of Hugging Face's `BertForMaskedLM`, so that its files
//! fit; its unused pooler and the second kind of segments' are not trained on. Padding is not
//! looked at. Initial values are normal with deviation 0.02.
//!
//! Words are asked for only where tokens were hidden: with 15 % of the places that is most of the
//! work saved.

use super::attention::{Layer, Manner, Pair, linear};
use super::noise::dropped;
use super::{Network, Noise, Parameter, Unfit, constant, fitting_tokens, named, normal};
use crate::part;
use crate::part::{Range, words};
use crate::task::{Facts, Task};
use tch::{Kind, Tensor};

words! {
    /// Sizes as Turc et al. 2019 name them.
    pub Size {
        /// Two layers of 128.
        Tiny = "tiny";
        /// Four layers of 256.
        Mini = "mini";
        /// Four layers of 512.
        Small = "small";
        /// Eight layers of 512.
        Medium = "medium";
        /// Twelve layers of 768.
        Base = "base";
    }
}

impl Size {
    /// Layers, values of a place, heads.
    fn of(self) -> [usize; 3] {
        match self {
            Size::Tiny => [2, 128, 2],
            Size::Mini => [4, 256, 4],
            Size::Small => [4, 512, 8],
            Size::Medium => [8, 512, 8],
            Size::Base => [12, 768, 12],
        }
    }
}

part! {
    /// Settings of `bert`.
    pub Encoder {
        size: Size = "tiny", "tiny|mini|small|medium|base", Range::ANY,
            "2 layers of 128, 4 of 256, 4 of 512, 8 of 512, 12 of 768";
        places: u32 = "512", "TOKENS", Range::COUNT, "the longest row";
        dropout: f64 = "0.1", "SHARE", Range::FRACTION, "of values that are dropped in training";
    }
}

const DEVIATION: f32 = 0.02;
/// Kinds of segments; only the first is used.
const SEGMENTS: usize = 2;
/// Tensors before the layers, of each layer, and after them.
const BEFORE: usize = 5;
const EACH: usize = 16;

/// The network.
pub struct Bert {
    parameters: Vec<Parameter>,
    manner: Manner,
    padding: Option<u32>,
}

impl Bert {
    /// For rows of tokens of which some are hidden.
    pub fn new(settings: &Encoder, facts: &Facts) -> Result<Self, Unfit> {
        fitting_tokens(facts)?;
        let Task::Masked {
            vocabulary,
            padding,
            ..
        } = facts.task
        else {
            return Unfit::new(
                "rows of which tokens are hidden",
                "rows of which the next token is learned",
            );
        };
        let [layers, width, heads] = settings.size.of();
        if facts.width() > settings.places as usize {
            return Unfit::new(
                "rows no longer than its `places`",
                format!("rows of {} tokens", facts.width()),
            );
        }
        let manner = Manner {
            heads: heads as i64,
            dropout: settings.dropout,
            drops_inside: false,
            activation: |values| values.gelu("none"),
            epsilon: 1e-12,
        };
        let parameters = tensors(vocabulary, settings.places as usize, layers, width);
        Ok(Bert {
            parameters,
            manner,
            padding,
        })
    }
}

fn dense(name: &str, outputs: usize, inputs: usize) -> [Parameter; 2] {
    let weight = named(format!("{name}.weight"), &[outputs, inputs], normal(DEVIATION));
    [weight, constant(format!("{name}.bias"), outputs, 0.0)]
}

fn norm(name: &str, width: usize) -> [Parameter; 2] {
    let name = format!("{name}.LayerNorm");
    [
        constant(format!("{name}.weight"), width, 1.0),
        constant(format!("{name}.bias"), width, 0.0),
    ]
}

fn tensors(vocabulary: usize, places: usize, layers: usize, width: usize) -> Vec<Parameter> {
    let table = |name: &str, rows: usize| {
        let name = format!("bert.embeddings.{name}_embeddings.weight");
        named(name, &[rows, width], normal(DEVIATION))
    };
    let mut all = vec![
        table("word", vocabulary),
        table("position", places),
        table("token_type", SEGMENTS),
    ];
    all.extend(norm("bert.embeddings", width));
    for layer in 0..layers {
        let at = |part: &str| format!("bert.encoder.layer.{layer}.{part}");
        for part in ["query", "key", "value"] {
            all.extend(dense(&at(&format!("attention.self.{part}")), width, width));
        }
        all.extend(dense(&at("attention.output.dense"), width, width));
        all.extend(norm(&at("attention.output"), width));
        all.extend(dense(&at("intermediate.dense"), 4 * width, width));
        all.extend(dense(&at("output.dense"), width, 4 * width));
        all.extend(norm(&at("output"), width));
    }
    all.push(constant("cls.predictions.bias", vocabulary, 0.0));
    all.extend(dense("cls.predictions.transform.dense", width, width));
    all.extend(norm("cls.predictions.transform", width));
    all
}

/// The pairs of tensors, one after another.
fn pairs(tensors: &[Tensor]) -> impl Iterator<Item = Pair<'_>> {
    tensors.chunks_exact(2).map(|pair| [&pair[0], &pair[1]])
}

fn layer(tensors: &[Tensor]) -> Layer<'_> {
    let mut pairs = pairs(tensors);
    let mut next = || pairs.next().expect("eight pairs a layer");
    Layer {
        query: next(),
        key: next(),
        value: next(),
        output: next(),
        first_norm: next(),
        widen: next(),
        narrow: next(),
        second_norm: next(),
    }
}

impl Bert {
    /// Tokens with their place, normalised.
    fn embed(&self, tensors: &[Tensor], batch: &Tensor) -> Tensor {
        let [words, places, segments, weight, bias] = tensors else {
            unreachable!("five tensors before the layers")
        };
        let padding = self.padding.map_or(-1, i64::from);
        let tokens = Tensor::embedding(words, batch, padding, false, false);
        let all = tokens + segments.select(0, 0) + places.narrow(0, 0, batch.size()[1]);
        self.manner.norm(&all, [weight, bias])
    }

    /// Minus infinity where tokens are padding, for every place that looks there.
    fn mask(&self, batch: &Tensor, kind: Kind) -> Option<Tensor> {
        let padding = i64::from(self.padding?);
        let nothing = batch.eq(padding).unsqueeze(1).unsqueeze(1);
        let zeros = Tensor::zeros(nothing.size(), (kind, batch.device()));
        // Not infinity: a row of nothing but padding would have no number at all.
        Some(zeros.masked_fill(&nothing, f64::from(f32::MIN)))
    }

    /// What the encoder says of every place.
    fn encode(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        mut noise: Option<&mut Noise>,
    ) -> Tensor {
        let (first, rest) = parameters.split_at(BEFORE);
        let layers = rest.chunks_exact(EACH);
        let start = dropped(&mut noise, self.embed(first, batch), self.manner.dropout);
        let mask = self.mask(batch, start.kind());
        layers.fold(start, |values, tensors| {
            self.manner
                .layer(values, &layer(tensors), mask.as_ref(), &mut noise)
        })
    }

    /// Logits of words for places `[..., values]`.
    fn words(&self, parameters: &[Tensor], places: &Tensor) -> Tensor {
        let [bias, weight, shift, scale, offset] = &parameters[parameters.len() - 5..] else {
            unreachable!("five tensors after the layers")
        };
        let turned = linear(places, [weight, shift]).gelu("none");
        linear(&self.manner.norm(&turned, [scale, offset]), [&parameters[0], bias])
    }
}

impl Network for Bert {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        self.words(parameters, &self.encode(parameters, batch, noise))
    }

    fn forward_at(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        places: &Tensor,
        noise: Option<&mut Noise>,
    ) -> Tensor {
        let encoded = self.encode(parameters, batch, noise).flatten(0, 1);
        self.words(parameters, &encoded.index_select(0, places))
    }
}
