//! A model's parameters: one flat tensor, and a view of it for each parameter.

use super::device::overwrite;
use crate::weights::{LARGE, Layout, Slot};
use rustix::mm::{Advice, madvise};
use std::borrow::Cow;
use std::{ptr, slice};
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// Values of tensors that are stepped together on the CPU, where to launch much work takes little
/// and to gather much takes long. Larger tensors are stepped by themselves.
const SMALL: usize = 1 << 16;

/// Flat parameters and their views.
pub struct Params {
    flat: Tensor,
    views: Vec<Tensor>,
    // The part of `flat` that is trained.
    trained: Tensor,
    parts: Vec<Part>,
}

/// Trained tensors, one after another, that are stepped together.
pub struct Part {
    values: Tensor,
    offset: i64,
    // How many tensors.
    count: usize,
    // Zeros between them.
    paddings: Vec<Tensor>,
}

impl Part {
    /// Of `slots`, of which there is at least one.
    fn new(slots: &[Slot], flat: &Tensor) -> Result<Part, TchError> {
        let [start, end] = [slots[0].offset, slots[slots.len() - 1].range().end];
        let gap = |pair: &[Slot]| (pair[1].offset - pair[0].range().end) as i64;
        let zeros = |pair| Tensor::f_zeros([gap(pair)], (Kind::Float, flat.device()));
        Ok(Part {
            values: flat.narrow(0, start as i64, (end - start) as i64),
            offset: start as i64,
            count: slots.len(),
            paddings: slots.windows(2).map(zeros).collect::<Result<_, _>>()?,
        })
    }

    /// What lies in a flat tensor where this part lies in the parameters.
    pub fn of(&self, flat: &Tensor) -> Tensor {
        flat.narrow(0, self.offset, self.values.size()[0])
    }

    /// Its values.
    pub fn values(&self) -> &Tensor {
        &self.values
    }

    /// Its values, to be changed.
    pub fn values_mut(&mut self) -> &mut Tensor {
        &mut self.values
    }

    /// Gradients of its tensors as one like its values.
    fn gather(&self, gradients: &[Tensor]) -> Tensor {
        let flat: Vec<Tensor> = gradients
            .iter()
            .map(|gradient| gradient.reshape([-1]))
            .collect();
        let mut pieces = vec![&flat[0]];
        for (zeros, gradient) in self.paddings.iter().zip(&flat[1..]) {
            pieces.extend([zeros, gradient]);
        }
        match pieces[..] {
            [one] => one.contiguous(),
            _ => Tensor::cat(&pieces, 0),
        }
    }
}

impl Params {
    /// Zero parameters of this layout, of which the first `trained` collect gradients.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn new(layout: &Layout, trained: usize, device: Device) -> Result<Params, TchError> {
        let flat = Tensor::f_zeros([layout.length() as i64], (Kind::Float, device))?;
        let views = layout.slots().iter().enumerate();
        let views = views
            .map(|(place, slot)| view(&flat, slot).set_requires_grad(place < trained))
            .collect();
        let slots = &layout.slots()[..trained];
        let is_small = |slot: &Slot| device.is_cuda() || slot.count() <= SMALL;
        let parts = slots
            .chunk_by(|one, next| is_small(one) && is_small(next))
            .map(|slots| Part::new(slots, &flat))
            .collect::<Result<_, _>>()?;
        let end = match layout.slots().get(trained) {
            Some(kept) => kept.offset,
            None => layout.length(),
        };
        Ok(Params {
            trained: flat.narrow(0, 0, end as i64),
            flat,
            views,
            parts,
        })
    }

    /// Takes over flat weights.
    pub fn load(&mut self, weights: &[f32]) {
        overwrite(&mut self.flat, weights);
    }

    /// Gives the memory of large values on the CPU back to the system. Nobody may read them until
    /// others are loaded.
    pub fn unload(&mut self) {
        if self.flat.device().is_cuda() || self.flat.numel() <= LARGE {
            return;
        }
        let page = rustix::param::page_size();
        let start = self.flat.data_ptr() as usize;
        let end = start + self.flat.numel() * size_of::<f32>();
        let (first, last) = (start.next_multiple_of(page), end / page * page);
        let place = ptr::with_exposed_provenance_mut(first);
        // SAFETY: whole pages of values that nobody reads before they are loaded again.
        let given = unsafe { madvise(place, last - first, Advice::LinuxDontNeed) };
        if let Err(error) = given {
            log::debug!("the model's memory is kept: {error}");
        }
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

    /// The trained parameters in one tensor, with zeros between them.
    pub fn trained(&self) -> &Tensor {
        &self.trained
    }

    /// What of the trained parameters is stepped together.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The same, to be changed.
    pub fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    /// A gradient for each trained parameter as one for each part. None shares memory with another,
    /// as those of a sum's terms may.
    pub fn gather(&self, mut gradients: &[Tensor]) -> Vec<Tensor> {
        let mut gathered: Vec<Tensor> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let (own, rest) = gradients.split_at(part.count);
            gradients = rest;
            let one = part.gather(own);
            let is_there = |other: &Tensor| other.data_ptr() == one.data_ptr();
            let is_shared = gathered.iter().any(is_there);
            gathered.push(if is_shared { one.copy() } else { one });
        }
        gathered
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
        layout.push("large", &[2, SMALL]);
        layout.push("larger", &[3, SMALL]);
        layout.push("c", &[5]);
        layout.push("kept", &[1]);
        let mut params = Params::new(&layout, 5, Device::Cpu).expect("room");
        let filled = |size: &[i64], value| Tensor::full(size, value, (Kind::Float, Device::Cpu));
        let wide = SMALL as i64;
        let gradients = [
            filled(&[2, 3], 1.0),
            filled(&[16], 2.0),
            filled(&[2, wide], 3.0),
            filled(&[wide, 3], 4.0).transpose(0, 1),
            filled(&[5], 5.0),
        ];
        let gathered = params.gather(&gradients);
        assert_eq!(gathered.len(), 4);
        for (part, gradient) in params.parts_mut().iter_mut().zip(gathered) {
            let _ = no_grad(|| part.values_mut().g_add_(&gradient));
        }
        let mut weights = vec![9.0; layout.length()];
        params.save(&mut weights);
        for (slot, wanted) in layout.slots().iter().zip([1.0, 2.0, 3.0, 4.0, 5.0, 0.0]) {
            assert!(weights[slot.range()].iter().all(|&value| value == wanted), "{}", slot.name);
        }
        let sum: f32 = weights.iter().sum();
        assert_eq!(sum, 6.0 + 32.0 + 6.0 * wide as f32 + 12.0 * wide as f32 + 25.0);
        assert_eq!(params.views()[1].double_value(&[15]), 2.0);
    }

    #[test]
    fn what_is_unloaded_is_zeros_until_it_is_loaded() {
        let mut layout = Layout::default();
        layout.push("a", &[LARGE + 4096]);
        let mut params = Params::new(&layout, 1, Device::Cpu).expect("room");
        let weights: Vec<f32> = (0..layout.length())
            .map(|place| place as f32 + 1.0)
            .collect();
        params.load(&weights);
        params.unload();
        let zeros = params
            .values()
            .iter()
            .filter(|value| **value == 0.0)
            .count();
        assert!(zeros >= LARGE, "{zeros}");
        params.load(&weights);
        assert!(*params.values() == *weights);
    }

    #[test]
    fn terms_of_a_sum_have_gradients_of_their_own() {
        let mut layout = Layout::default();
        layout.push("a", &[2 * SMALL]);
        layout.push("b", &[2 * SMALL]);
        let params = Params::new(&layout, 2, Device::Cpu).expect("room");
        let loss = (&params.views()[0] + &params.views()[1]).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], params.views(), false, false);
        let mut gathered = params.gather(&gradients);
        let _ = no_grad(|| gathered[0].g_mul_scalar_(3.0));
        assert_eq!([0, 1].map(|place: usize| gathered[place].double_value(&[7])), [3.0, 1.0]);
    }
}
