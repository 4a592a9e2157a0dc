//! Residual networks (He et al. 2016), named as torchvision's are: `resnet18`, `resnet34`,
//! `resnet50` in four stages and `resnet20` to `resnet56` in three narrow ones for small images.

use super::chain::{Chain, Form};
use super::normalise::{Norm, Over};
use super::parameter::Start;
use super::{Network, Unfit};
use crate::part;
use crate::part::{Range, words};
use crate::task::Facts;

words! {
    /// What comes first.
    pub Stem {
        /// A 3x3 convolution.
        Small = "small";
        /// A 7x7 convolution and maxima, each halving the image.
        Large = "large";
    }
}

part! {
    /// Settings of those in four stages.
    pub Wide {
        norm: Over = "batch", "batch|group|shared", Range::ANY,
            "normalise over batches, over groups of channels, or over groups that share one scale \
             and one shift (FedML's and FLUTE's resnet18_gn)";
        groups: usize = "2", "GROUPS", Range::COUNT, "groups of channels, with norm=group";
        channels: usize = "2", "CHANNELS", Range::COUNT, "channels of a group, with norm=shared";
        stem: Stem = "small", "small|large", Range::ANY,
            "first a 3x3 convolution, for images like CIFAR's, or a 7x7 one that halves and \
             maxima, as torchvision has it";
    }
}

/// How a network is put together.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Channels of the stages.
    pub channels: &'static [usize],
    /// Blocks of each.
    pub blocks: &'static [usize],
    /// Whether a block squeezes channels to a quarter, `1x1, 3x3, 1x1`, instead of `3x3, 3x3`.
    pub squeezes: bool,
}

const WIDE: &[usize] = &[64, 128, 256, 512];
const NARROW: &[usize] = &[16, 32, 64];

impl Shape {
    pub const EIGHTEEN: Shape = Shape {
        channels: WIDE,
        blocks: &[2, 2, 2, 2],
        squeezes: false,
    };
    pub const THIRTY_FOUR: Shape = Shape {
        channels: WIDE,
        blocks: &[3, 4, 6, 3],
        squeezes: false,
    };
    pub const FIFTY: Shape = Shape {
        channels: WIDE,
        blocks: &[3, 4, 6, 3],
        squeezes: true,
    };
    pub const TWENTY: Shape = Shape {
        channels: NARROW,
        blocks: &[3; 3],
        squeezes: false,
    };
    pub const THIRTY_TWO: Shape = Shape {
        channels: NARROW,
        blocks: &[5; 3],
        squeezes: false,
    };
    pub const FORTY_FOUR: Shape = Shape {
        channels: NARROW,
        blocks: &[7; 3],
        squeezes: false,
    };
    /// FedML's, whose blocks squeeze; He et al.'s has nine that do not.
    pub const FIFTY_SIX: Shape = Shape {
        channels: NARROW,
        blocks: &[6; 3],
        squeezes: true,
    };
}

/// In four stages.
pub fn wide(facts: &Facts, shape: Shape, settings: &Wide) -> Result<Box<dyn Network>, Unfit> {
    let norm = settings.norm.with(settings.groups, settings.channels);
    resnet(facts, shape, settings.stem, norm)
}

/// In three stages.
pub fn narrow(facts: &Facts, shape: Shape, norm: Norm) -> Result<Box<dyn Network>, Unfit> {
    resnet(facts, shape, Stem::Small, norm)
}

/// Stages of blocks; every stage but the first halves the image.
fn resnet(facts: &Facts, shape: Shape, stem: Stem, norm: Norm) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::RESNET)?;
    match stem {
        Stem::Small => {
            convolve(&mut net, "conv1", "bn1", shape.channels[0], Form::square(3), norm).relu()
        }
        Stem::Large => {
            convolve(&mut net, "conv1", "bn1", shape.channels[0], Form::square(7).stride(2), norm)
                .relu();
            net.max_pool(3, 2, 1)
        }
    };
    for (stage, (&channels, &blocks)) in shape.channels.iter().zip(shape.blocks).enumerate() {
        for block in 0..blocks {
            let block = Block {
                name: format!("layer{}.{block}", stage + 1),
                channels,
                stride: if stage > 0 && block == 0 { 2 } else { 1 },
                norm,
            };
            if shape.squeezes {
                block.squeezing(&mut net)
            } else {
                block.plain(&mut net)
            };
        }
    }
    net.mean().flatten().linear("fc", facts.task.outputs());
    net.finish()
}

fn convolve<'a>(
    net: &'a mut Chain,
    name: &str,
    norm_name: &str,
    channels: usize,
    form: Form,
    norm: Norm,
) -> &'a mut Chain {
    net.convolution(name, channels, form.without_bias())
        .norm(norm_name, norm)
}

struct Block {
    name: String,
    channels: usize,
    stride: usize,
    norm: Norm,
}

impl Block {
    /// Two 3x3 convolutions.
    fn plain(&self, net: &mut Chain) {
        self.around(net, self.channels, |net| {
            self.step(net, 1, self.channels, Form::square(3).stride(self.stride))
                .relu();
            self.last(net, 2, self.channels, Form::square(3));
        });
    }

    /// A 3x3 convolution between two of 1x1, of which the last has four times the channels.
    fn squeezing(&self, net: &mut Chain) {
        self.around(net, 4 * self.channels, |net| {
            self.step(net, 1, self.channels, Form::square(1)).relu();
            self.step(net, 2, self.channels, Form::square(3).stride(self.stride))
                .relu();
            self.last(net, 3, 4 * self.channels, Form::square(1));
        });
    }

    /// The body beside a shortcut, which has a 1x1 convolution where the shape changes.
    fn around(&self, net: &mut Chain, outputs: usize, body: impl FnOnce(&mut Chain)) {
        let changes = self.stride > 1 || net.channels() != outputs;
        let shortcut = |net: &mut Chain| {
            if changes {
                self.project(net, outputs);
            }
        };
        net.residual(0.0, body, shortcut).relu();
    }

    /// A 1x1 convolution to the shape of the body's outputs.
    fn project(&self, net: &mut Chain, outputs: usize) {
        let [convolution, norm] = [0, 1].map(|place| format!("{}.downsample.{place}", self.name));
        let form = Form::square(1).stride(self.stride);
        convolve(net, &convolution, &norm, outputs, form, self.norm);
    }

    fn step<'a>(
        &self,
        net: &'a mut Chain,
        place: usize,
        outputs: usize,
        form: Form,
    ) -> &'a mut Chain {
        let [convolution, norm] = ["conv", "bn"].map(|kind| format!("{}.{kind}{place}", self.name));
        convolve(net, &convolution, &norm, outputs, form, self.norm)
    }

    fn last(&self, net: &mut Chain, place: usize, outputs: usize, form: Form) {
        let [convolution, norm] = ["conv", "bn"].map(|kind| format!("{}.{kind}{place}", self.name));
        // FedML's blocks begin as doing nothing.
        let scale = if matches!(self.norm, Norm::Shared(_)) {
            0.0
        } else {
            1.0
        };
        net.convolution(&convolution, outputs, form.without_bias())
            .norm_from(&norm, self.norm, scale);
    }
}
