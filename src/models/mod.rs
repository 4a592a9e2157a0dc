//! Models as a list of parameters and a forward pass over them; no state of their own.

mod attention;
mod bert;
mod chain;
mod cnn;
mod dense;
mod descent;
mod ecg_cnn;
mod efficientnet;
mod error;
mod fitting;
mod flat;
mod gru_lm;
mod inverted;
mod layers;
mod lenet;
mod making;
mod mobilenet;
mod mobilenet_v3;
mod noise;
mod normalise;
mod parameter;
mod pretrained;
mod recurrent;
#[cfg(test)]
mod reference;
mod resnet;
mod rnn;
mod script;
mod stored;
mod table;
mod transformer_lm;
mod tuned;
mod vgg;

use crate::seed::Seed;
use crate::weights::Layout;
use fitting::{fitting_numbers, fitting_tokens};
use parameter::{constant, filled, layer, named, normal, uniform, weight};
use std::path::Path;
use tch::{Device, Tensor};

pub use descent::{Descent, Pace};
pub use error::{ModelError, Unfit};
pub use flat::{initial, layout};
pub use making::{build, make};
pub use noise::Noise;
pub use parameter::Parameter;
pub use table::{Build, KIND, MODELS};
pub use tuned::Trained;

/// A model.
pub trait Network {
    /// Its tensors, in order: first those that are trained, then those that are only kept, such as
    /// the running means of batch normalisation. Both travel and are averaged.
    fn parameters(&self) -> &[Parameter];

    /// How many of them are trained.
    fn trained(&self) -> usize {
        self.parameters().len()
    }

    /// What the task asks for, such as logits `[batch, classes]`, of a batch of inputs in the
    /// data's shape; with noise in training.
    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor;

    /// The same for tokens at some places of a batch of rows, counted through: `[places,
    /// vocabulary]`. Whoever can tell them apart early has less to do.
    fn forward_at(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        places: &Tensor,
        noise: Option<&mut Noise>,
    ) -> Tensor {
        self.forward(parameters, batch, noise)
            .flatten(0, 1)
            .index_select(0, places)
    }

    /// Tensors of the whole model that are not trained and do not travel, by name.
    fn frozen(&self) -> Vec<(String, &Tensor)> {
        Vec::new()
    }

    /// Whether training does the same on a device for every batch of one size, whatever its
    /// numbers, and asks the host for nothing but masks of dropout: then it can be recorded.
    fn is_steady(&self) -> bool {
        false
    }

    /// Steps of plain SGD on the CPU, written out by hand; none when nobody has. They are worth it
    /// for small batches, where recording and replaying a graph costs more than the arithmetic.
    fn descent(&self, _layout: &Layout) -> Option<Box<dyn Descent>> {
        None
    }
}

/// How a model starts, and what is trained of it.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// A file of tensors to start from.
    pub from: Option<&'a Path>,
    /// What is trained.
    pub trained: Trained<'a>,
    /// Where it is.
    pub device: Device,
    /// From which initial weights are drawn.
    pub seed: Seed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::Choice;
    use crate::seed::Purpose;
    use crate::task::{Facts, Input, Task};
    use crate::torch::params::Params;
    use crate::torch::task::{gradients, loss};
    use tch::{Kind, no_grad};

    fn noise() -> Noise {
        Noise::new(Seed(2).stream(Purpose::Model))
    }

    /// A model by name; a module is the one of the tests.
    pub(super) fn choice(name: &str) -> Choice {
        let file = concat!("script:", env!("CARGO_MANIFEST_DIR"), "/tests/data/module.pt");
        Choice::from(if name == "script" { file } else { name })
    }

    /// Data of other kinds than images: text of which the next token is learned, or hidden ones,
    /// and rows of numbers.
    pub(in crate::models) fn others() -> [Facts; 3] {
        let task = Task::Next {
            vocabulary: 10,
            ignore: None,
        };
        let text = Facts {
            shape: vec![6],
            task,
            input: Input::Tokens,
            targets: 1,
        };
        let task = Task::Masked {
            vocabulary: 10,
            ignore: 0,
            hiding: None,
            padding: Some(0),
        };
        [
            text.clone(),
            Facts {
                task,
                targets: 6,
                ..text
            },
            Facts::classes(&[60], 10),
        ]
    }

    /// Data that a model takes.
    fn facts(name: &str) -> Facts {
        let mut kinds = [28, 32]
            .map(|side| Facts::classes(&[1, side, side], 10))
            .into_iter()
            .chain(others());
        kinds
            .find(|facts| build(&choice(name), facts).is_ok())
            .expect("takes one of them")
    }

    /// A model with its initial parameters, and four random samples of what it takes; of text the
    /// last token is asked for.
    fn ready(name: &str) -> (Box<dyn Network>, Params, Tensor, Tensor) {
        let facts = facts(name);
        let network = build(&choice(name), &facts).expect("fits");
        let layout = layout(network.as_ref());
        let mut params = Params::new(&layout, network.trained(), Device::Cpu).expect("room");
        params.load(&initial(network.as_ref(), &layout, &mut Seed(1).stream(Purpose::Initial)));
        tch::manual_seed(3);
        let sizes: Vec<i64> = [4]
            .into_iter()
            .chain(facts.shape.iter().map(|&n| n as i64))
            .collect();
        let batch = match facts.input {
            Input::Numbers => Tensor::rand(&sizes[..], (Kind::Float, Device::Cpu)),
            Input::Tokens => Tensor::randint(10, &sizes[..], (Kind::Int64, Device::Cpu)),
        };
        let labels = Tensor::from_slice(&[3i64, 0, 9, 3]);
        if facts.targets == 1 {
            return (network, params, batch, labels);
        }
        let last = (labels + 1).clamp_max(9).unsqueeze(1);
        (network, params, batch, last.constant_pad_nd([facts.targets as i64 - 1, 0]))
    }

    fn slopes(
        name: &str,
        network: &dyn Network,
        params: &Params,
        batch: &Tensor,
        labels: &Tensor,
    ) -> (Tensor, Vec<Tensor>) {
        gradients(network, &facts(name).task, params.views(), batch, labels, Some(&mut noise()))
    }

    #[test]
    fn every_model_gives_finite_logits_and_all_gradients() {
        for entry in MODELS {
            let (network, params, batch, labels) = ready(entry.name);
            let logits = network.forward(params.views(), &batch, None);
            let outputs = match entry.name {
                "cnn_dropout_62" => 62,
                _ => 10,
            };
            let asked = match labels.dim() {
                1 => vec![4, outputs],
                _ => vec![4, 6, outputs],
            };
            assert_eq!(logits.size(), asked, "{}", entry.name);
            let (loss, gradients) = slopes(entry.name, network.as_ref(), &params, &batch, &labels);
            assert!(loss.double_value(&[]).is_finite(), "{}", entry.name);
            for (gradient, view) in gradients.iter().zip(params.views()) {
                assert_eq!(gradient.size(), view.size(), "{}", entry.name);
                assert!(gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0, "{}", entry.name);
            }
            assert_eq!(gradients.len(), network.trained(), "{}", entry.name);
        }
    }

    /// FedML takes the sigmoid for logits: with all weights zero each is one half, and the loss
    /// that of a draw.
    #[test]
    fn a_squashed_layer_is_between_zero_and_one_and_has_no_steps_written_out() {
        let (network, params, batch, labels) = ready("lr_sigmoid");
        let logits = network.forward(params.views(), &batch, None);
        assert!(logits.min().double_value(&[]) > 0.0 && logits.max().double_value(&[]) < 1.0);
        assert!(network.descent(&layout(network.as_ref())).is_none());
        let zeros: Vec<Tensor> = params
            .views()
            .iter()
            .map(|view| view.zeros_like())
            .collect();
        let half = network.forward(&zeros, &batch, None);
        let loss = loss(&facts("lr_sigmoid").task, &half, &labels).double_value(&[]);
        assert!((loss - 10f64.ln()).abs() < 1e-6 && half.double_value(&[0, 0]) == 0.5);
    }

    #[test]
    fn steps_written_out_equal_steps_by_autograd() {
        let (rate, decay) = (0.1, 0.5);
        let mut written = 0;
        for entry in MODELS {
            let (network, mut params, batch, labels) = ready(entry.name);
            let layout = layout(network.as_ref());
            let mut weights = vec![0.0; layout.length()];
            params.save(&mut weights);
            let Some(mut descent) = network.descent(&layout) else { continue };
            let (loss, gradients) = slopes(entry.name, network.as_ref(), &params, &batch, &labels);
            let gradients = params.gather(&gradients);
            for (part, gradient) in params.parts_mut().iter_mut().zip(gradients) {
                let values = part.values_mut();
                let step = &*values * f64::from(1.0 - rate * decay) - gradient * f64::from(rate);
                no_grad(|| values.copy_(&step));
            }
            let rows = Vec::<f32>::try_from(batch.flatten(0, -1)).expect("floats");
            let pace = Pace {
                rate,
                keep: 1.0 - rate * decay,
                offset: &[],
            };
            let found = descent.step(&mut weights, &rows, &[3, 0, 9, 3], &pace);
            assert!((f64::from(found) - loss.double_value(&[])).abs() < 1e-5, "{}", entry.name);
            let mut wanted = vec![0.0; layout.length()];
            params.save(&mut wanted);
            let largest = weights
                .iter()
                .zip(&wanted)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(largest < 2e-6, "{}: {largest:e}", entry.name);
            written += 1;
        }
        assert_eq!(written, 4);
    }

    #[test]
    fn data_of_another_shape_is_refused() {
        let flat = Facts::classes(&[60], 10);
        let refused = build(&"cnn".into(), &flat)
            .map(|_| ())
            .expect_err("no image");
        assert!(refused.to_string().contains("[60]"));
        assert!(build(&"lr".into(), &flat).is_ok());
        for entry in MODELS {
            let other = match facts(entry.name).input {
                Input::Numbers => facts("rnn"),
                Input::Tokens => facts("lr"),
            };
            let refused = build(&choice(entry.name), &other)
                .map(|_| ())
                .expect_err("of another kind")
                .to_string();
            let says = refused.contains("tokens") || entry.name == "script";
            assert!(says && refused.contains(entry.name), "{refused}");
        }
    }
}
