//! Columns of a data set: a row of numbers for each sample, as they lie in the file. Bytes become
//! floats, and tokens integers, only when a batch is gathered.

use super::Values;
use serde::{Deserialize, Serialize};

/// How bytes are standardised: `(byte / 255 - mean) / deviation`, by one product and one sum, which
/// a compiler makes vectors of. It may not fuse them, so the bits are the same on all machines. A
/// row is cut into as many planes of equal width as there are channels, one after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standard(Vec<Channel>);

/// Figures of one channel, of values from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Mean of its values.
    pub mean: f32,
    /// Their standard deviation.
    pub deviation: f32,
}

impl Channel {
    /// What a byte becomes.
    fn apply(self) -> impl Fn(&u8) -> f32 + Copy {
        let (scale, shift) = (1.0 / (255.0 * self.deviation), -self.mean / self.deviation);
        move |&byte| f32::from(byte) * scale + shift
    }
}

impl Standard {
    /// Bytes become values from 0 to 1.
    pub fn units() -> Standard {
        Standard::one(0.0, 1.0)
    }

    /// The same figures for all of a row.
    pub fn one(mean: f32, deviation: f32) -> Standard {
        Standard(vec![Channel { mean, deviation }])
    }

    /// Figures for each of a row's channels: means, then deviations.
    pub fn each<const CHANNELS: usize>(
        means: [f32; CHANNELS],
        deviations: [f32; CHANNELS],
    ) -> Standard {
        let pairs = means.into_iter().zip(deviations);
        Standard(
            pairs
                .map(|(mean, deviation)| Channel { mean, deviation })
                .collect(),
        )
    }

    /// These figures, in the order of planes.
    pub fn new(channels: Vec<Channel>) -> Standard {
        Standard(channels)
    }

    /// Its channels, in the order of their planes.
    pub fn channels(&self) -> &[Channel] {
        &self.0
    }

    /// What the byte 0 becomes in each channel.
    pub fn black(&self) -> Vec<f32> {
        self.0.iter().map(|channel| channel.apply()(&0)).collect()
    }

    /// The figures as bytes, for fingerprints.
    pub fn bytes(&self) -> Vec<u8> {
        let figures = self
            .0
            .iter()
            .flat_map(|channel| [channel.mean, channel.deviation]);
        figures.flat_map(f32::to_le_bytes).collect()
    }

    /// Rows of floats become `(value - mean) / deviation`.
    fn of_floats(&self, values: &mut [f32], width: usize) {
        let plane = width.div_ceil(self.0.len().max(1)).max(1);
        for (plane, channel) in values
            .chunks_mut(width.max(1))
            .flat_map(|row| row.chunks_mut(plane).zip(&self.0))
        {
            plane
                .iter_mut()
                .for_each(|value| *value = (*value - channel.mean) / channel.deviation);
        }
    }

    /// A row, standardised, behind what is there.
    fn extend(&self, row: &[u8], floats: &mut Vec<f32>) {
        let plane = row.len().div_ceil(self.0.len().max(1)).max(1);
        for (plane, channel) in row.chunks(plane).zip(&self.0) {
            floats.extend(plane.iter().map(channel.apply()));
        }
    }
}

/// Numbers of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// As they are.
    Floats(Values<f32>),
    /// Bytes, standardised when they are gathered.
    Bytes(Values<u8>, Standard),
    /// Classes or tokens.
    Integers(Values<u32>),
}

/// Rows of equal width.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    numbers: Numbers,
    width: usize,
}

impl Default for Column {
    fn default() -> Column {
        Column::integers(Vec::new(), 1)
    }
}

impl Column {
    /// Rows of `width` numbers each.
    pub fn new(numbers: Numbers, width: usize) -> Column {
        Column { numbers, width }
    }

    /// Rows of floats.
    pub fn floats(values: Vec<f32>, width: usize) -> Column {
        Column::new(Numbers::Floats(values.into()), width)
    }

    /// Rows of integers.
    pub fn integers(values: Vec<u32>, width: usize) -> Column {
        Column::new(Numbers::Integers(values.into()), width)
    }

    /// What is in it.
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows that there are.
    pub fn len(&self) -> usize {
        let numbers = match &self.numbers {
            Numbers::Floats(values) => values.len(),
            Numbers::Bytes(values, _) => values.len(),
            Numbers::Integers(values) => values.len(),
        };
        numbers / self.width.max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds classes or tokens.
    pub fn is_integers(&self) -> bool {
        matches!(self.numbers, Numbers::Integers(_))
    }

    /// One integer a row, if it is that.
    pub fn classes(&self) -> Option<&[u32]> {
        match &self.numbers {
            Numbers::Integers(values) if self.width == 1 => Some(values),
            _ => None,
        }
    }

    /// The named rows as floats, one after another; nothing of a column of integers.
    pub fn gather_floats(&self, rows: &[u32], floats: &mut Vec<f32>) {
        floats.clear();
        match &self.numbers {
            Numbers::Floats(values) => {
                picked(values, self.width, rows).for_each(|row| floats.extend_from_slice(row))
            }
            Numbers::Bytes(values, standard) => {
                picked(values, self.width, rows).for_each(|row| standard.extend(row, floats));
            }
            Numbers::Integers(_) => {}
        }
    }

    /// The named rows as integers, one after another; nothing of a column of other numbers.
    pub fn gather_integers(&self, rows: &[u32], integers: &mut Vec<u32>) {
        integers.clear();
        if let Numbers::Integers(values) = &self.numbers {
            picked(values, self.width, rows).for_each(|row| integers.extend_from_slice(row));
        }
    }

    /// Whether all numbers are the same; it looks no further than the first that differs.
    pub fn is_constant(&self) -> bool {
        fn alike<T: PartialEq>(values: &[T]) -> bool {
            values.iter().all(|value| *value == values[0])
        }
        match &self.numbers {
            Numbers::Floats(values) => alike(values),
            Numbers::Bytes(values, _) => alike(values),
            Numbers::Integers(values) => alike(values),
        }
    }

    /// Only these rows.
    pub fn pick(&self, rows: &[u32]) -> Column {
        fn only<T: bytemuck::Pod>(values: &[T], width: usize, rows: &[u32]) -> Values<T> {
            picked(values, width, rows)
                .flatten()
                .copied()
                .collect::<Vec<T>>()
                .into()
        }
        let numbers = match &self.numbers {
            Numbers::Floats(values) => Numbers::Floats(only(values, self.width, rows)),
            Numbers::Bytes(values, standard) => {
                Numbers::Bytes(only(values, self.width, rows), standard.clone())
            }
            Numbers::Integers(values) => Numbers::Integers(only(values, self.width, rows)),
        };
        Column {
            numbers,
            width: self.width,
        }
    }

    /// Rows of pixels, each with all its channels, as planes of one channel after another.
    pub fn channels_first(self, channels: usize) -> Column {
        let numbers = match self.numbers {
            Numbers::Floats(values) => Numbers::Floats(planes(&values, self.width, channels)),
            Numbers::Bytes(values, standard) => {
                Numbers::Bytes(planes(&values, self.width, channels), standard)
            }
            Numbers::Integers(values) => Numbers::Integers(planes(&values, self.width, channels)),
        };
        Column {
            numbers,
            width: self.width,
        }
    }

    /// The same rows, standardised: bytes when they are gathered, floats at once.
    pub fn standardised(self, standard: &Standard) -> Column {
        let numbers = match self.numbers {
            Numbers::Floats(values) => {
                let mut values = values.into_vec();
                standard.of_floats(&mut values, self.width);
                Numbers::Floats(values.into())
            }
            Numbers::Bytes(values, _) => Numbers::Bytes(values, standard.clone()),
            integers => integers,
        };
        Column {
            numbers,
            width: self.width,
        }
    }

    /// The largest token; none where there are no integers.
    pub fn largest(&self) -> Option<u32> {
        match &self.numbers {
            Numbers::Integers(values) => values.iter().copied().max(),
            _ => None,
        }
    }

    /// The bytes of all numbers, for fingerprints and files.
    pub fn bytes(&self) -> &[u8] {
        match &self.numbers {
            Numbers::Floats(values) => bytemuck::cast_slice(values),
            Numbers::Bytes(values, _) => values,
            Numbers::Integers(values) => bytemuck::cast_slice(values),
        }
    }
}

/// The named rows.
fn picked<'a, T>(values: &'a [T], width: usize, rows: &'a [u32]) -> impl Iterator<Item = &'a [T]> {
    rows.iter()
        .map(move |&row| &values[row as usize * width..(row as usize + 1) * width])
}

/// Rows of numbers that belong together, as planes of the first of each, of the second, and so on.
fn planes<T: bytemuck::Pod>(values: &[T], width: usize, channels: usize) -> Values<T> {
    let mut planes = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width.max(1)) {
        for channel in 0..channels {
            planes.extend(row.iter().skip(channel).step_by(channels).copied());
        }
    }
    planes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_floats_when_they_are_gathered() {
        let standard = Standard::one(0.5, 0.25);
        let column = Column::new(Numbers::Bytes(vec![0, 255, 0, 0, 51, 255].into(), standard), 2);
        let mut floats = vec![9.0];
        column.gather_floats(&[2, 0], &mut floats);
        assert_eq!((column.len(), floats.len()), (3, 4));
        let wanted = [(0.2 - 0.5) / 0.25, 2.0, -2.0, 2.0];
        assert!(
            floats
                .iter()
                .zip(wanted)
                .all(|(found, wanted)| (found - wanted).abs() < 1e-6),
            "{floats:?}"
        );
    }

    #[test]
    fn each_channel_has_figures_of_its_own() {
        let standard = Standard::each([0.0, 0.5, 1.0], [1.0, 0.5, 2.0]);
        let column =
            Column::new(Numbers::Bytes(vec![255, 0, 0, 255, 255, 0].into(), standard.clone()), 6);
        let mut floats = Vec::new();
        column.gather_floats(&[0], &mut floats);
        let wanted = [1.0, 0.0, -1.0, 1.0, 0.0, -0.5];
        assert!(
            floats
                .iter()
                .zip(wanted)
                .all(|(found, wanted)| (found - wanted).abs() < 1e-6),
            "{floats:?}"
        );
        assert_eq!((standard.black(), standard.bytes().len()), (vec![0.0, -1.0, -0.5], 24));
    }

    #[test]
    fn floats_are_standardised_at_once_and_channels_become_planes() {
        let column = Column::floats(vec![1.0, 10.0, 3.0, 30.0], 4).channels_first(2);
        let standard = Standard::each([2.0, 20.0], [1.0, 10.0]);
        assert_eq!(column.standardised(&standard), Column::floats(vec![-1.0, 1.0, -1.0, 1.0], 4));
        let rows = Column::integers(vec![1, 2, 3, 4, 5, 6], 2);
        assert_eq!(
            (rows.pick(&[2, 0]), rows.largest()),
            (Column::integers(vec![5, 6, 1, 2], 2), Some(6))
        );
    }

    #[test]
    fn only_rows_of_one_integer_are_classes() {
        let (mut found, pairs) = (Vec::new(), Column::integers(vec![1, 2, 3, 4], 2));
        pairs.gather_integers(&[1, 1], &mut found);
        assert_eq!((found, pairs.classes()), (vec![3, 4, 3, 4], None));
        assert_eq!(Column::integers(vec![1, 2], 1).classes(), Some(&[1, 2][..]));
    }
}
