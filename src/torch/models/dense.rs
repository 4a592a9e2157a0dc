//! `lr` and `2nn`: linear layers with ReLU between them.
//!
//! Their gradient is written out instead of recorded: for such small layers the bookkeeping of
//! autograd costs more than the arithmetic. With `d = (softmax(z) - onehot(y)) / B` at the top and
//! inputs `h` of a layer: `dW = d^T h`, `db = sum(d)`, and below it `d <- (d W) * (h > 0)`.

use super::{Network, Noise, Parameter, layer};
use tch::{Kind, Tensor, no_grad};

/// A stack of linear layers.
pub struct Dense {
    parameters: Vec<Parameter>,
}

impl Dense {
    /// One layer.
    pub fn logistic(shape: &[usize], classes: usize) -> Self {
        let width = shape.iter().product();
        Dense { parameters: layer("linear", &[classes, width]).into() }
    }

    /// Two hidden layers of 200.
    pub fn two_hidden(shape: &[usize], classes: usize) -> Self {
        let width = shape.iter().product();
        let layers = [layer("fc1", &[200, width]), layer("fc2", &[200, 200]), layer("fc3", &[classes, 200])];
        Dense { parameters: layers.into_iter().flatten().collect() }
    }
}

/// The inputs of every layer, and the logits.
fn activations(parameters: &[Tensor], batch: &Tensor) -> (Vec<Tensor>, Tensor) {
    let mut inputs = vec![batch.flatten(1, -1)];
    let mut output = Tensor::new();
    for (layer, pair) in parameters.chunks_exact(2).enumerate() {
        if layer > 0 {
            inputs.push(output.relu_());
        }
        output = pair[1].addmm(&inputs[layer], &pair[0].tr());
    }
    (inputs, output)
}

impl Network for Dense {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, _: Option<&mut Noise>) -> Tensor {
        activations(parameters, batch).1
    }

    fn gradients(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        labels: &Tensor,
        _: &mut Noise,
    ) -> (Tensor, Vec<Tensor>) {
        no_grad(|| {
            let (inputs, logits) = activations(parameters, batch);
            let log_probabilities = logits.log_softmax(1, Kind::Float);
            let column = labels.unsqueeze(1);
            let loss = -log_probabilities.gather(1, &column, false).mean(Kind::Float);
            let share = 1.0 / labels.numel() as f64;
            let onehot = Tensor::zeros_like(&logits).scatter_value_(1, &column, 1.0);
            let mut delta = (log_probabilities.exp() - onehot) * share;
            let mut gradients = Vec::with_capacity(parameters.len());
            for (layer, pair) in parameters.chunks_exact(2).enumerate().rev() {
                gradients.push(delta.sum_dim_intlist(0i64, false, Kind::Float));
                gradients.push(delta.tr().mm(&inputs[layer]));
                if layer > 0 {
                    delta = inputs[layer].threshold_backward(&delta.mm(&pair[0]), 0.0);
                }
            }
            gradients.reverse();
            (loss, gradients)
        })
    }
}
