//! `mobilenet`: depthwise and pointwise convolutions by turns (Howard et al. 2017), as FedML has it
//! for small images: the first convolution keeps the size, and pointwise ones have biases.

use super::chain::{Chain, Form};
use super::normalise::Norm;
use super::parameter::Start;
use super::{Network, Unfit};
use crate::task::Facts;

/// Pairs of convolutions by the name of their group: stride and channels.
const GROUPS: &[(&str, &[(usize, usize)])] = &[
    ("conv1", &[(2, 128), (1, 128)]),
    ("conv2", &[(2, 256), (1, 256)]),
    ("conv3", &[(2, 512), (1, 512), (1, 512), (1, 512), (1, 512), (1, 512)]),
    ("conv4", &[(2, 1024), (1, 1024)]),
];

/// Without a multiplier of widths.
pub fn mobilenet(facts: &Facts, norm: Norm) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::TORCH)?;
    net.convolution("stem.0.conv", 32, Form::square(3).without_bias())
        .norm("stem.0.bn", norm)
        .relu();
    pair(&mut net, "stem.1", (1, 64), norm);
    for (name, pairs) in GROUPS {
        for (place, &shape) in pairs.iter().enumerate() {
            pair(&mut net, &format!("{name}.{place}"), shape, norm);
        }
    }
    net.mean().flatten().linear("fc", facts.task.outputs());
    net.finish()
}

fn pair(net: &mut Chain, name: &str, (stride, channels): (usize, usize), norm: Norm) {
    let inputs = net.channels();
    let depthwise = Form::square(3).stride(stride).depthwise().without_bias();
    net.convolution(&format!("{name}.depthwise.0"), inputs, depthwise);
    net.norm(&format!("{name}.depthwise.1"), norm).relu();
    net.convolution(&format!("{name}.pointwise.0"), channels, Form::square(1));
    net.norm(&format!("{name}.pointwise.1"), norm).relu();
}
