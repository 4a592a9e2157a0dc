//! IDX files (MNIST, Fashion-MNIST, EMNIST), plain or gzip.
//! Format: two zero bytes, a type byte (8 = unsigned byte), the number of dimensions, each
//! dimension as a big-endian u32, then the values.

use super::DataError;
use crate::files;
use flate2::read::GzDecoder;
use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// No image set of this format is larger; a header that says more is damaged. A small packed file
/// may unfold to it.
const MOST_BYTES: usize = 1 << 31;
/// How much memory is asked for ahead of the first values.
const STEP: usize = 1 << 20;

/// An array as it lies in the file.
#[derive(Debug, PartialEq)]
pub(super) struct Idx {
    pub(super) dimensions: Vec<usize>,
    pub(super) values: Vec<u8>,
}

impl Idx {
    /// Puts rows of images in the place of columns.
    pub(super) fn turn(&mut self) {
        let &[_, height, width] = &self.dimensions[..] else { return };
        let mut turned = vec![0; height * width];
        for image in self.values.chunks_exact_mut((height * width).max(1)) {
            for (place, value) in image.iter().enumerate() {
                turned[place % width * height + place / width] = *value;
            }
            image.copy_from_slice(&turned);
        }
        self.dimensions.swap(1, 2);
    }
}

/// Reads an array of `rank` dimensions from the file of this name, packed or not; gives its path
/// too.
pub(super) fn read_file(
    folder: &Path,
    name: &str,
    rank: usize,
) -> Result<(PathBuf, Idx), DataError> {
    let path = path_of(folder, name).unwrap_or_else(|| folder.join(name));
    let file = files::open(&path).map_err(DataError::unread(&path))?;
    let reader = BufReader::new(file);
    let parsed = match path.extension().is_some_and(|extension| extension == "gz") {
        true => parse(GzDecoder::new(reader), rank),
        false => parse(reader, rank),
    };
    match parsed {
        Ok(idx) => Ok((path, idx)),
        Err(Unread::Format(reason)) => Err(DataError::Format { path, reason }),
        Err(Unread::NoMemory(values)) => Err(DataError::NoMemory { path, values }),
    }
}

/// The file of this name, packed or not; Kaggle has a dot in the place of the second stroke.
pub(super) fn path_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    [name, &dotted]
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("{name}.gz")])
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// Why an array could not be read.
#[derive(Debug)]
enum Unread {
    /// What is wrong with the bytes.
    Format(String),
    /// There are so many values.
    NoMemory(usize),
}

impl From<String> for Unread {
    fn from(reason: String) -> Unread {
        Unread::Format(reason)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Format(reason) => out.write_str(reason),
            Unread::NoMemory(values) => write!(out, "there is no memory for {values} values"),
        }
    }
}

/// Reads one array of `rank` dimensions. Memory grows only as values arrive, whatever the header
/// says.
fn parse(mut reader: impl Read, rank: usize) -> Result<Idx, Unread> {
    let dimensions = read_header(&mut reader, rank)?;
    let count = dimensions
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n))
        .filter(|&count| count <= MOST_BYTES)
        .ok_or(format!("impossible dimensions {dimensions:?}"))?;
    let values = read_values(&mut reader, count)?;
    // Reading to the end also makes gzip check its checksum.
    match io::copy(&mut reader.take(1), &mut io::sink()).map_err(damaged)? {
        0 => Ok(Idx { dimensions, values }),
        _ => Err(format!("more than the {count} values that the header announces").into()),
    }
}

/// The length of each of `rank` dimensions.
fn read_header(reader: &mut impl Read, rank: usize) -> Result<Vec<usize>, String> {
    let mut magic = [0u8; 4];
    reader
        .read_exact(&mut magic)
        .map_err(|error| format!("no header: {error}"))?;
    let wanted = [0, 0, 8, rank as u8];
    if magic != wanted {
        return Err(format!("magic number {magic:02x?}, expected {wanted:02x?}"));
    }
    (0..rank).map(|_| read_dimension(reader)).collect()
}

fn read_dimension(reader: &mut impl Read) -> Result<usize, String> {
    let mut bytes = [0u8; 4];
    reader
        .read_exact(&mut bytes)
        .map_err(|error| format!("truncated header: {error}"))?;
    Ok(u32::from_be_bytes(bytes) as usize)
}

/// So many values, step by step.
fn read_values(reader: &mut impl Read, count: usize) -> Result<Vec<u8>, Unread> {
    let mut values = Vec::new();
    while values.len() < count {
        let more = (count - values.len()).min(values.len().max(STEP));
        values
            .try_reserve_exact(more)
            .map_err(|_| Unread::NoMemory(count))?;
        let mut step = reader.by_ref().take(more as u64);
        if step.read_to_end(&mut values).map_err(damaged)? == 0 {
            return Err(format!("truncated: {} of {count} values", values.len()).into());
        }
    }
    Ok(values)
}

fn damaged(error: io::Error) -> String {
    format!("damaged content: {error}")
}

/// Reads an array of bytes of `rank` dimensions: these, then the values.
///
/// # Errors
/// What is wrong with the bytes; never panics, and takes no more memory than there are values.
pub fn read_idx(reader: impl Read, rank: usize) -> Result<(Vec<usize>, Vec<u8>), String> {
    let idx = parse(reader, rank).map_err(|unread| unread.to_string())?;
    Ok((idx.dimensions, idx.values))
}

/// Writes an array of bytes in this format.
///
/// # Errors
/// What the system says when the file cannot be written.
pub fn write_idx(path: &Path, dimensions: &[u32], values: &[u8]) -> io::Result<()> {
    let mut file = files::create(path)?;
    file.write_all(&[0, 0, 8, dimensions.len() as u8])?;
    for dimension in dimensions {
        file.write_all(&dimension.to_be_bytes())?;
    }
    file.write_all(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    fn bytes(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        bytes.extend(
            dimensions
                .iter()
                .flat_map(|dimension| dimension.to_be_bytes()),
        );
        bytes.extend(values);
        bytes
    }

    #[test]
    fn reads_what_the_header_says() {
        let idx = parse(&bytes(&[2, 1, 2], &[1, 2, 3, 4])[..], 3).expect("well-formed");
        assert_eq!(
            idx,
            Idx {
                dimensions: vec![2, 1, 2],
                values: vec![1, 2, 3, 4]
            }
        );
    }

    #[test]
    fn kaggles_names_are_known_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = "train-labels-idx1-ubyte";
        assert_eq!(path_of(folder.path(), name), None);
        let dotted = folder.path().join("train-labels.idx1-ubyte");
        std::fs::write(&dotted, bytes(&[1], &[7])).expect("writable");
        let (path, idx) = read_file(folder.path(), name, 1).expect("well-formed");
        assert_eq!((path, idx.values), (dotted, vec![7]));
    }

    #[test]
    fn images_are_turned_upright() {
        let mut images = Idx {
            dimensions: vec![2, 2, 3],
            values: vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        };
        images.turn();
        assert_eq!(
            images,
            Idx {
                dimensions: vec![2, 3, 2],
                values: vec![1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]
            }
        );
    }

    #[test]
    fn refuses_wrong_magic_short_long_and_absurd_files() {
        let refused = |bytes: &[u8]| parse(bytes, 1).expect_err("refused").to_string();
        assert!(refused(&bytes(&[1, 1], &[0])).contains("magic number"));
        assert!(refused(&bytes(&[3], &[0])).contains("truncated: 1 of 3"));
        assert!(refused(&bytes(&[1], &[0, 0])).contains("more than"));
        assert!(refused(&[0, 0, 8, 1, 0]).contains("truncated header"));
        let absurd = parse(&bytes(&[u32::MAX; 3], &[])[..], 3)
            .expect_err("refused")
            .to_string();
        assert!(absurd.contains("impossible"));
    }

    #[test]
    fn damaged_gzip_is_noticed() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder
            .write_all(&bytes(&[1000], &[7; 1000]))
            .expect("in memory");
        let mut packed = encoder.finish().expect("in memory");
        assert!(parse(GzDecoder::new(&packed[..]), 1).is_ok());
        let checksum = packed.len() - 6;
        packed[checksum] ^= 1;
        assert!(parse(GzDecoder::new(&packed[..]), 1).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), rank in 1usize..4) {
            let _ = parse(&bytes[..], rank);
        }
    }
}
