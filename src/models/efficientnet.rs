//! `efficientnet_b0` (Tan and Le 2019), as torchvision has it.

use super::chain::{Chain, Form};
use super::inverted::{Inverted, Squeeze, convolve};
use super::normalise::Norm;
use super::parameter::Start;
use super::{Network, Unfit};
use crate::task::Facts;
use tch::Tensor;

/// A stage: how much it widens, kernel, stride of its first block, channels, blocks.
const STAGES: &[(usize, usize, usize, usize, usize)] = &[
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];
const BLOCKS: usize = 16;
/// Probability of losing the last block; earlier ones are lost less.
const DROPPED: f64 = 0.2;

fn swish(values: Tensor) -> Tensor {
    values.silu()
}

/// 4,020,358 parameters for ten classes.
pub fn efficientnet_b0(facts: &Facts) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::EFFICIENT)?;
    convolve(&mut net, "features.0", 32, Form::square(3).stride(2), Norm::BATCH).apply(swish);
    let mut before = 0;
    for (stage, &(widening, kernel, stride, outputs, blocks)) in STAGES.iter().enumerate() {
        for block in 0..blocks {
            let inputs = net.channels();
            let squeeze = Squeeze {
                channels: inputs / 4,
                activation: swish,
                gate: |values| values.sigmoid(),
            };
            let inverted = Inverted {
                name: &format!("features.{}.{block}.block", stage + 1),
                kernel,
                expanded: widening * inputs,
                outputs,
                stride: if block == 0 { stride } else { 1 },
                squeeze: Some(squeeze),
                activation: swish,
                norm: Norm::BATCH,
                dropped: DROPPED * before as f64 / BLOCKS as f64,
            };
            inverted.add(&mut net);
            before += 1;
        }
    }
    convolve(&mut net, "features.8", 1280, Form::square(1), Norm::BATCH).apply(swish);
    net.mean()
        .flatten()
        .dropout(0.2)
        .linear("classifier.1", facts.task.outputs());
    net.finish()
}
