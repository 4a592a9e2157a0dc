//! `mobilenet_v3`, large or small (Howard et al. 2019), as torchvision has it.

use super::chain::{Chain, Form};
use super::inverted::{Inverted, Squeeze, convolve, eightfold};
use super::normalise::Norm;
use super::parameter::Start;
use super::{Network, Unfit};
use crate::part;
use crate::part::{Range, words};
use crate::task::Facts;
use tch::Tensor;

const NORM: Norm = Norm::Batch {
    momentum: 0.01,
    epsilon: 0.001,
};

words! {
    /// Which of the two.
    pub Which {
        /// 4,214,842 parameters for ten classes.
        Large = "large";
        /// 1,528,106 parameters for ten classes.
        Small = "small";
    }
}

part! {
    /// Its settings.
    pub MobileNetV3 {
        size: Which = "large", "large|small", Range::ANY, "which of the two networks";
    }
}

/// A block: kernel, channels in between and in the end, whether it squeezes, whether it swishes,
/// stride.
type Block = (usize, usize, usize, bool, bool, usize);

/// Blocks, and units of the head.
struct Size {
    blocks: &'static [Block],
    hidden: usize,
}

const LARGE: Size = Size {
    blocks: &[
        (3, 16, 16, false, false, 1),
        (3, 64, 24, false, false, 2),
        (3, 72, 24, false, false, 1),
        (5, 72, 40, true, false, 2),
        (5, 120, 40, true, false, 1),
        (5, 120, 40, true, false, 1),
        (3, 240, 80, false, true, 2),
        (3, 200, 80, false, true, 1),
        (3, 184, 80, false, true, 1),
        (3, 184, 80, false, true, 1),
        (3, 480, 112, true, true, 1),
        (3, 672, 112, true, true, 1),
        (5, 672, 160, true, true, 2),
        (5, 960, 160, true, true, 1),
        (5, 960, 160, true, true, 1),
    ],
    hidden: 1280,
};

const SMALL: Size = Size {
    blocks: &[
        (3, 16, 16, true, false, 2),
        (3, 72, 24, false, false, 2),
        (3, 88, 24, false, false, 1),
        (5, 96, 40, true, true, 2),
        (5, 240, 40, true, true, 1),
        (5, 240, 40, true, true, 1),
        (5, 120, 48, true, true, 1),
        (5, 144, 48, true, true, 1),
        (5, 288, 96, true, true, 2),
        (5, 576, 96, true, true, 1),
        (5, 576, 96, true, true, 1),
    ],
    hidden: 1024,
};

fn swish(values: Tensor) -> Tensor {
    values.hardswish()
}

fn relu(mut values: Tensor) -> Tensor {
    values.relu_()
}

/// Of a size.
pub fn mobilenet_v3(facts: &Facts, settings: &MobileNetV3) -> Result<Box<dyn Network>, Unfit> {
    let size = match settings.size {
        Which::Large => &LARGE,
        Which::Small => &SMALL,
    };
    let mut net = Chain::of_images(facts, Start::VGG)?;
    convolve(&mut net, "features.0", 16, Form::square(3).stride(2), NORM).apply(swish);
    for (place, &block) in size.blocks.iter().enumerate() {
        inverted(&format!("features.{}.block", place + 1), block).add(&mut net);
    }
    let last = format!("features.{}", size.blocks.len() + 1);
    let channels = 6 * net.channels();
    convolve(&mut net, &last, channels, Form::square(1), NORM).apply(swish);
    net.mean()
        .flatten()
        .linear("classifier.0", size.hidden)
        .apply(swish)
        .dropout(0.2);
    net.linear("classifier.3", facts.task.outputs());
    net.finish()
}

fn inverted(
    name: &str,
    (kernel, expanded, outputs, squeezes, swishes, stride): Block,
) -> Inverted<'_> {
    let squeeze = Squeeze {
        channels: eightfold(expanded as f64 / 4.0),
        activation: relu,
        gate: |values| values.hardsigmoid(),
    };
    Inverted {
        name,
        kernel,
        expanded,
        outputs,
        stride,
        squeeze: squeezes.then_some(squeeze),
        activation: if swishes { swish } else { relu },
        norm: NORM,
        dropped: 0.0,
    }
}
