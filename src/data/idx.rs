//! IDX files (MNIST, Fashion-MNIST, EMNIST), plain or gzip.
//! Format: two zero bytes, a type byte (8 = unsigned byte), the number of dimensions, each
//! dimension as a big-endian u32, then the values.

use super::places::found;
use super::{Augment, Column, DataError, Dataset, Numbers, Samples, Source, Standard, Train};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use flate2::read::GzDecoder;
use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// No image set of this format is larger; a header that says more is damaged. A small packed file
/// may unfold to it.
const MOST_BYTES: usize = 1 << 31;
/// How much memory is asked for ahead of the first values.
const STEP: usize = 1 << 20;

/// MNIST, standardised by the mean and deviation of its training pixels.
pub fn mnist(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    Files {
        folder: "MNIST",
        ..DIGITS
    }
    .read(source, [0.1307, 0.3081], augment)
}

/// Fashion-MNIST, standardised likewise.
pub fn fashion_mnist(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    Files {
        folder: "FashionMNIST",
        ..DIGITS
    }
    .read(source, [0.2860, 0.3530], augment)
}

/// Sets whose files are called as MNIST's.
const DIGITS: Files<'static> = Files {
    folder: "",
    train: "train",
    test: "t10k",
    classes: 10,
    first: 0,
    upright: true,
};

part! {
    /// Settings of EMNIST.
    pub Emnist {
        split: String = "byclass", "SPLIT", Range::ANY, "byclass (62 classes), bymerge, balanced (47), letters (26), digits or mnist (10)";
    }
}

/// EMNIST (Cohen et al. 2017), upright as MNIST is: its files have rows and columns the other way
/// round. Standardised by the mean and deviation of its balanced split.
pub fn emnist(
    source: &Source<'_>,
    settings: &Emnist,
    augment: Augment,
) -> Result<Dataset, DataError> {
    let stem = format!("emnist-{}", settings.split);
    let Some(&(_, classes, first)) = SPLITS.iter().find(|(name, ..)| *name == stem) else {
        let names: Vec<&str> = SPLITS.iter().map(|(name, ..)| *name).collect();
        let reason =
            format!("there is no split `{}`; there are {}", settings.split, names.join(", "));
        return Err(DataError::Read {
            path: source.folder.to_owned(),
            reason,
        });
    };
    let [train, test] = ["train", "test"].map(|part| format!("{stem}-{part}"));
    let files = Files {
        folder: "EMNIST",
        train: &train,
        test: &test,
        classes,
        first,
        upright: false,
    };
    files.read(source, [0.1751, 0.3332], augment)
}

/// EMNIST's splits: classes, and the label of the first.
const SPLITS: &[(&str, usize, u8)] = &[
    ("emnist-byclass", 62, 0),
    ("emnist-bymerge", 47, 0),
    ("emnist-balanced", 47, 0),
    ("emnist-letters", 26, 1),
    ("emnist-digits", 10, 0),
    ("emnist-mnist", 10, 0),
];

/// The files of a set, and what is in them.
struct Files<'a> {
    // Where torchvision puts them, below it `raw`.
    folder: &'a str,
    train: &'a str,
    test: &'a str,
    classes: usize,
    // The label of the first class.
    first: u8,
    // Whether images are rows from above.
    upright: bool,
}

impl Files<'_> {
    /// Reads them in the folder that is named, or where torchvision puts them below it; with the
    /// mean and deviation of pixels from 0 to 1.
    fn read(
        &self,
        source: &Source<'_>,
        pixels: [f32; 2],
        augment: Augment,
    ) -> Result<Dataset, DataError> {
        let pixels = &augment.standard([pixels[0]], [pixels[1]]);
        let folder = found(source.folder, &[&format!("{}/raw", self.folder), "raw", ""]);
        let train = match source.test_only {
            true => None,
            false => Some(self.pair(&folder, self.train, pixels)?),
        };
        let (test, test_shape) = self.pair(&folder, self.test, pixels)?;
        let (train, shape) = train.unwrap_or_else(|| (Samples::default(), test_shape.clone()));
        if shape != test_shape {
            let reason = format!("test images are {test_shape:?}, training images {shape:?}");
            return Err(DataError::Format {
                path: folder.join(format!("{}-images-idx3-ubyte", self.test)),
                reason,
            });
        }
        let facts = Facts::classes(&shape, self.classes);
        Ok(Dataset {
            facts,
            train: Train::Stored(train),
            test,
            ..Dataset::default()
        }
        .changed(augment))
    }

    /// Reads images and their labels.
    fn pair(
        &self,
        folder: &Path,
        part: &str,
        pixels: &Standard,
    ) -> Result<(Samples, Vec<usize>), DataError> {
        let (image_path, mut images) = read_file(folder, &format!("{part}-images-idx3-ubyte"), 3)?;
        let (label_path, labels) = read_file(folder, &format!("{part}-labels-idx1-ubyte"), 1)?;
        let fault = |path: &PathBuf, reason: String| DataError::Format {
            path: path.clone(),
            reason,
        };
        if images.dimensions[0] != labels.dimensions[0] {
            let reason =
                format!("{} labels for {} images", labels.dimensions[0], images.dimensions[0]);
            return Err(fault(&label_path, reason));
        }
        if images.values.is_empty() {
            return Err(fault(&image_path, "it holds no images".to_owned()));
        }
        if !self.upright {
            images.turn();
        }
        let classes = self
            .classes_of(&labels.values)
            .map_err(|reason| fault(&label_path, reason))?;
        let shape = vec![1, images.dimensions[1], images.dimensions[2]];
        let inputs =
            Column::new(Numbers::Bytes(images.values.into(), pixels.clone()), shape[1] * shape[2]);
        Ok((
            Samples {
                inputs,
                targets: Column::integers(classes, 1),
            },
            shape,
        ))
    }

    /// Labels as classes from 0.
    fn classes_of(&self, labels: &[u8]) -> Result<Vec<u32>, String> {
        let classes = self.first..self.first.saturating_add(self.classes as u8);
        match labels.iter().position(|label| !classes.contains(label)) {
            Some(row) => {
                let (from, to) = (classes.start, classes.end - 1);
                Err(format!("label {} of image {row} is none of {from} to {to}", labels[row]))
            }
            None => Ok(labels
                .iter()
                .map(|&label| u32::from(label - self.first))
                .collect()),
        }
    }
}

/// An array as it lies in the file.
#[derive(Debug, PartialEq)]
struct Idx {
    dimensions: Vec<usize>,
    values: Vec<u8>,
}

impl Idx {
    /// Puts rows of images in the place of columns.
    fn turn(&mut self) {
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

fn read_file(folder: &Path, name: &str, rank: usize) -> Result<(PathBuf, Idx), DataError> {
    let plain = folder.join(name);
    let packed = folder.join(format!("{name}.gz"));
    let path = if !plain.exists() && packed.exists() {
        packed
    } else {
        plain
    };
    let file = files::open(&path).map_err(|error| DataError::Read {
        path: path.clone(),
        reason: error.to_string(),
    })?;
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
    let mut magic = [0u8; 4];
    reader
        .read_exact(&mut magic)
        .map_err(|error| format!("no header: {error}"))?;
    let wanted = [0, 0, 8, rank as u8];
    if magic != wanted {
        return Err(format!("magic number {magic:02x?}, expected {wanted:02x?}").into());
    }
    let dimensions = (0..rank)
        .map(|_| read_dimension(&mut reader))
        .collect::<Result<Vec<_>, _>>()?;
    let count = dimensions
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n));
    let count = count
        .filter(|&count| count <= MOST_BYTES)
        .ok_or(format!("impossible dimensions {dimensions:?}"))?;
    let damaged = |error: io::Error| format!("damaged content: {error}");
    let mut values = Vec::new();
    while values.len() < count {
        let more = (count - values.len()).min(values.len().max(STEP));
        values
            .try_reserve_exact(more)
            .map_err(|_| Unread::NoMemory(count))?;
        if reader
            .by_ref()
            .take(more as u64)
            .read_to_end(&mut values)
            .map_err(damaged)?
            == 0
        {
            break;
        }
    }
    if values.len() < count {
        return Err(format!("truncated: {} of {count} values", values.len()).into());
    }
    // Reading to the end also makes gzip check its checksum.
    match io::copy(&mut reader.take(1), &mut io::sink()).map_err(damaged)? {
        0 => Ok(Idx { dimensions, values }),
        _ => Err(format!("more than the {count} values that the header announces").into()),
    }
}

fn read_dimension(reader: &mut impl Read) -> Result<usize, String> {
    let mut bytes = [0u8; 4];
    reader
        .read_exact(&mut bytes)
        .map_err(|error| format!("truncated header: {error}"))?;
    Ok(u32::from_be_bytes(bytes) as usize)
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
    fn letters_count_from_one_and_others_from_zero() {
        let files = |classes, first| Files {
            classes,
            first,
            ..DIGITS
        };
        assert_eq!(files(26, 1).classes_of(&[1, 26]), Ok(vec![0, 25]));
        assert!(
            files(26, 1)
                .classes_of(&[1, 0])
                .expect_err("refused")
                .contains("label 0 of image 1 is none of 1 to 26")
        );
        assert!(
            files(10, 0)
                .classes_of(&[10])
                .expect_err("refused")
                .contains("label 10 of image 0")
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
