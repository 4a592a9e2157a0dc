//! Batch normalisation for every model that has it.

use tch::Tensor;

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// The tensors of a batch normalisation, a value for each channel.
pub struct Normalisation<'a> {
    /// What a value is multiplied with.
    pub scale: &'a Tensor,
    /// What is added to it.
    pub shift: &'a Tensor,
    /// A running figure, which moves in training.
    pub mean: &'a Tensor,
    /// Likewise.
    pub variance: &'a Tensor,
}

/// Batch normalisation over the second dimension. One value per channel has no variance (libtorch makes it NaN): running
/// figures then stay as they are.
pub fn normalised(input: &Tensor, by: &Normalisation<'_>, training: bool) -> Tensor {
    let size = input.size();
    let alone = training && size.iter().product::<i64>() <= size[1];
    let kept = |figure: &Tensor| if alone { figure.copy() } else { figure.shallow_clone() };
    let (mean, variance) = (kept(by.mean), kept(by.variance));
    let (scale, shift) = (Some(by.scale), Some(by.shift));
    input.batch_norm(scale, shift, Some(&mean), Some(&variance), training, MOMENTUM, EPSILON, false)
}

#[cfg(test)]
mod tests {
    use crate::models::tests::choice;
    use crate::models::{MODELS, Noise, build, initial, layout};
    use crate::seed::{Purpose, Seed};
    use crate::task::{Facts, Input, Task};
    use crate::torch::params::Params;
    use crate::torch::task::gradients;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn a_single_sample_of_the_smallest_image_leaves_every_number_finite() {
        for entry in MODELS {
            let facts = smallest(entry.name);
            let network = build(&choice(entry.name), &facts).expect("fits");
            let layout = layout(network.as_ref());
            let mut params = Params::new(&layout, network.trained(), Device::Cpu).expect("room");
            params.load(&initial(network.as_ref(), &layout, &mut Seed(1).stream(Purpose::Initial)));
            let sizes: Vec<i64> = [1].into_iter().chain(facts.shape.iter().map(|&n| n as i64)).collect();
            let batch = Tensor::ones(&sizes[..], (Kind::Float, Device::Cpu));
            let batch = if facts.input == Input::Tokens { batch.to_kind(Kind::Int64) } else { batch };
            let labels = Tensor::from_slice(&[3i64]);
            let (loss, slopes) = gradients(
                network.as_ref(),
                &facts.task,
                params.views(),
                &batch,
                &labels,
                Some(&mut Noise::new(Seed(2).stream(Purpose::Model))),
            );
            let mut weights = vec![0.0; layout.length()];
            params.save(&mut weights);
            assert!(loss.double_value(&[]).is_finite(), "{}", entry.name);
            assert!(weights.iter().all(|weight| weight.is_finite()), "{}", entry.name);
            let finite = |slope: &Tensor| slope.abs().sum(Kind::Double).double_value(&[]).is_finite();
            assert!(slopes.iter().all(finite), "{}", entry.name);
        }
    }

    /// The smallest square images that a model takes, or text.
    fn smallest(name: &str) -> Facts {
        let task = Task::Next { vocabulary: 10, ignore: None };
        let text = Facts { shape: vec![6], task, input: Input::Tokens, targets: 1 };
        let images = (1..64).map(|side: usize| Facts::classes(&[1, side, side], 10));
        images.chain([text]).find(|facts| build(&choice(name), facts).is_ok()).expect("takes one of them")
    }
}
