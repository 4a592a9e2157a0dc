//! Arrays as other programs write them: a shape, and numbers or words of one kind.

use bytemuck::AnyBitPattern;
use std::borrow::Cow;

/// What is in an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Truth, 0 or 1.
    Flags(Vec<u8>),
    /// Unsigned bytes.
    Bytes(Vec<u8>),
    /// Any other integers.
    Integers(Vec<i64>),
    /// Real numbers.
    Floats(Vec<f32>),
    /// Words.
    Texts(Vec<String>),
}

/// Cells, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Rows, then what each of them has.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub cells: Cells,
}

/// How a cell lies in a file, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A byte that is 0 or 1.
    Flag,
    /// `u8`.
    U8,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `u16`.
    U16,
    /// `i32`.
    I32,
    /// `u32`.
    U32,
    /// `i64`.
    I64,
    /// `u64`.
    U64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// So many bytes of a word, filled up with zeros.
    Letters(usize),
    /// So many characters of a word, of four bytes each, filled up with zeros.
    Characters(usize),
}

impl Kind {
    /// Bytes of a cell.
    pub fn size(self) -> Option<usize> {
        Some(match self {
            Kind::Flag | Kind::U8 | Kind::I8 => 1,
            Kind::I16 | Kind::U16 => 2,
            Kind::I32 | Kind::U32 | Kind::F32 => 4,
            Kind::I64 | Kind::U64 | Kind::F64 => 8,
            Kind::Letters(count) => count,
            Kind::Characters(count) => count.checked_mul(4)?,
        })
    }

    /// Cells from their bytes.
    ///
    /// # Errors
    /// A number that does not fit, or bytes that are no word, with its place.
    pub fn decode(self, bytes: Cow<'_, [u8]>) -> Result<Cells, String> {
        Ok(match self {
            Kind::Flag => Cells::Flags(cast(&bytes, |value: u8| u8::from(value != 0))),
            Kind::U8 => Cells::Bytes(bytes.into_owned()),
            Kind::I8 => Cells::Integers(cast(&bytes, |value: i8| value.into())),
            Kind::I16 => Cells::Integers(cast(&bytes, |value: i16| value.into())),
            Kind::U16 => Cells::Integers(cast(&bytes, |value: u16| value.into())),
            Kind::I32 => Cells::Integers(cast(&bytes, |value: i32| value.into())),
            Kind::U32 => Cells::Integers(cast(&bytes, |value: u32| value.into())),
            Kind::I64 => Cells::Integers(cast(&bytes, |value: i64| value)),
            Kind::U64 => Cells::Integers(signed(&bytes)?),
            Kind::F32 => Cells::Floats(cast(&bytes, |value: f32| value)),
            Kind::F64 => Cells::Floats(cast(&bytes, |value: f64| value as f32)),
            Kind::Letters(width) => Cells::Texts(words(&bytes, width, letters)?),
            Kind::Characters(width) => Cells::Texts(words(&bytes, 4 * width, characters)?),
        })
    }
}

fn cast<T: AnyBitPattern, U>(bytes: &[u8], into: impl Fn(T) -> U) -> Vec<U> {
    bytes
        .chunks_exact(size_of::<T>())
        .map(|cell| into(bytemuck::pod_read_unaligned(cell)))
        .collect()
}

fn signed(bytes: &[u8]) -> Result<Vec<i64>, String> {
    let values = cast(bytes, |value: u64| i64::try_from(value).ok());
    let large = values.iter().position(Option::is_none);
    let values: Option<Vec<i64>> = values.into_iter().collect();
    values.ok_or(format!("number {} does not fit int64", large.unwrap_or_default()))
}

/// Words of so many bytes each.
fn words(
    bytes: &[u8],
    width: usize,
    word: fn(&[u8]) -> Option<String>,
) -> Result<Vec<String>, String> {
    let cells = bytes.chunks_exact(width.max(1)).enumerate();
    let read = |(row, cell): (usize, &[u8])| word(cell).ok_or(format!("row {row} is no text"));
    cells.map(read).collect()
}

fn letters(cell: &[u8]) -> Option<String> {
    let end = cell
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    String::from_utf8(cell[..end].to_vec()).ok()
}

fn characters(cell: &[u8]) -> Option<String> {
    let codes = cell
        .chunks_exact(4)
        .map(bytemuck::pod_read_unaligned::<u32>);
    let word: Option<String> = codes.map(char::from_u32).collect();
    word.map(|word| word.trim_end_matches('\0').to_owned())
}

impl Array {
    /// Rows that there are.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// What each row has.
    pub fn row_shape(&self) -> &[usize] {
        self.shape.get(1..).unwrap_or_default()
    }

    /// What the cells are called in Python.
    pub fn kind(&self) -> &'static str {
        match self.cells {
            Cells::Flags(_) => "bool",
            Cells::Bytes(_) => "uint8",
            Cells::Integers(_) => "integers",
            Cells::Floats(_) => "floats",
            Cells::Texts(_) => "strings",
        }
    }

    /// The cells as integers, if they are some: floats too, where all of them are whole.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match &self.cells {
            Cells::Flags(values) | Cells::Bytes(values) => {
                Some(values.iter().map(|&value| value.into()).collect())
            }
            Cells::Integers(values) => Some(values.clone()),
            Cells::Floats(values) => values.iter().map(|&value| whole(value)).collect(),
            Cells::Texts(_) => None,
        }
    }

    /// The cells as floats, if they are numbers.
    pub fn floats(&self) -> Option<Vec<f32>> {
        match &self.cells {
            Cells::Flags(values) | Cells::Bytes(values) => {
                Some(values.iter().map(|&value| value.into()).collect())
            }
            Cells::Integers(values) => Some(values.iter().map(|&value| value as f32).collect()),
            Cells::Floats(values) => Some(values.clone()),
            Cells::Texts(_) => None,
        }
    }

    /// The cells as words.
    pub fn texts(&self) -> Vec<String> {
        match &self.cells {
            Cells::Flags(values) | Cells::Bytes(values) => {
                values.iter().map(u8::to_string).collect()
            }
            Cells::Integers(values) => values.iter().map(i64::to_string).collect(),
            Cells::Floats(values) => values.iter().map(f32::to_string).collect(),
            Cells::Texts(values) => values.clone(),
        }
    }
}

/// A float as the integer that it is.
fn whole(value: f32) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_their_bytes_say() {
        let shorts = [3i16, -1].map(i16::to_le_bytes).concat();
        assert_eq!(Kind::I16.decode(shorts.into()), Ok(Cells::Integers(vec![3, -1])));
        let halves = [0.5f64, 2.0].map(f64::to_le_bytes).concat();
        assert_eq!(Kind::F64.decode(halves.into()), Ok(Cells::Floats(vec![0.5, 2.0])));
        let large = [7, u64::MAX].map(u64::to_le_bytes).concat();
        assert_eq!(Kind::U64.decode(large.into()), Err("number 1 does not fit int64".to_owned()));
    }

    #[test]
    fn words_end_before_their_zeros() {
        let texts =
            |words: &[&str]| Ok(Cells::Texts(words.iter().map(|&word| word.to_owned()).collect()));
        assert_eq!(Kind::Letters(3).decode(b"ab\0c\0\0"[..].into()), texts(&["ab", "c"]));
        let codes = ['é', '\0']
            .map(|letter| u32::from(letter).to_le_bytes())
            .concat();
        assert_eq!(Kind::Characters(2).decode(codes.into()), texts(&["é"]));
        assert_eq!(
            Kind::Letters(1).decode(vec![b'a', 0xff].into()),
            Err("row 1 is no text".to_owned())
        );
        assert!(Kind::Characters(1).decode(vec![0xff; 4].into()).is_err());
    }

    #[test]
    fn floats_are_integers_where_all_are_whole() {
        let array = |values: &[f32]| Array {
            shape: vec![values.len()],
            cells: Cells::Floats(values.to_vec()),
        };
        assert_eq!(array(&[1.0, -100.0]).integers(), Some(vec![1, -100]));
        assert_eq!(array(&[1.0, 0.5]).integers(), None);
        assert_eq!(array(&[f32::NAN]).integers(), None);
    }
}
