//! A model's parameters: one flat tensor, and a view of it for each parameter.

use super::device::overwrite;
use crate::weights::{Layout, Slot};
use std::borrow::Cow;
use std::slice;
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// Flat parameters and their views.
pub struct Params {
    flat: Tensor,
    views: Vec<Tensor>,
    // The part of `flat` that is trained.
    trained: Tensor,
    // Zeros that follow each trained tensor in `flat`.
    paddings: Vec<Tensor>,
}

impl Params {
    /// Zero parameters of this layout, of which the first `trained` collect gradients.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn new(layout: &Layout, trained: usize, device: Device) -> Result<Params, TchError> {
        let zeros = |count: usize| Tensor::f_zeros([count as i64], (Kind::Float, device));
        let flat = zeros(layout.length())?;
        let views = layout.slots().iter().enumerate();
        let views = views
            .map(|(place, slot)| view(&flat, slot).set_requires_grad(place < trained))
            .collect();
        let ends = layout
            .slots()
            .iter()
            .skip(1)
            .map(|slot| slot.offset)
            .chain([layout.length()]);
        let ranges: Vec<_> = layout.slots().iter().zip(ends).take(trained).collect();
        let paddings = ranges
            .iter()
            .map(|(slot, end)| zeros(end - slot.range().end))
            .collect::<Result<_, _>>()?;
        let end = ranges.last().map_or(0, |(_, end)| *end as i64);
        Ok(Params {
            trained: flat.narrow(0, 0, end),
            flat,
            views,
            paddings,
        })
    }

    /// Takes over flat weights.
    pub fn load(&mut self, weights: &[f32]) {
        overwrite(&mut self.flat, weights);
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

    /// The flat weights, where they are or copied from a GPU.
    pub fn values(&self) -> Cow<'_, [f32]> {
        if self.flat.device().is_cuda() {
            let mut values = vec![0.0; self.flat.numel()];
            self.save(&mut values);
            return Cow::Owned(values);
        }
        // SAFETY: so many floats in host memory, one after another, which live and stay as they are
        // while they are lent.
        Cow::Borrowed(unsafe {
            slice::from_raw_parts(self.flat.data_ptr().cast(), self.flat.numel())
        })
    }

    /// The parameters, in the order of the layout.
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// The trained parameters in one tensor, with zeros between them, to be changed.
    pub fn trained(&mut self) -> &mut Tensor {
        &mut self.trained
    }

    /// The trained parameters in one tensor, to be looked at.
    pub fn trained_part(&self) -> &Tensor {
        &self.trained
    }

    /// A gradient for each trained parameter as one tensor like [`Params::trained`].
    pub fn gather(&self, gradients: &[Tensor]) -> Tensor {
        let flat: Vec<Tensor> = gradients
            .iter()
            .map(|gradient| gradient.reshape([-1]))
            .collect();
        let parts: Vec<&Tensor> = flat
            .iter()
            .zip(&self.paddings)
            .flat_map(|(one, zeros)| [one, zeros])
            .collect();
        Tensor::cat(&parts, 0)
    }
}

/// The part of a flat tensor that a slot is, in its shape.
fn view(flat: &Tensor, slot: &Slot) -> Tensor {
    let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
    flat.narrow(0, slot.offset as i64, slot.count() as i64)
        .view(&shape[..])
        .detach()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_lie_like_their_parameters() {
        let mut layout = Layout::default();
        layout.push("a", &[2, 3]);
        layout.push("b", &[16]);
        layout.push("kept", &[1]);
        let mut params = Params::new(&layout, 2, Device::Cpu).expect("room");
        let gradients = [
            Tensor::ones([2, 3], (Kind::Float, Device::Cpu)),
            Tensor::full([16], 2.0, (Kind::Float, Device::Cpu)),
        ];
        let flat = params.gather(&gradients);
        assert_eq!(flat.size(), params.trained().size());
        let _ = no_grad(|| params.trained().g_add_(&flat));
        let mut weights = vec![9.0; layout.length()];
        params.save(&mut weights);
        let sums = layout
            .slots()
            .iter()
            .map(|slot| weights[slot.range()].iter().sum::<f32>());
        assert_eq!(sums.collect::<Vec<_>>(), [6.0, 32.0, 0.0]);
        assert_eq!(weights.iter().sum::<f32>(), 38.0);
        assert_eq!(params.views()[1].double_value(&[15]), 2.0);
    }
}
