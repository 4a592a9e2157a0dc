//! `cnn` and its relatives: two convolutions and linear layers, as McMahan et al. 2017 have them
//! for digits and for CIFAR, Reddi et al. 2021 and pfl-research.

use super::chain::{Chain, Form};
use super::dense::Stack;
use super::parameter::Start;
use super::{Descent, Network, Noise, Pace, Parameter, Unfit};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use crate::weights::{Layout, Slot};
use tch::{Tensor, no_grad};

part! {
    /// Its settings.
    pub Cnn {
        units: usize = "512", "UNITS", Range::COUNT,
            "units of the hidden layer; LEAF's for FEMNIST has 2048";
    }
}

/// 5x5 convolutions with 32 and 64 channels, each followed by 2x2 maxima, and a hidden layer.
pub fn original(facts: &Facts, settings: &Cnn) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::KERAS)?;
    // ReLU and maxima commute; maxima first leave ReLU a quarter of the work.
    net.convolution("conv1", 32, Form::square(5))
        .max_pool(2, 2, 0)
        .relu();
    net.convolution("conv2", 64, Form::square(5))
        .max_pool(2, 2, 0)
        .relu();
    net.flatten()
        .linear("fc1", settings.units)
        .relu()
        .linear("fc2", facts.task.outputs());
    let chain = net.finish()?;
    let size = [facts.shape[0], facts.shape[1], facts.shape[2]];
    Ok(Box::new(Original { chain, size }))
}

/// 3x3 convolutions with 32 and 64 channels, 2x2 maxima, dropout 0.25; 128 units, dropout 0.5.
fn with_dropout(facts: &Facts, outputs: usize, start: Start) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, start)?;
    net.convolution("conv1", 32, Form::square(3).padded(0))
        .relu();
    net.convolution("conv2", 64, Form::square(3).padded(0))
        .max_pool(2, 2, 0)
        .relu()
        .dropout(0.25);
    net.flatten()
        .linear("fc1", 128)
        .relu()
        .dropout(0.5)
        .linear("fc2", outputs);
    net.finish()
}

/// Reddi et al. 2021's.
pub fn dropout(facts: &Facts) -> Result<Box<dyn Network>, Unfit> {
    with_dropout(facts, facts.task.outputs(), Start::KERAS)
}

/// The same with 62 outputs whatever the number of classes, as FedML has it on MNIST too.
pub fn dropout_62(facts: &Facts) -> Result<Box<dyn Network>, Unfit> {
    match facts.task.outputs() {
        0..=62 => with_dropout(facts, 62, Start::KERAS),
        classes => Unfit::new("at most 62 classes", format!("{classes}")),
    }
}

/// The same with PyTorch's biases to start from: pfl-research's `simple_cnn`.
pub fn pfl(facts: &Facts) -> Result<Box<dyn Network>, Unfit> {
    with_dropout(facts, facts.task.outputs(), Start::MIXED)
}

/// McMahan et al. 2017's for CIFAR: 5x5 convolutions with 64 channels and 3x3 maxima, 384 and 192
/// units. It is FedML's `Cifar10FLNet` without the softmax before the loss.
pub fn cifar(facts: &Facts) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::TORCH)?;
    net.convolution("conv1", 64, Form::square(5))
        .max_pool(3, 2, 1)
        .relu();
    net.convolution("conv2", 64, Form::square(5))
        .max_pool(3, 2, 1)
        .relu();
    net.flatten()
        .linear("fc1", 384)
        .relu()
        .linear("fc2", 192)
        .relu();
    net.linear("fc3", facts.task.outputs());
    net.finish()
}

/// The original with its own steps.
struct Original {
    chain: Box<dyn Network>,
    // Channels, height and width of images.
    size: [usize; 3],
}

impl Network for Original {
    fn parameters(&self) -> &[Parameter] {
        self.chain.parameters()
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        self.chain.forward(parameters, batch, noise)
    }

    fn is_steady(&self) -> bool {
        self.chain.is_steady()
    }

    fn descent(&self, layout: &Layout) -> Option<Box<dyn Descent>> {
        let (convolutions, dense) = layout.slots().split_at(4);
        let images = Images {
            convolutions: convolutions.to_vec(),
            head: Stack::new(dense),
            size: self.size,
        };
        let halves_twice = self.size[1..].iter().all(|side| side.is_multiple_of(4));
        halves_twice.then(|| Box::new(images) as Box<dyn Descent>)
    }
}

fn convolve(images: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    images.conv2d(weight, Some(bias), [1, 1], [2, 2], [1, 1], 1)
}

/// Steps of plain SGD through the original network: libtorch's convolutions, everything else
/// written out. Its pooling and its dense layers for ten images would cost more than the
/// convolutions do.
struct Images {
    convolutions: Vec<Slot>,
    head: Stack,
    size: [usize; 3],
}

impl Images {
    /// A tensor of its own that collects gradients.
    fn leaf(weights: &[f32], slot: &Slot) -> Tensor {
        let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
        Tensor::from_slice(&weights[slot.range()])
            .view(&shape[..])
            .set_requires_grad(true)
    }

    fn move_along(weights: &mut [f32], slot: &Slot, gradient: &Tensor, pace: &Pace<'_>) {
        pace.apply(weights, slot.range());
        let step = weights[slot.range()].iter_mut().zip(values(gradient));
        step.for_each(|(weight, gradient)| *weight -= pace.rate * gradient);
    }
}

impl Descent for Images {
    fn step(&mut self, weights: &mut [f32], batch: &[f32], labels: &[u32], pace: &Pace<'_>) -> f32 {
        let count = labels.len() as i64;
        let [channels, height, width] = self.size.map(|length| length as i64);
        let [w1, b1, w2, b2] =
            [0, 1, 2, 3].map(|place| Self::leaf(weights, &self.convolutions[place]));
        let first =
            convolve(&Tensor::from_slice(batch).view([count, channels, height, width]), &w1, &b1);
        let (pooled, places) = pool(&values(&first), self.size[2]);
        let halved = [count, 32, height / 2, width / 2];
        let between = Tensor::from_slice(&pooled)
            .view(halved)
            .set_requires_grad(true);
        let second = convolve(&between, &w2, &b2);
        let (features, second_places) = pool(&values(&second), self.size[2] / 2);
        let mut below = Vec::new();
        let loss = self
            .head
            .step(weights, &features, labels, pace, Some(&mut below));

        let upper =
            backward(&second, &unpool(&below, &features, &second_places), &[&w2, &b2, &between]);
        let lower = backward(&first, &unpool(&values(&upper[2]), &pooled, &places), &[&w1, &b1]);
        for (slot, gradient) in self
            .convolutions
            .clone()
            .iter()
            .zip(lower.iter().chain(&upper))
        {
            Self::move_along(weights, slot, gradient, pace);
        }
        loss
    }
}

/// Gradients by `inputs` of something that has the gradient `above` by `output`.
fn backward(output: &Tensor, above: &[f32], inputs: &[&Tensor]) -> Vec<Tensor> {
    let above = Tensor::from_slice(above);
    let product = output.flatten(0, -1).dot(&above);
    Tensor::run_backward(&[&product], inputs, false, false)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    no_grad(|| tensor.contiguous().copy_data(&mut values, tensor.numel()));
    values
}

/// ReLU of 2x2 max pooling of images whose sides are even, by their width, and the place in
/// `images` of each largest value.
fn pool(images: &[f32], side: usize) -> (Vec<f32>, Vec<u32>) {
    let half = side / 2;
    let mut largest = Vec::with_capacity(images.len() / 4);
    let mut places = Vec::with_capacity(images.len() / 4);
    for (pair, rows) in images.chunks_exact(2 * side).enumerate() {
        let (upper, lower) = rows.split_at(side);
        for column in 0..half {
            let (left, right) = (2 * column, 2 * column + 1);
            let candidates = [
                (upper[left], left),
                (upper[right], right),
                (lower[left], side + left),
                (lower[right], side + right),
            ];
            let pick = |a: (f32, usize), b: (f32, usize)| if b.0 > a.0 { b } else { a };
            let (value, place) =
                pick(pick(candidates[0], candidates[1]), pick(candidates[2], candidates[3]));
            largest.push(value.max(0.0));
            places.push((pair * 2 * side + place) as u32);
        }
    }
    (largest, places)
}

/// The gradient by the images that were pooled; nothing passes where ReLU was closed.
fn unpool(gradient: &[f32], pooled: &[f32], places: &[u32]) -> Vec<f32> {
    let mut below = vec![0.0; 4 * gradient.len()];
    for ((&place, &value), &gradient) in places.iter().zip(pooled).zip(gradient) {
        below[place as usize] = if value > 0.0 { gradient } else { 0.0 };
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_takes_the_largest_and_gives_its_gradient_back() {
        let images = [
            1.0, 2.0, -1.0, -2.0, 4.0, 3.0, -3.0, -4.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0, 8.0, 7.0,
        ];
        let (pooled, places) = pool(&images, 4);
        assert_eq!((&pooled[..], &places[..]), (&[4.0, 0.0, 0.0, 8.0][..], &[4, 2, 8, 14][..]));
        let below = unpool(&[1.0, 2.0, 3.0, 4.0], &pooled, &places);
        assert_eq!((below[4], below[14], below.iter().sum::<f32>()), (1.0, 4.0, 5.0));
    }
}
