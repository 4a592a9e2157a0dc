//! The layers of chains: what each makes of values.

use super::Noise;
use tch::Tensor;

/// A layer.
pub trait Layer {
    /// What it makes of a batch `[samples, channels, height, width]`, or of flat rows. It may
    /// overwrite the values.
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor;
}

/// A walk through the layers.
pub struct Pass<'a> {
    /// Tensors that are trained.
    pub trained: &'a [Tensor],
    /// Those that are only kept.
    pub kept: &'a [Tensor],
    /// Noise, in training.
    pub noise: Option<&'a mut Noise>,
}

/// Through one layer after another.
pub fn through(layers: &[Box<dyn Layer>], values: Tensor, pass: &mut Pass<'_>) -> Tensor {
    layers
        .iter()
        .fold(values, |values, layer| layer.forward(values, pass))
}

/// A convolution; its bias follows its weight.
pub struct Convolution {
    pub weight: usize,
    pub has_bias: bool,
    pub stride: i64,
    pub padding: i64,
    pub groups: i64,
}

impl Layer for Convolution {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        let weight = &pass.trained[self.weight];
        let bias = self.has_bias.then(|| &pass.trained[self.weight + 1]);
        values.conv2d(weight, bias, [self.stride; 2], [self.padding; 2], [1, 1], self.groups)
    }
}

/// A linear layer; its bias follows its weight.
pub struct Linear {
    pub weight: usize,
}

impl Layer for Linear {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        values.linear(&pass.trained[self.weight], Some(&pass.trained[self.weight + 1]))
    }
}

/// A function without tensors.
pub struct Function(pub fn(Tensor) -> Tensor);

impl Layer for Function {
    fn forward(&self, values: Tensor, _: &mut Pass<'_>) -> Tensor {
        self.0(values)
    }
}

/// The largest value of each square.
pub struct Pooling {
    pub side: i64,
    pub stride: i64,
    pub padding: i64,
}

impl Layer for Pooling {
    fn forward(&self, values: Tensor, _: &mut Pass<'_>) -> Tensor {
        values.max_pool2d([self.side; 2], [self.stride; 2], [self.padding; 2], [1, 1], false)
    }
}

/// Leaves values out in training.
pub struct Dropout {
    pub rate: f64,
}

impl Layer for Dropout {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        match &mut pass.noise {
            Some(noise) => noise.dropout(&values, self.rate),
            None => values,
        }
    }
}

/// `body(x) + shortcut(x)`, where an empty shortcut is `x`. In training a sample loses its body
/// with probability `dropped` (Huang et al. 2016's stochastic depth).
pub struct Residual {
    pub body: Vec<Box<dyn Layer>>,
    pub shortcut: Vec<Box<dyn Layer>>,
    pub dropped: f64,
}

impl Layer for Residual {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        let shortcut = through(&self.shortcut, values.shallow_clone(), pass);
        let mut body = through(&self.body, values, pass);
        if let Some(noise) = pass.noise.as_mut().filter(|_| self.dropped > 0.0) {
            body = noise.drop_samples(&body, self.dropped);
        }
        body.g_add_(&shortcut)
    }
}

/// `x * gate(x)`, a factor for each channel (Hu et al. 2018's squeeze and excitation).
pub struct Gate {
    pub layers: Vec<Box<dyn Layer>>,
}

impl Layer for Gate {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        let gate = through(&self.layers, values.shallow_clone(), pass);
        values * gate
    }
}
