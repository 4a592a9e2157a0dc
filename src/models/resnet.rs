//! `resnet20` and `resnet18`: residual networks for small images (He et al. 2016, section 4.2), with a
//! 1x1 convolution where a block changes the shape.

use super::normalise::{Normalisation, normalised};
use super::{Network, Noise, Parameter, Unfit, constant, fitting_numbers, layer, weight};
use crate::task::Facts;
use tch::Tensor;

/// Stages of blocks of two 3x3 convolutions each; every stage but the first halves the image.
pub struct ResNet {
    parameters: Vec<Parameter>,
    trained: usize,
    channels: Vec<usize>,
    blocks: usize,
}

impl ResNet {
    /// As many stages as `channels`, of `blocks` blocks each.
    pub fn new(facts: &Facts, channels: &[usize], blocks: usize) -> Result<Self, Unfit> {
        fitting_numbers(facts)?;
        let (shape, classes) = (&facts.shape, facts.task.outputs());
        let &[colours, height, width] = &shape[..] else {
            return Unfit::new("images [channels, height, width]", format!("samples of shape {shape:?}"));
        };
        if height.min(width) < 8 {
            return Unfit::new("images of at least 8x8", format!("{height}x{width}"));
        }
        let mut tensors = Tensors::default();
        tensors.convolution("conv1", channels[0], colours, 3);
        let mut inputs = channels[0];
        for (stage, &outputs) in channels.iter().enumerate() {
            for block in 0..blocks {
                let name = format!("layer{}.{block}", stage + 1);
                tensors.convolution(&format!("{name}.conv1"), outputs, inputs, 3);
                tensors.convolution(&format!("{name}.conv2"), outputs, outputs, 3);
                if stage > 0 && block == 0 {
                    tensors.convolution(&format!("{name}.shortcut"), outputs, inputs, 1);
                }
                inputs = outputs;
            }
        }
        tensors.trained.extend(layer("fc", &[classes, inputs]));
        let trained = tensors.trained.len();
        let parameters = tensors.trained.into_iter().chain(tensors.kept).collect();
        Ok(ResNet { parameters, trained, channels: channels.to_vec(), blocks })
    }
}

/// Tensors in the making.
#[derive(Default)]
struct Tensors {
    trained: Vec<Parameter>,
    kept: Vec<Parameter>,
}

impl Tensors {
    /// A convolution without bias, and the batch normalisation that follows it.
    fn convolution(&mut self, name: &str, outputs: usize, inputs: usize, kernel: usize) {
        self.trained.push(weight(format!("{name}.weight"), &[outputs, inputs, kernel, kernel]));
        self.trained.push(constant(format!("{name}.norm.weight"), outputs, 1.0));
        self.trained.push(constant(format!("{name}.norm.bias"), outputs, 0.0));
        self.kept.push(constant(format!("{name}.norm.running_mean"), outputs, 0.0));
        self.kept.push(constant(format!("{name}.norm.running_var"), outputs, 1.0));
    }
}

/// A walk over the tensors in the order in which they were made.
struct Walk<'a> {
    trained: std::slice::ChunksExact<'a, Tensor>,
    kept: std::slice::ChunksExact<'a, Tensor>,
    training: bool,
}

impl Walk<'_> {
    /// The next convolution with its normalisation; running means move in training.
    fn convolve(&mut self, input: &Tensor, stride: i64) -> Tensor {
        let Some([weight, scale, shift]) = self.trained.next() else { unreachable!("as many as were made") };
        let Some([mean, variance]) = self.kept.next() else { unreachable!("as many as were made") };
        let padding = weight.size()[2] / 2;
        let output = input.conv2d::<Tensor>(weight, None, [stride, stride], [padding, padding], [1, 1], 1);
        normalised(&output, &Normalisation { scale, shift, mean, variance }, self.training)
    }

    fn block(&mut self, input: Tensor, stride: i64) -> Tensor {
        let inner = self.convolve(&input, stride).relu();
        let output = self.convolve(&inner, 1);
        let shortcut = if stride > 1 { self.convolve(&input, stride) } else { input };
        (output + shortcut).relu()
    }
}

impl Network for ResNet {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.trained
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        let (trained, kept) = parameters.split_at(self.trained);
        let (convolutions, last) = trained.split_at(self.trained - 2);
        let training = noise.is_some();
        let mut walk = Walk { trained: convolutions.chunks_exact(3), kept: kept.chunks_exact(2), training };
        let mut image = walk.convolve(batch, 1).relu();
        for stage in 0..self.channels.len() {
            for block in 0..self.blocks {
                image = walk.block(image, if stage > 0 && block == 0 { 2 } else { 1 });
            }
        }
        image.mean_dim([2, 3].as_slice(), false, tch::Kind::Float).linear(&last[0], Some(&last[1]))
    }
}
