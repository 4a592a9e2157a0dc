//! A model's parameters as one flat vector, and exact sums of their changes.

mod accumulator;
mod fault;
mod piece;
mod section;
mod sum;

use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

pub use accumulator::Accumulator;
pub use fault::SumError;
pub use piece::Piece;
pub use section::{Section, Sections, Total, Turnout, Weigh, Who};
pub use sum::{ExactSum, FRACTION_BITS, LIMIT};

/// A flat weight vector that several may hold; it is never copied to be sent.
pub type Weights = Arc<Vec<f32>>;

/// A flat vector of fixed-point changes, as [`ExactSum`] adds them.
pub type Units = Arc<Vec<i64>>;

/// The memory for another vector of more values than this is worth more than the time that it saves.
pub const LARGE: usize = 1 << 20;

/// Fixed-point changes in the memory of a device. Whoever holds them keeps them there until they
/// are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where on the device the first one is.
    pub address: u64,
    /// How many there are.
    pub length: usize,
}

/// Every tensor starts at a multiple of this many bytes, whatever its neighbours: matrix libraries
/// may round differently for differently aligned memory.
pub const ALIGNMENT_BYTES: usize = 64;

/// One named tensor in the flat vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Name as in the saved model, such as `fc1.weight`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// First element in the flat vector.
    pub offset: usize,
}

impl Slot {
    /// Number of values, without padding.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Where the values lie in the flat vector.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.count()
    }
}

/// Where each tensor lies in the flat vector. Padding between tensors is always zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    slots: Vec<Slot>,
    length: usize,
    // Where the tensors end that are trained, if not at the end.
    trained: Option<usize>,
}

impl Layout {
    /// Appends a tensor at the next aligned offset.
    pub fn push(&mut self, name: &str, shape: &[usize]) {
        let slot = Slot {
            name: name.to_owned(),
            shape: shape.to_vec(),
            offset: self.length,
        };
        let per_line = ALIGNMENT_BYTES / size_of::<f32>();
        self.length = slot.range().end.next_multiple_of(per_line);
        self.slots.push(slot);
    }

    /// What was appended so far is trained; what follows is only kept, such as the running means of
    /// batch normalisation. Those are averaged, and nothing else is done to them.
    pub fn end_trained(&mut self) {
        self.trained = Some(self.length);
    }

    /// Length of the part of the flat vector that is trained, padding included. It comes first.
    pub fn trained(&self) -> usize {
        self.trained.unwrap_or(self.length)
    }

    /// The tensors in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The name of the tensor that a value belongs to; padding belongs to the one before it.
    pub fn at(&self, position: usize) -> Option<&str> {
        let next = self.slots.partition_point(|slot| slot.offset <= position);
        let slot = self.slots.get(next.checked_sub(1)?)?;
        (position < self.length).then_some(slot.name.as_str())
    }

    /// Length of the flat vector, padding included.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Number of parameters, as papers count them: what is trained, without padding.
    pub fn parameters(&self) -> usize {
        let end = self
            .slots
            .partition_point(|slot| slot.offset < self.trained());
        self.slots[..end].iter().map(Slot::count).sum()
    }
}

/// A short fingerprint of a model: the first 16 hexadecimal digits of the BLAKE3 hash of its bytes
/// (little-endian f32, padding included).
pub fn hash(weights: &[f32]) -> String {
    blake3::hash(bytemuck::cast_slice(weights)).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_aligned_and_counted_without_padding() {
        let mut layout = Layout::default();
        layout.push("a", &[3, 5]);
        layout.push("b", &[17]);
        assert_eq!(layout.slots()[1].offset, 16);
        assert_eq!((layout.length(), layout.parameters()), (48, 32));
    }

    #[test]
    fn what_is_only_kept_is_no_parameter() {
        let mut layout = Layout::default();
        layout.push("weight", &[3]);
        layout.end_trained();
        layout.push("running_mean", &[17]);
        assert_eq!((layout.trained(), layout.length(), layout.parameters()), (16, 48, 3));
    }
}
