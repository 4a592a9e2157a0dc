//! Normalisation: over a batch, which keeps running figures, or over groups of a sample's channels,
//! which keeps nothing (Wu and He 2018) and so suits clients whose data differ.

use super::layers::{Layer, Pass};
use crate::part;
use crate::part::{Range, words};
use tch::Tensor;

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

words! {
    /// Normalisation as users say it.
    pub Over {
        /// See [`Norm::Batch`].
        Batch = "batch";
        /// See [`Norm::Groups`].
        Group = "group";
        /// See [`Norm::Shared`].
        Shared = "shared";
    }
}

part! {
    /// Settings of models that normalise.
    pub Normalised {
        norm: Over = "batch", "batch|group|shared", Range::ANY,
            "normalise over batches, over groups of channels, or over groups that share one scale \
             and one shift (FedML's and FLUTE's resnet18_gn)";
        groups: usize = "2", "GROUPS", Range::COUNT, "groups of channels, with norm=group";
        channels: usize = "2", "CHANNELS", Range::COUNT, "channels of a group, with norm=shared";
    }
}

impl Normalised {
    /// What they say.
    pub fn norm(&self) -> Norm {
        self.norm.with(self.groups, self.channels)
    }
}

impl Over {
    /// Groups being so many, or of so many channels.
    pub fn with(self, groups: usize, channels: usize) -> Norm {
        match self {
            Over::Batch => Norm::BATCH,
            Over::Group => Norm::Groups(groups),
            Over::Shared => Norm::Shared(channels),
        }
    }
}

/// Which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Over a batch.
    Batch {
        /// Share of a batch's figures in the running ones.
        momentum: f64,
        /// What is added to variances.
        epsilon: f64,
    },
    /// Over so many groups of channels.
    Groups(usize),
    /// Over groups of so many channels, which share one scale and one shift: FedML's and FLUTE's
    /// group normalisation.
    Shared(usize),
}

impl Norm {
    /// Over a batch, as PyTorch has it unless told otherwise.
    pub const BATCH: Norm = Norm::Batch {
        momentum: MOMENTUM,
        epsilon: EPSILON,
    };

    /// Groups of so many channels, if there are any.
    pub fn groups(self, channels: usize) -> Option<usize> {
        match self {
            Norm::Batch { .. } => None,
            Norm::Groups(groups) => Some(groups),
            Norm::Shared(each) => Some(channels.div_ceil(each)),
        }
    }

    /// Scales, and as many shifts.
    pub fn values(self, channels: usize) -> usize {
        match self {
            Norm::Batch { .. } | Norm::Groups(_) => channels,
            Norm::Shared(each) => channels.div_ceil(each),
        }
    }

    /// Whether groups divide so many channels.
    pub fn divides(self, channels: usize) -> bool {
        match self {
            Norm::Batch { .. } => true,
            Norm::Groups(number) | Norm::Shared(number) => channels.is_multiple_of(number),
        }
    }
}

/// Batch normalisation over the second dimension; scale and shift lie at `first`, running figures
/// at `kept`.
pub struct BatchNorm {
    pub first: usize,
    pub kept: usize,
    pub momentum: f64,
    pub epsilon: f64,
}

impl Layer for BatchNorm {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        let affine = [&pass.trained[self.first], &pass.trained[self.first + 1]];
        let figures = [&pass.kept[self.kept], &pass.kept[self.kept + 1]];
        moving(&values, affine, figures, [self.momentum, self.epsilon], pass.noise.is_some())
    }
}

/// Batch normalisation over the second dimension, as PyTorch has it unless told otherwise, by scale
/// and shift and by running mean and variance.
pub fn over_batch(
    values: &Tensor,
    affine: [&Tensor; 2],
    figures: [&Tensor; 2],
    training: bool,
) -> Tensor {
    moving(values, affine, figures, [MOMENTUM, EPSILON], training)
}

/// One value per channel has no variance (libtorch makes it NaN): running figures then stay as they
/// are.
fn moving(
    values: &Tensor,
    [scale, shift]: [&Tensor; 2],
    figures: [&Tensor; 2],
    [momentum, epsilon]: [f64; 2],
    training: bool,
) -> Tensor {
    let size = values.size();
    let alone = training && size.iter().product::<i64>() <= size[1];
    let [mean, variance] = figures.map(|figure| {
        if alone {
            figure.copy()
        } else {
            figure.shallow_clone()
        }
    });
    let (scale, shift) = (Some(scale), Some(shift));
    values.batch_norm(
        scale,
        shift,
        Some(&mean),
        Some(&variance),
        training,
        momentum,
        epsilon,
        false,
    )
}

/// Group normalisation; scale and shift lie at `first`, each for `each` channels.
pub struct GroupNorm {
    pub first: usize,
    pub groups: i64,
    pub each: i64,
}

impl GroupNorm {
    /// Each value for all channels that share it.
    fn spread(&self, values: &Tensor) -> Tensor {
        values
            .unsqueeze(1)
            .expand([-1, self.each], false)
            .reshape([-1])
    }
}

impl Layer for GroupNorm {
    fn forward(&self, values: Tensor, pass: &mut Pass<'_>) -> Tensor {
        let [scale, shift] =
            [self.first, self.first + 1].map(|place| self.spread(&pass.trained[place]));
        values.group_norm(self.groups, Some(&scale), Some(&shift), EPSILON, false)
    }
}
#[cfg(test)]
mod tests {
    use crate::models::tests::{choice, others};
    use crate::models::{MODELS, Noise, build, initial, layout};
    use crate::seed::{Purpose, Seed};
    use crate::task::{Facts, Input};
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
            let sizes: Vec<i64> = [1]
                .into_iter()
                .chain(facts.shape.iter().map(|&n| n as i64))
                .collect();
            let batch = Tensor::ones(&sizes[..], (Kind::Float, Device::Cpu));
            let batch = if facts.input == Input::Tokens {
                batch.to_kind(Kind::Int64)
            } else {
                batch
            };
            let labels = Tensor::from_slice(&vec![3i64; facts.targets]);
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
            let finite =
                |slope: &Tensor| slope.abs().sum(Kind::Double).double_value(&[]).is_finite();
            assert!(slopes.iter().all(finite), "{}", entry.name);
        }
    }

    /// The smallest square images that a model takes, or the data of another kind.
    fn smallest(name: &str) -> Facts {
        let images = (1..64).map(|side: usize| Facts::classes(&[1, side, side], 10));
        let mut kinds = images.chain(others());
        kinds
            .find(|facts| build(&choice(name), facts).is_ok())
            .expect("takes one of them")
    }
}
