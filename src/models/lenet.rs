//! `lenet`: two 5x5 convolutions and three linear layers (LeCun et al. 1998, with ReLU and maxima).
//! It is FLUTE's `classif_cnn`, FedML's `CNN_WEB` and NIID-Bench's simple CNN.

use super::chain::{Chain, Form};
use super::parameter::Start;
use super::{Network, Unfit};
use crate::part;
use crate::part::Range;
use crate::task::Facts;

part! {
    /// Its settings.
    pub LeNet {
        padding: usize = "0", "PIXELS", Range::between(0.0, 2.0),
            "zeros around the image; with 2 the first convolution keeps its size";
    }
}

/// 62,006 parameters on CIFAR.
pub fn lenet(facts: &Facts, settings: &LeNet) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::TORCH)?;
    net.convolution("conv1", 6, Form::square(5).padded(settings.padding))
        .relu()
        .max_pool(2, 2, 0);
    net.convolution("conv2", 16, Form::square(5).padded(0))
        .relu()
        .max_pool(2, 2, 0);
    net.flatten()
        .linear("fc1", 120)
        .relu()
        .linear("fc2", 84)
        .relu();
    net.linear("fc3", facts.task.outputs());
    net.finish()
}
