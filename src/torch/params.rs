//! A model's parameters: one flat tensor, and a view of it for each parameter.

use crate::weights::{Layout, Slot};
use tch::{Device, Kind, Tensor, no_grad};

/// Flat parameters and their views.
pub struct Params {
    flat: Tensor,
    views: Vec<Tensor>,
}

impl Params {
    /// Zero parameters of this layout, of which the first `trained` collect gradients.
    pub fn new(layout: &Layout, trained: usize, device: Device) -> Params {
        let flat = Tensor::zeros([layout.length() as i64], (Kind::Float, device));
        let view = |(place, slot): (usize, &Slot)| {
            let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
            let part = flat.narrow(0, slot.offset as i64, slot.count() as i64).view(&shape[..]).detach();
            part.set_requires_grad(place < trained)
        };
        let views = layout.slots().iter().enumerate().map(view).collect();
        Params { flat, views }
    }

    /// Takes over flat weights.
    pub fn load(&mut self, weights: &[f32]) {
        no_grad(|| self.flat.copy_(&Tensor::from_slice(weights)));
    }

    /// Takes over flat weights that are on the device already.
    pub fn copy_from(&mut self, weights: &Tensor) {
        no_grad(|| self.flat.copy_(weights));
    }

    /// All weights in one tensor.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// Writes the flat weights to `weights`.
    pub fn save(&self, weights: &mut [f32]) {
        self.flat.copy_data(weights, weights.len());
    }

    /// The parameters, in the order of the layout.
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// The parameters, to be changed.
    pub fn views_mut(&mut self) -> &mut [Tensor] {
        &mut self.views
    }
}
