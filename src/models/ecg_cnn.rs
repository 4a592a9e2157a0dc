//! `ecg_cnn`: heart beats by two blocks of convolutions, an LSTM over their channels and attention
//! (FLUTE's `ecg_cnn`, after a Kaggle notebook; 136,965 parameters for beats of 187 values and 5
//! classes).

use super::normalise::over_batch;
use super::parameter::torch_layer;
use super::rnn::cells;
use super::{Network, Noise, Parameter, Unfit, constant, fitting_numbers, recurrent};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use tch::Tensor;

/// Channels, units and values of attention.
const WIDTH: usize = 64;
const KERNEL: usize = 5;
/// Convolutions of a block.
const BLOCK: usize = 3;
/// The shortest row of which something is left after two blocks.
const SHORTEST: usize = 12;

part! {
    /// Settings of `ecg_cnn`.
    pub Beats {
        softmax: bool = "false", "", Range::ANY,
            "a softmax before the cross-entropy, which has one: as FLUTE trains";
    }
}

/// The network.
pub struct EcgCnn {
    parameters: Vec<Parameter>,
    trained: usize,
    softmax: bool,
}

impl EcgCnn {
    /// For rows of values, `[187]` or `[1, 187]`.
    pub fn new(settings: &Beats, facts: &Facts) -> Result<Self, Unfit> {
        fitting_numbers(facts)?;
        let length = facts.width();
        if length < SHORTEST || facts.shape.iter().filter(|&&size| size > 1).count() != 1 {
            return Unfit::new(
                "rows of at least 12 values",
                format!("samples of shape {:?}", facts.shape),
            );
        }
        let (mut trained, mut kept) = (Vec::new(), Vec::new());
        for (block, inputs) in [("conv1", 1), ("conv2", WIDTH)] {
            for place in 1..=BLOCK {
                let inputs = if place == 1 { inputs } else { WIDTH };
                trained.extend(torch_layer(
                    &format!("{block}.conv_{place}"),
                    &[WIDTH, inputs, KERNEL],
                ));
                let norm = format!("{block}.normalization_{place}");
                trained.push(constant(format!("{norm}.weight"), WIDTH, 1.0));
                trained.push(constant(format!("{norm}.bias"), WIDTH, 0.0));
                kept.push(constant(format!("{norm}.running_mean"), WIDTH, 0.0));
                kept.push(constant(format!("{norm}.running_var"), WIDTH, 1.0));
            }
        }
        trained.extend(cells("rnn_layer.rnn_layer", 0, length / 4, WIDTH));
        let [attention, _] = torch_layer("attn", &[WIDTH, WIDTH]);
        trained.push(attention);
        trained.extend(torch_layer("fc", &[facts.task.outputs(), WIDTH]));
        let count = trained.len();
        trained.extend(kept);
        Ok(EcgCnn {
            parameters: trained,
            trained: count,
            softmax: settings.softmax,
        })
    }
}

/// Three convolutions, of which the first is added to the last; half of the length is left.
fn block(input: &Tensor, trained: &[Tensor], kept: &[Tensor], training: bool) -> Tensor {
    let after = |place: usize, values: &Tensor| {
        let (affine, figures) = (&trained[4 * place + 2..], &kept[2 * place..]);
        activated(values, affine, figures, training)
    };
    let convolve = |place: usize, values: &Tensor| {
        values.conv1d(&trained[4 * place], Some(&trained[4 * place + 1]), 1, 0, 1, 1)
    };
    let first = convolve(0, input);
    let second = convolve(1, &after(0, &first));
    let third = convolve(2, &after(1, &second));
    after(2, &(first + third)).max_pool1d(2, 2, 0, 1, false)
}

/// What follows a convolution: normalised, bent, and padded for the next one.
fn activated(values: &Tensor, affine: &[Tensor], figures: &[Tensor], training: bool) -> Tensor {
    let [affine, figures] = [affine, figures].map(|pair| [&pair[0], &pair[1]]);
    over_batch(values, affine, figures, training)
        .silu()
        .constant_pad_nd([KERNEL as i64 - 1, 0])
}

impl Network for EcgCnn {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.trained
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        let (trained, kept) = parameters.split_at(self.trained);
        let training = noise.is_some();
        let (first, rest) = trained.split_at(4 * BLOCK);
        let (second, rest) = rest.split_at(4 * BLOCK);
        let [
            inner,
            outer,
            inner_bias,
            outer_bias,
            attention,
            last,
            last_bias,
        ] = rest
        else {
            unreachable!("an LSTM and two layers")
        };
        let beats = batch.reshape([batch.size()[0], 1, -1]);
        let halves = block(&beats, first, &kept[..2 * BLOCK], training);
        let channels = block(&halves, second, &kept[2 * BLOCK..], training);
        let cells = [inner, outer, inner_bias, outer_bias];
        let (steps, state, memory) = recurrent::lstm(&channels, &cells, WIDTH as i64);
        let asked = Tensor::cat(&[state, memory], 0)
            .transpose(0, 1)
            .linear::<&Tensor>(attention, None)
            .tanh();
        let found = asked.bmm(&steps).amax([1], false);
        let logits = found.linear(last, Some(last_bias));
        if self.softmax {
            logits.softmax(-1, logits.kind())
        } else {
            logits
        }
    }
}
