//! The block of MobileNetV3 and EfficientNet: a 1x1 convolution widens, a depthwise one looks
//! around, squeeze and excitation weighs the channels, and a 1x1 convolution narrows again; around
//! it a shortcut where the shape stays.

use super::chain::{Chain, Form};
use super::normalise::Norm;
use tch::Tensor;

/// A block.
pub struct Inverted<'a> {
    /// What stands before the names of its tensors.
    pub name: &'a str,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Channels in between.
    pub expanded: usize,
    /// Channels in the end.
    pub outputs: usize,
    /// Stride of the depthwise convolution.
    pub stride: usize,
    /// Squeeze and excitation, if it has any.
    pub squeeze: Option<Squeeze>,
    /// After the first two convolutions.
    pub activation: fn(Tensor) -> Tensor,
    /// After every convolution.
    pub norm: Norm,
    /// Probability with which a sample loses the block, where there is a shortcut.
    pub dropped: f64,
}

/// Squeeze and excitation.
#[derive(Clone, Copy)]
pub struct Squeeze {
    /// Channels in between.
    pub channels: usize,
    /// After the first convolution.
    pub activation: fn(Tensor) -> Tensor,
    /// What makes factors.
    pub gate: fn(Tensor) -> Tensor,
}

impl Inverted<'_> {
    /// Adds it to a chain.
    pub fn add(&self, net: &mut Chain) {
        match self.stride == 1 && net.channels() == self.outputs {
            true => _ = net.residual(self.dropped, |net| self.body(net), |_| ()),
            false => self.body(net),
        }
    }

    fn body(&self, net: &mut Chain) {
        let mut place = 0;
        let mut next = || {
            place += 1;
            format!("{}.{}", self.name, place - 1)
        };
        if self.expanded != net.channels() {
            convolve(net, &next(), self.expanded, Form::square(1), self.norm)
                .apply(self.activation);
        }
        let depthwise = Form::square(self.kernel).stride(self.stride).depthwise();
        convolve(net, &next(), self.expanded, depthwise, self.norm).apply(self.activation);
        if let Some(squeeze) = self.squeeze {
            squeeze.add(net, &next());
        }
        convolve(net, &next(), self.outputs, Form::square(1), self.norm);
    }
}

impl Squeeze {
    fn add(self, net: &mut Chain, name: &str) {
        let channels = net.channels();
        net.gate(|net| {
            net.mean()
                .convolution(&format!("{name}.fc1"), self.channels, Form::square(1))
                .apply(self.activation);
            net.convolution(&format!("{name}.fc2"), channels, Form::square(1))
                .apply(self.gate);
        });
    }
}

/// A convolution without bias and its normalisation, as torchvision names them.
pub fn convolve<'a>(
    net: &'a mut Chain,
    name: &str,
    channels: usize,
    form: Form,
    norm: Norm,
) -> &'a mut Chain {
    net.convolution(&format!("{name}.0"), channels, form.without_bias())
        .norm(&format!("{name}.1"), norm)
}

/// A number of channels that eight divides, nearly this and not a tenth below it.
pub fn eightfold(channels: f64) -> usize {
    let near = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (near as f64) < 0.9 * channels {
        near + 8
    } else {
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_rounded_to_eights() {
        assert_eq!([3.0, 18.0, 24.0, 36.0, 60.0, 120.0].map(eightfold), [8, 24, 24, 40, 64, 120]);
    }
}
