//! Training in 16 bits: libtorch's autocast to bf16. Weights, gradients, losses and all that is
//! evaluated stay floats.

use crate::models::{Network, Noise, Parameter};
use tch::{Device, Kind, Tensor};

/// A model whose products and convolutions have 16 bits while it is trained.
pub struct Reduced {
    network: Box<dyn Network>,
    device: Device,
}

impl Reduced {
    /// The same model on a device.
    pub fn new(network: Box<dyn Network>, device: Device) -> Reduced {
        Reduced { network, device }
    }
}

impl Network for Reduced {
    fn parameters(&self) -> &[Parameter] {
        self.network.parameters()
    }

    fn trained(&self) -> usize {
        self.network.trained()
    }

    fn frozen(&self) -> Vec<(String, &Tensor)> {
        self.network.frozen()
    }

    fn is_steady(&self) -> bool {
        self.network.is_steady()
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        // Without noise nobody trains.
        let Some(noise) = noise else {
            return self.network.forward(parameters, batch, None);
        };
        let _cast = Cast::begin(self.device);
        self.network
            .forward(parameters, batch, Some(noise))
            .to_kind(Kind::Float)
    }

    fn forward_at(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        places: &Tensor,
        noise: Option<&mut Noise>,
    ) -> Tensor {
        let Some(noise) = noise else {
            return self.network.forward_at(parameters, batch, places, None);
        };
        let _cast = Cast::begin(self.device);
        self.network
            .forward_at(parameters, batch, places, Some(noise))
            .to_kind(Kind::Float)
    }
}

/// libtorch's numbers for devices and kinds, by `c10/core/DeviceType.h` and
/// `c10/core/ScalarType.h`.
const CPU: i8 = 0;
const CUDA: i8 = 1;
const BFLOAT16: i8 = 15;

// Names that libtorch's compiler (2.11) gives its own functions, as in `device.rs`.
unsafe extern "C" {
    #[link_name = "_ZN2at8autocast20set_autocast_enabledEN3c1010DeviceTypeEb"]
    fn set_autocast_enabled(device: i8, on: bool);
    #[link_name = "_ZN2at8autocast18set_autocast_dtypeEN3c1010DeviceTypeENS1_10ScalarTypeE"]
    fn set_autocast_dtype(device: i8, kind: i8);
    #[link_name = "_ZN2at8autocast11clear_cacheEv"]
    fn clear_cache();
}

/// While it lives, this thread casts. Weights that were cast are forgotten at its end, since a step
/// changes them.
struct Cast(i8);

impl Cast {
    fn begin(device: Device) -> Cast {
        let device = if device.is_cuda() { CUDA } else { CPU };
        // SAFETY: setters of this thread's flags, with the signatures of libtorch's header.
        unsafe {
            set_autocast_dtype(device, BFLOAT16);
            set_autocast_enabled(device, true);
        }
        Cast(device)
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        // SAFETY: as at the beginning.
        unsafe {
            set_autocast_enabled(self.0, false);
            clear_cache();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{build, initial, layout};
    use crate::seed::{Purpose, Seed};
    use crate::task::Facts;
    use crate::torch::params::Params;
    use crate::torch::task::gradients;

    /// The last bits of training are lost, those of evaluation are not; gradients are floats.
    #[test]
    fn only_training_is_in_16_bits() {
        let facts = Facts::classes(&[1, 28, 28], 10);
        let full = build(&"2nn".into(), &facts).expect("fits");
        let layout = layout(full.as_ref());
        let mut params = Params::new(&layout, full.trained(), Device::Cpu).expect("room");
        params.load(&initial(full.as_ref(), &layout, &mut Seed(1).stream(Purpose::Initial)));
        let reduced = Reduced::new(build(&"2nn".into(), &facts).expect("fits"), Device::Cpu);
        tch::manual_seed(3);
        let batch = Tensor::rand([8, 1, 28, 28], (Kind::Float, Device::Cpu));
        let noise = || Noise::new(Seed(2).stream(Purpose::Model));
        let trained =
            |network: &dyn Network| network.forward(params.views(), &batch, Some(&mut noise()));
        let (exact, cast) = (trained(full.as_ref()), trained(&reduced));
        let apart =
            (&exact - &cast).abs().max().double_value(&[]) / exact.abs().max().double_value(&[]);
        assert!((1e-5..0.05).contains(&apart), "{apart}");
        assert_eq!((cast.kind(), reduced.descent(&layout).is_none()), (Kind::Float, true));
        assert!(
            full.forward(params.views(), &batch, None)
                == reduced.forward(params.views(), &batch, None)
        );
        let labels = Tensor::from_slice(&[0i64, 1, 2, 3, 4, 5, 6, 7]);
        let (_, slopes) =
            gradients(&reduced, &facts.task, params.views(), &batch, &labels, Some(&mut noise()));
        assert!(slopes.iter().all(|slope| slope.kind() == Kind::Float));
        // Nothing is left of it.
        assert!(trained(full.as_ref()) == exact);
    }
}
