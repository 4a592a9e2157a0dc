//! Sets of coloured pictures: planes of bytes, one colour after another, and a class each.

mod augment;
mod cifar;
mod cinic;
mod landmarks;
mod pickle;

use super::{Column, DataError, Numbers, Samples, Standard};
use std::path::Path;

pub use augment::{Augment, Look};
pub use cifar::{hundred, ten};
pub use cinic::cinic;
pub use landmarks::Landmarks;

/// Mean and deviation of characters that are 0 where ink is and 1 on paper, of all of FEMNIST.
pub const INK: ([f32; 1], [f32; 1]) = ([0.9637], [0.1597]);

/// What such characters stand on.
pub const PAPER: f32 = 1.0;

/// Pictures in the making.
#[derive(Debug, Default)]
pub struct Pictures {
    pixels: Vec<u8>,
    classes: Vec<u32>,
}

impl Pictures {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Adds a picture of this class: all bytes of its first plane, then those of the next.
    pub fn push(&mut self, planes: &[u8], class: u32) {
        self.pixels.extend_from_slice(planes);
        self.classes.push(class);
    }

    /// Makes room for so many bytes.
    ///
    /// # Errors
    /// There is no memory for them; it names the file that wants it.
    pub fn reserve(&mut self, bytes: usize, path: &Path) -> Result<(), DataError> {
        let room = self.pixels.try_reserve_exact(bytes);
        room.map_err(|_| DataError::NoMemory {
            path: path.to_owned(),
            values: bytes,
        })
    }

    /// Rows of so many bytes each, and their classes.
    pub fn samples(self, width: usize, standard: Standard) -> Samples {
        Samples {
            inputs: Column::new(Numbers::Bytes(self.pixels.into(), standard), width),
            targets: Column::integers(self.classes, 1),
        }
    }
}

/// Pixels with their colours side by side, as planes of one colour each: `[height, width, colour]`
/// to `[colour, height, width]`.
pub fn planes(pixels: &[u8], colours: usize) -> Vec<u8> {
    let plane = |colour: usize| pixels.iter().skip(colour).step_by(colours).copied();
    (0..colours).flat_map(plane).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_apart() {
        assert_eq!(planes(&[1, 2, 3, 4, 5, 6], 3), [1, 4, 2, 5, 3, 6]);
        assert_eq!(planes(&[1, 2, 3], 1), [1, 2, 3]);
    }
}
