//! Models as a list of parameters and a forward pass over them; no state of their own.

mod cnn;
mod dense;

use super::noise::Noise;
use crate::registry::{Entry, Unknown, find};
use crate::seed::Stream;
use crate::weights::Layout;
use rand::Rng;
use tch::{Reduction, Tensor, no_grad};

/// One parameter: its name, its shape, and the number of inputs of the unit it belongs to.
pub struct Parameter {
    name: &'static str,
    shape: Vec<usize>,
    fan_in: usize,
}

/// A classifier.
pub trait Network {
    /// Its parameters, in order.
    fn parameters(&self) -> &[Parameter];

    /// Logits `[batch, classes]` of a batch of samples in the data set's shape; with noise in training.
    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor;

    /// Mean cross-entropy of a batch and its gradient by each parameter.
    fn gradients(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        labels: &Tensor,
        noise: &mut Noise,
    ) -> (Tensor, Vec<Tensor>) {
        let loss = self.forward(parameters, batch, Some(noise)).cross_entropy_for_logits(labels);
        let gradients = Tensor::run_backward(&[&loss], parameters, false, false);
        (loss.detach(), gradients)
    }

    /// Summed cross-entropy and number of right answers over a batch.
    fn score(&self, parameters: &[Tensor], batch: &Tensor, labels: &Tensor) -> (f64, u64) {
        no_grad(|| {
            let logits = self.forward(parameters, batch, None);
            let loss = logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::Sum, -100, 0.0);
            let hits = logits.argmax(1, false).eq_tensor(labels).sum(tch::Kind::Int64);
            (loss.double_value(&[]), hits.int64_value(&[]) as u64)
        })
    }
}

/// A model that does not fit the data.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A name of nothing.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// Another shape of data is needed.
    #[error("model {model} takes {wanted}, the data set has samples of shape {found:?} (hint: --model lr takes any)")]
    Shape {
        /// The model.
        model: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What there is.
        found: Vec<usize>,
    },
}

/// Shape of a sample and number of classes to a model.
pub type Build = fn(&[usize], usize) -> Result<Box<dyn Network>, ModelError>;

/// Every model, by the name users write.
pub const MODELS: &[Entry<Build>] = &[
    Entry {
        name: "lr",
        about: "multinomial logistic regression (one linear layer)",
        build: |shape, classes| Ok(Box::new(dense::Dense::logistic(shape, classes))),
    },
    Entry {
        name: "2nn",
        about: "two hidden layers of 200 units, ReLU (McMahan et al. 2017; 199,210 parameters on MNIST)",
        build: |shape, classes| Ok(Box::new(dense::Dense::two_hidden(shape, classes))),
    },
    Entry {
        name: "cnn",
        about: "two 5x5 convolutions and 512 units (McMahan et al. 2017; 1,663,370 parameters on MNIST)",
        build: |shape, classes| Ok(Box::new(cnn::Cnn::original(shape, classes)?)),
    },
    Entry {
        name: "cnn_dropout",
        about: "two 3x3 convolutions with dropout (Reddi et al. 2021; 1,199,882 parameters on MNIST)",
        build: |shape, classes| Ok(Box::new(cnn::Cnn::dropout(shape, classes)?)),
    },
];

/// Makes a model by name.
///
/// # Errors
/// An unknown name, or data of a shape that the model does not take.
pub fn build(name: &str, shape: &[usize], classes: usize) -> Result<Box<dyn Network>, ModelError> {
    (find("model", MODELS, name)?.build)(shape, classes)
}

/// Where each parameter lies in the flat vector.
pub fn layout(network: &dyn Network) -> Layout {
    let mut layout = Layout::default();
    network.parameters().iter().for_each(|parameter| layout.push(parameter.name, &parameter.shape));
    layout
}

/// Initial weights: uniform within `1 / sqrt(fan_in)`, as PyTorch's linear and convolution layers.
pub fn initial(network: &dyn Network, layout: &Layout, stream: &mut Stream) -> Vec<f32> {
    let mut weights = vec![0.0; layout.length()];
    for (parameter, slot) in network.parameters().iter().zip(layout.slots()) {
        let bound = 1.0 / (parameter.fan_in as f32).sqrt();
        weights[slot.range()].iter_mut().for_each(|weight| *weight = stream.random_range(-bound..bound));
    }
    weights
}

/// Weight and bias of a linear layer.
fn linear(names: [&'static str; 2], inputs: usize, outputs: usize) -> [Parameter; 2] {
    unit(names, vec![outputs, inputs], inputs)
}

/// Weight and bias of units with `fan_in` inputs each.
fn unit(names: [&'static str; 2], shape: Vec<usize>, fan_in: usize) -> [Parameter; 2] {
    let outputs = vec![shape[0]];
    [Parameter { name: names[0], shape, fan_in }, Parameter { name: names[1], shape: outputs, fan_in }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};
    use crate::torch::params::Params;
    use tch::{Device, Kind};

    fn noise() -> Noise {
        Noise::new(Seed(2).stream(Purpose::Model))
    }

    /// A model on MNIST's shape with its initial parameters, and four random samples.
    fn ready(name: &str) -> (Box<dyn Network>, Params, Tensor, Tensor) {
        let network = build(name, &[1, 28, 28], 10).expect("takes MNIST");
        let layout = layout(network.as_ref());
        let mut params = Params::new(&layout, Device::Cpu);
        params.load(&initial(network.as_ref(), &layout, &mut Seed(1).stream(Purpose::Initial)));
        tch::manual_seed(3);
        let batch = Tensor::rand([4, 1, 28, 28], (Kind::Float, Device::Cpu));
        (network, params, batch, Tensor::from_slice(&[3i64, 0, 9, 3]))
    }

    #[test]
    fn published_parameter_counts() {
        let count = |name| layout(build(name, &[1, 28, 28], 10).expect("takes MNIST").as_ref()).parameters();
        assert_eq!(
            [count("lr"), count("2nn"), count("cnn"), count("cnn_dropout")],
            [7_850, 199_210, 1_663_370, 1_199_882]
        );
    }

    #[test]
    fn every_model_gives_finite_logits_and_all_gradients() {
        for entry in MODELS {
            let (network, params, batch, labels) = ready(entry.name);
            let logits = network.forward(params.views(), &batch, None);
            assert_eq!(logits.size(), [4, 10], "{}", entry.name);
            let (loss, gradients) = network.gradients(params.views(), &batch, &labels, &mut noise());
            assert!(loss.double_value(&[]).is_finite(), "{}", entry.name);
            for (gradient, view) in gradients.iter().zip(params.views()) {
                assert_eq!(gradient.size(), view.size(), "{}", entry.name);
                assert!(gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0, "{}", entry.name);
            }
        }
    }

    #[test]
    fn closed_form_gradients_equal_autograd() {
        for name in ["lr", "2nn"] {
            let (network, params, batch, labels) = ready(name);
            let (loss, gradients) = no_grad(|| network.gradients(params.views(), &batch, &labels, &mut noise()));
            let wanted = network.forward(params.views(), &batch, None).cross_entropy_for_logits(&labels);
            assert!((loss.double_value(&[]) - wanted.double_value(&[])).abs() < 1e-6, "{name}");
            let wanted = Tensor::run_backward(&[&wanted], params.views(), false, false);
            for (gradient, wanted) in gradients.iter().zip(&wanted) {
                assert!((gradient - wanted).abs().max().double_value(&[]) < 1e-6, "{name}");
            }
        }
    }

    #[test]
    fn data_of_another_shape_is_refused() {
        assert!(build("cnn", &[60], 10).map(|_| ()).expect_err("no image").to_string().contains("[60]"));
        assert!(build("lr", &[60], 10).is_ok());
    }
}
