//! A network that starts from what was stored, and else is what it was.

use super::{Descent, Network, Noise, Parameter};
use crate::weights::Layout;
use tch::Tensor;

/// A network whose parameters start as they are stored, where they are stored.
pub struct Pretrained {
    network: Box<dyn Network>,
    parameters: Vec<Parameter>,
}

impl Pretrained {
    /// The network, with its own parameters as they start now.
    pub fn new(network: Box<dyn Network>, parameters: Vec<Parameter>) -> Pretrained {
        Pretrained {
            network,
            parameters,
        }
    }
}

impl Network for Pretrained {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.network.trained()
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        self.network.forward(parameters, batch, noise)
    }

    fn forward_at(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        places: &Tensor,
        noise: Option<&mut Noise>,
    ) -> Tensor {
        self.network.forward_at(parameters, batch, places, noise)
    }

    fn is_steady(&self) -> bool {
        self.network.is_steady()
    }

    fn descent(&self, layout: &Layout) -> Option<Box<dyn Descent>> {
        self.network.descent(layout)
    }
}
