//! `cnn` and `cnn_dropout`: two convolutions and two linear layers on 28x28 grey images.

use super::{ModelError, Network, Noise, Parameter, layer};
use tch::Tensor;

/// Either of the two networks.
pub struct Cnn {
    parameters: Vec<Parameter>,
    with_dropout: bool,
}

impl Cnn {
    /// McMahan et al. 2017: 5x5 convolutions with 32 and 64 channels, each followed by 2x2 max
    /// pooling; 512 units with ReLU.
    pub fn original(shape: &[usize], classes: usize) -> Result<Self, ModelError> {
        Cnn::new("cnn", shape, [5, 3136, 512, classes], false)
    }

    /// Reddi et al. 2021: 3x3 convolutions with 32 and 64 channels, 2x2 max pooling, dropout 0.25;
    /// 128 units with ReLU, dropout 0.5.
    pub fn dropout(shape: &[usize], classes: usize) -> Result<Self, ModelError> {
        Cnn::new("cnn_dropout", shape, [3, 9216, 128, classes], true)
    }

    fn new(model: &'static str, shape: &[usize], sizes: [usize; 4], with_dropout: bool) -> Result<Self, ModelError> {
        if shape != [1, 28, 28] {
            return Err(ModelError::Shape { model, wanted: "images of shape [1, 28, 28]", found: shape.to_vec() });
        }
        let [kernel, flat, hidden, classes] = sizes;
        let layers = [
            layer("conv1", &[32, 1, kernel, kernel]),
            layer("conv2", &[64, 32, kernel, kernel]),
            layer("fc1", &[hidden, flat]),
            layer("fc2", &[classes, hidden]),
        ];
        Ok(Cnn { parameters: layers.into_iter().flatten().collect(), with_dropout })
    }
}

impl Network for Cnn {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        let [w1, b1, w2, b2, w3, b3, w4, b4] = parameters else { unreachable!("four layers of weight and bias") };
        let pool = |x: Tensor| x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        let convolve = |x: &Tensor, w: &Tensor, b: &Tensor, padding: i64| {
            x.conv2d(w, Some(b), [1, 1], [padding, padding], [1, 1], 1)
        };
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
}
