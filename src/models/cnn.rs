//! `cnn`, `cnn_dropout` and `cnn_dropout_62`: two convolutions and two linear layers on 28x28 grey images.

use super::dense::Stack;
use super::{Descent, Network, Noise, Pace, Parameter, Unfit, fitting_numbers, layer};
use crate::task::Facts;
use crate::weights::{Layout, Slot};
use tch::{Tensor, no_grad};

/// Any of the networks.
pub struct Cnn {
    parameters: Vec<Parameter>,
    with_dropout: bool,
}

impl Cnn {
    /// McMahan et al. 2017: 5x5 convolutions with 32 and 64 channels, each followed by 2x2 max
    /// pooling; 512 units with ReLU.
    pub fn original(facts: &Facts) -> Result<Self, Unfit> {
        Cnn::new(facts, [5, 3136, 512], facts.task.outputs(), false)
    }

    /// Reddi et al. 2021: 3x3 convolutions with 32 and 64 channels, 2x2 max pooling, dropout 0.25;
    /// 128 units with ReLU, dropout 0.5.
    pub fn dropout(facts: &Facts) -> Result<Self, Unfit> {
        Cnn::new(facts, [3, 9216, 128], facts.task.outputs(), true)
    }

    /// The same with 62 outputs whatever the number of classes, as FedML has it on MNIST too.
    pub fn dropout_62(facts: &Facts) -> Result<Self, Unfit> {
        match facts.task.outputs() {
            0..=62 => Cnn::new(facts, [3, 9216, 128], 62, true),
            classes => Unfit::new("at most 62 classes", format!("{classes}")),
        }
    }

    fn new(facts: &Facts, sizes: [usize; 3], outputs: usize, with_dropout: bool) -> Result<Self, Unfit> {
        fitting_numbers(facts)?;
        if facts.shape != [1, 28, 28] {
            return Unfit::new("images of shape [1, 28, 28]", format!("samples of shape {:?}", facts.shape));
        }
        let [kernel, flat, hidden] = sizes;
        let layers = [
            layer("conv1", &[32, 1, kernel, kernel]),
            layer("conv2", &[64, 32, kernel, kernel]),
            layer("fc1", &[hidden, flat]),
            layer("fc2", &[outputs, hidden]),
        ];
        Ok(Cnn { parameters: layers.into_iter().flatten().collect(), with_dropout })
    }
}

fn convolve(images: &Tensor, weight: &Tensor, bias: &Tensor, padding: i64) -> Tensor {
    images.conv2d(weight, Some(bias), [1, 1], [padding, padding], [1, 1], 1)
}

impl Network for Cnn {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        let [w1, b1, w2, b2, w3, b3, w4, b4] = parameters else { unreachable!("four layers of weight and bias") };
        let pool = |x: Tensor| x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        // Without training there is no noise, and the original network has no dropout at all.
        let mut noise = noise.filter(|_| self.with_dropout);
        let mut drop = |x: Tensor, rate: f64| match &mut noise {
            Some(noise) => noise.dropout(&x, rate),
            None => x,
        };
        // ReLU and max pooling commute; pooling first leaves ReLU a quarter of the work.
        let features = match self.with_dropout {
            false => {
                let first = pool(convolve(batch, w1, b1, 2)).relu();
                pool(convolve(&first, w2, b2, 2)).relu()
            }
            true => {
                let first = convolve(batch, w1, b1, 0).relu();
                drop(pool(convolve(&first, w2, b2, 0)).relu(), 0.25)
            }
        };
        let hidden = features.flatten(1, -1).linear(w3, Some(b3)).relu();
        drop(hidden, 0.5).linear(w4, Some(b4))
    }

    fn descent(&self, layout: &Layout) -> Option<Box<dyn Descent>> {
        let (convolutions, dense) = layout.slots().split_at(4);
        let head = Stack::new(dense);
        let images = Images { convolutions: convolutions.to_vec(), head };
        (!self.with_dropout).then(|| Box::new(images) as Box<dyn Descent>)
    }
}

/// Steps of plain SGD through the original network: libtorch's convolutions, everything else written
/// out. Its pooling and its dense layers for ten images would cost more than the convolutions do.
struct Images {
    convolutions: Vec<Slot>,
    head: Stack,
}

impl Images {
    /// A tensor of its own that collects gradients.
    fn leaf(weights: &[f32], slot: &Slot) -> Tensor {
        let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
        Tensor::from_slice(&weights[slot.range()]).view(&shape[..]).set_requires_grad(true)
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
        let [w1, b1, w2, b2] = [0, 1, 2, 3].map(|place| Self::leaf(weights, &self.convolutions[place]));
        let first = convolve(&Tensor::from_slice(batch).view([count, 1, 28, 28]), &w1, &b1, 2);
        let (pooled, places) = pool(&values(&first), 28);
        let between = Tensor::from_slice(&pooled).view([count, 32, 14, 14]).set_requires_grad(true);
        let second = convolve(&between, &w2, &b2, 2);
        let (features, second_places) = pool(&values(&second), 14);
        let mut below = Vec::new();
        let loss = self.head.step(weights, &features, labels, pace, Some(&mut below));

        let upper = backward(&second, &unpool(&below, &features, &second_places), &[&w2, &b2, &between]);
        let lower = backward(&first, &unpool(&values(&upper[2]), &pooled, &places), &[&w1, &b1]);
        for (slot, gradient) in self.convolutions.clone().iter().zip(lower.iter().chain(&upper)) {
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

/// ReLU of 2x2 max pooling of square images with an even `side`, and the place in `images` of each
/// largest value.
fn pool(images: &[f32], side: usize) -> (Vec<f32>, Vec<u32>) {
    let half = side / 2;
    let mut largest = Vec::with_capacity(images.len() / 4);
    let mut places = Vec::with_capacity(images.len() / 4);
    for (pair, rows) in images.chunks_exact(2 * side).enumerate() {
        let (upper, lower) = rows.split_at(side);
        for column in 0..half {
            let (left, right) = (2 * column, 2 * column + 1);
            let candidates =
                [(upper[left], left), (upper[right], right), (lower[left], side + left), (lower[right], side + right)];
            let pick = |a: (f32, usize), b: (f32, usize)| if b.0 > a.0 { b } else { a };
            let (value, place) = pick(pick(candidates[0], candidates[1]), pick(candidates[2], candidates[3]));
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
        let images = [1.0, 2.0, -1.0, -2.0, 4.0, 3.0, -3.0, -4.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0, 8.0, 7.0];
        let (pooled, places) = pool(&images, 4);
        assert_eq!((&pooled[..], &places[..]), (&[4.0, 0.0, 0.0, 8.0][..], &[4, 2, 8, 14][..]));
        let below = unpool(&[1.0, 2.0, 3.0, 4.0], &pooled, &places);
        assert_eq!((below[4], below[14], below.iter().sum::<f32>()), (1.0, 4.0, 5.0));
    }
}
