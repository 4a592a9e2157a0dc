//! Models of images as a chain of layers. Whoever builds one says each layer once, and its size
//! follows from the image that reaches it; tensors bear PyTorch's names and come in its order.
//!
//! ```text
//! let mut net = Chain::of_images(facts, Start::TORCH)?;
//! net.convolution("conv1", 6, Form::square(5).padded(0)).relu().max_pool(2, 2, 0);
//! net.flatten().linear("fc1", 120).relu().linear("fc2", classes);
//! net.finish()
//! ```

use super::layers::{
    Convolution, Dropout, Function, Gate, Layer, Linear, Pass, Pooling, Residual, through,
};
use super::normalise::{BatchNorm, GroupNorm, Norm};
use super::parameter::Start;
use super::{Network, Noise, Parameter, Unfit, constant, fitting_numbers, named};
use crate::task::Facts;
use tch::{Device, Tensor};

/// Most values of a model whose images lie with channels side by side.
const LIGHT: usize = 5_000_000;

/// A model in the making.
pub struct Chain {
    trained: Vec<Parameter>,
    kept: Vec<Parameter>,
    layers: Vec<Box<dyn Layer>>,
    start: Start,
    // Channels, height and width of what reaches the next layer.
    image: [usize; 3],
    given: [usize; 3],
    unfit: Option<Unfit>,
}

/// What a convolution looks like beside its channels.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    kernel: usize,
    stride: usize,
    padding: usize,
    // Whether each channel has a kernel of its own.
    is_depthwise: bool,
    has_bias: bool,
}

impl Form {
    /// A square kernel of odd size with a bias; the image keeps its size.
    pub const fn square(kernel: usize) -> Form {
        Form {
            kernel,
            stride: 1,
            padding: kernel / 2,
            is_depthwise: false,
            has_bias: true,
        }
    }

    /// Only every so many pixels.
    pub const fn stride(self, stride: usize) -> Form {
        Form { stride, ..self }
    }

    /// So many zeros around the image.
    pub const fn padded(self, padding: usize) -> Form {
        Form { padding, ..self }
    }

    /// A kernel for each channel.
    pub const fn depthwise(self) -> Form {
        Form {
            is_depthwise: true,
            ..self
        }
    }

    /// No bias, as where normalisation follows.
    pub const fn without_bias(self) -> Form {
        Form {
            has_bias: false,
            ..self
        }
    }
}

impl Chain {
    /// Nothing yet, for images of the data's shape.
    pub fn of_images(facts: &Facts, start: Start) -> Result<Chain, Unfit> {
        fitting_numbers(facts)?;
        let &[channels, height, width] = &facts.shape[..] else {
            let found = format!("samples of shape {:?}", facts.shape);
            return Unfit::new("images [channels, height, width]", found);
        };
        let image = [channels, height, width];
        let (trained, kept, layers) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Chain {
            trained,
            kept,
            layers,
            start,
            image,
            given: image,
            unfit: None,
        })
    }

    /// Channels of what reaches the next layer.
    pub fn channels(&self) -> usize {
        self.image[0]
    }

    /// `NAME.weight` `[outputs, channels, kernel, kernel]` and, if it has one, `NAME.bias`.
    pub fn convolution(&mut self, name: &str, outputs: usize, form: Form) -> &mut Chain {
        let inputs = if form.is_depthwise {
            1
        } else {
            self.channels()
        };
        let groups = self.channels() / inputs;
        let shape = [outputs, inputs, form.kernel, form.kernel];
        let weight = self.weight(name, &shape, form.has_bias);
        self.shrink(name, form.kernel, form.stride, form.padding);
        self.image[0] = outputs;
        let [stride, padding, groups] =
            [form.stride, form.padding, groups].map(|count| count as i64);
        self.then(Convolution {
            weight,
            has_bias: form.has_bias,
            stride,
            padding,
            groups,
        })
    }

    /// `NAME.weight` `[outputs, inputs]` and `NAME.bias`, over flat values.
    pub fn linear(&mut self, name: &str, outputs: usize) -> &mut Chain {
        let shape = [outputs, self.image.iter().product()];
        let weight = self.weight(name, &shape, true);
        self.image = [outputs, 1, 1];
        self.then(Linear { weight })
    }

    /// `NAME.weight`, which starts as `scale`, and `NAME.bias`; of batches also `NAME.running_mean`
    /// and `NAME.running_var`, which are kept.
    pub fn norm_from(&mut self, name: &str, norm: Norm, scale: f32) -> &mut Chain {
        let (first, channels) = (self.trained.len(), self.channels());
        let values = norm.values(channels);
        let groups = norm.groups(channels).unwrap_or(1);
        if !norm.divides(channels) {
            self.refuse(Unfit::Groups { channels, groups });
        }
        self.trained
            .push(constant(format!("{name}.weight"), values, scale));
        self.trained
            .push(constant(format!("{name}.bias"), values, 0.0));
        if let Norm::Batch { momentum, epsilon } = norm {
            let kept = self.kept.len();
            self.kept
                .push(constant(format!("{name}.running_mean"), channels, 0.0));
            self.kept
                .push(constant(format!("{name}.running_var"), channels, 1.0));
            return self.then(BatchNorm {
                first,
                kept,
                momentum,
                epsilon,
            });
        }
        self.then(GroupNorm {
            first,
            groups: groups as i64,
            each: (channels / values) as i64,
        })
    }

    /// The same with a scale of one.
    pub fn norm(&mut self, name: &str, norm: Norm) -> &mut Chain {
        self.norm_from(name, norm, 1.0)
    }

    /// A function that keeps shapes.
    pub fn apply(&mut self, function: fn(Tensor) -> Tensor) -> &mut Chain {
        self.then(Function(function))
    }

    /// What is below zero becomes zero.
    pub fn relu(&mut self) -> &mut Chain {
        self.apply(|mut values| values.relu_())
    }

    /// The largest of each square.
    pub fn max_pool(&mut self, side: usize, stride: usize, padding: usize) -> &mut Chain {
        self.shrink("a pooling", side, stride, padding);
        let [side, stride, padding] = [side, stride, padding].map(|count| count as i64);
        self.then(Pooling {
            side,
            stride,
            padding,
        })
    }

    /// The mean of each channel, still as an image.
    pub fn mean(&mut self) -> &mut Chain {
        [self.image[1], self.image[2]] = [1, 1];
        self.apply(|values| values.mean_dim([2, 3].as_slice(), true, None::<tch::Kind>))
    }

    /// Means of so many parts a side, whatever the size.
    pub fn mean_of_parts(&mut self, side: usize, function: fn(Tensor) -> Tensor) -> &mut Chain {
        [self.image[1], self.image[2]] = [side, side];
        self.apply(function)
    }

    /// Images as rows of values.
    pub fn flatten(&mut self) -> &mut Chain {
        self.apply(|values| values.flatten(1, -1))
    }

    /// In training each value is left out with this probability.
    pub fn dropout(&mut self, rate: f64) -> &mut Chain {
        self.then(Dropout { rate })
    }

    /// The sum of two ways, of which the second may do nothing; in training the first is left out
    /// for a sample with probability `dropped`.
    pub fn residual(
        &mut self,
        dropped: f64,
        body: impl FnOnce(&mut Chain),
        shortcut: impl FnOnce(&mut Chain),
    ) -> &mut Chain {
        let start = self.image;
        let body = self.branch(body);
        self.image = start;
        let shortcut = self.branch(shortcut);
        self.then(Residual {
            body,
            shortcut,
            dropped,
        })
    }

    /// Each channel times what some layers make of all of them.
    pub fn gate(&mut self, layers: impl FnOnce(&mut Chain)) -> &mut Chain {
        let image = self.image;
        let layers = self.branch(layers);
        self.image = image;
        self.then(Gate { layers })
    }

    /// The model, if every layer had something to do.
    pub fn finish(self) -> Result<Box<dyn Network>, Unfit> {
        let Chain {
            trained,
            kept,
            layers,
            unfit,
            ..
        } = self;
        let values = |tensor: &Parameter| tensor.shape.iter().product::<usize>();
        let (split, count) = (trained.len(), trained.iter().map(values).sum::<usize>());
        let parameters = trained.into_iter().chain(kept).collect();
        let chained = Chained {
            parameters,
            trained: split,
            layers,
            is_light: count < LIGHT,
        };
        unfit.map_or_else(|| Ok(Box::new(chained) as Box<dyn Network>), Err)
    }

    fn then(&mut self, layer: impl Layer + 'static) -> &mut Chain {
        self.layers.push(Box::new(layer));
        self
    }

    fn branch(&mut self, build: impl FnOnce(&mut Chain)) -> Vec<Box<dyn Layer>> {
        let before = std::mem::take(&mut self.layers);
        build(self);
        std::mem::replace(&mut self.layers, before)
    }

    /// Where the weight lies among the trained tensors; its bias, if any, is next.
    fn weight(&mut self, name: &str, shape: &[usize], has_bias: bool) -> usize {
        let place = self.trained.len();
        let [weight, bias] = self.start.of(shape);
        self.trained
            .push(named(format!("{name}.weight"), shape, weight));
        if has_bias {
            self.trained
                .push(named(format!("{name}.bias"), &shape[..1], bias));
        }
        place
    }

    /// Whoever leaves pixels out must find some, and kernels must fit.
    fn shrink(&mut self, name: &str, kernel: usize, stride: usize, padding: usize) {
        let [_, height, width] = self.image;
        let least = kernel.saturating_sub(2 * padding).max(stride);
        if height.min(width) < least {
            let [_, given_height, given_width] = self.given;
            let found =
                format!("images of {given_height}x{given_width}, {height}x{width} before {name}");
            self.refuse(Unfit::Data {
                wanted: "larger images",
                found,
            });
        }
        let left = |side: usize| (side + 2 * padding).saturating_sub(kernel) / stride + 1;
        self.image = [self.channels(), left(height), left(width)];
    }

    /// The first refusal is the one that is said.
    fn refuse(&mut self, unfit: Unfit) {
        self.unfit.get_or_insert(unfit);
    }
}

/// A chain that is complete.
struct Chained {
    parameters: Vec<Parameter>,
    trained: usize,
    layers: Vec<Box<dyn Layer>>,
    is_light: bool,
}

impl Network for Chained {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.trained
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        let (trained, kept) = parameters.split_at(self.trained);
        let batch = if self.is_light && batch.device() == Device::Cpu {
            channels_last(batch)
        } else {
            batch.shallow_clone()
        };
        through(
            &self.layers,
            batch,
            &mut Pass {
                trained,
                kept,
                noise,
            },
        )
    }
}

/// The same images with a pixel's channels side by side: on CPUs most layers are faster so, and
/// give back what lies likewise. Their kernels have to be turned over for it, which costs more in a
/// model of many weights.
fn channels_last(batch: &Tensor) -> Tensor {
    batch
        .permute([0, 2, 3, 1])
        .contiguous()
        .permute([0, 3, 1, 2])
}
