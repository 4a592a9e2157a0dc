//! Stage 2, data: files or generators to plain arrays. No tensors, no devices, no partition yet.

mod idx;
pub mod shared;
mod synthetic;
mod values;

use crate::part::{Entry, Kind};
use crate::seed::Seed;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

pub use idx::{read_idx, write_idx};
pub use synthetic::Synthetic;
pub use values::Values;

/// Labelled samples of one shape, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// `labels.len()` rows of the data set's shape, row-major.
    pub features: Values<f32>,
    /// Class of each row, below the data set's number of classes.
    pub labels: Values<u32>,
}

impl Samples {
    /// Copies the named rows, one after another, to `features` and `labels`.
    pub fn gather(&self, samples: &[u32], features: &mut Vec<f32>, labels: &mut Vec<u32>) {
        let (all, classes) = (&self.features[..], &self.labels[..]);
        let width = all.len() / classes.len().max(1);
        features.clear();
        labels.clear();
        for sample in samples.iter().map(|&sample| sample as usize) {
            features.extend_from_slice(&all[sample * width..(sample + 1) * width]);
            labels.push(classes[sample]);
        }
    }
}

/// What clients own.
#[derive(Clone, Debug, PartialEq)]
pub enum Train {
    /// All there is.
    Stored(Samples),
    /// Too much to hold: each owner's samples are made when they are needed.
    Generated(Synthetic),
}

impl Default for Train {
    fn default() -> Self {
        Train::Stored(Samples::default())
    }
}

impl Train {
    /// A client's samples and their numbers among them. `samples` are the client's numbers in the
    /// whole set; where it is generated, they are one owner's.
    pub fn of<'a>(&'a self, samples: &'a [u32]) -> (Cow<'a, Samples>, Cow<'a, [u32]>) {
        match self {
            Train::Stored(stored) => (Cow::Borrowed(stored), Cow::Borrowed(samples)),
            Train::Generated(generator) => {
                let made = generator.owner_of(samples.first().copied().unwrap_or_default());
                let numbers = (0..made.labels.len() as u32).collect();
                (Cow::Owned(made), Cow::Owned(numbers))
            }
        }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        match self {
            Train::Stored(samples) => samples.labels.len(),
            Train::Generated(generator) => generator.count(),
        }
    }

    /// Class of each sample, where they are stored.
    pub fn labels(&self) -> Option<&[u32]> {
        match self {
            Train::Stored(samples) => Some(&samples.labels),
            Train::Generated(_) => None,
        }
    }
}

/// Everything that is known of a data set once it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Shape of one sample, such as `[1, 28, 28]` (channels, height, width) or `[60]`.
    pub shape: Vec<usize>,
    /// Number of classes.
    pub classes: usize,
    /// What clients own.
    pub train: Train,
    /// What the server evaluates on.
    pub test: Samples,
    /// For data that comes with owners: where each one's rows of `train` begin, and the end.
    pub owners: Option<Vec<usize>>,
}

impl Dataset {
    /// Values per sample.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Fingerprint of everything in the data set, to tell hosts with other files apart.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut samples = vec![&self.test];
        match &self.train {
            Train::Stored(train) => samples.push(train),
            Train::Generated(generator) => _ = hasher.update(generator.name().as_bytes()),
        }
        for samples in samples {
            hasher.update(bytemuck::cast_slice(&samples.features));
            hasher.update(bytemuck::cast_slice(&samples.labels));
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// What a reader may depend on.
pub struct Source<'a> {
    /// Folder given by `--data_dir`.
    pub folder: &'a Path,
    /// Number of owners wanted, for generators.
    pub clients: usize,
    /// For generators.
    pub seed: Seed,
    /// Only what is evaluated on; what clients own lies elsewhere.
    pub test_only: bool,
}

/// A data set that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file is not there or cannot be read.
    #[error(
        "cannot read {path}: {reason} (hint: --data_dir names the folder with the data files; scripts/get_data.sh fetches them)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is not what it should be.
    #[error("{path} is damaged or of another format: {reason} (hint: fetch the file again)")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Reads or generates a data set.
pub type Build = fn(&Source<'_>) -> Result<Dataset, DataError>;

/// All data sets.
pub const KIND: Kind<Build> = Kind { setting: "dataset", about: "dataset", table: DATASETS };

/// The one that needs no files: every rank generates it alike.
pub const GENERATED: &str = "synthetic";

/// Every data set, by the name users write.
pub const DATASETS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "synthetic",
        "FedProx's Synthetic(1, 1): 60 features, 10 classes, one model per client; generated, naturally partitioned",
        synthetic::generate,
    ),
    Entry::<Build>::new(
        "mnist",
        "handwritten digits, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        idx::mnist,
    ),
    Entry::<Build>::new(
        "fashion-mnist",
        "clothes, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        idx::fashion_mnist,
    )
    .also(&["fashionmnist", "fashion_mnist", "fmnist"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Small image files of the format that every image set shares.
    fn images(folder: &Path) {
        for (part, count) in [("train", 30u32), ("t10k", 12)] {
            let pixels: Vec<u8> = (0..count * 784).map(|i| (i % 253) as u8).collect();
            let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
            let path = |name: &str| folder.join(format!("{part}-{name}-ubyte"));
            write_idx(&path("images-idx3"), &[count, 28, 28], &pixels).expect("writable");
            write_idx(&path("labels-idx1"), &[count], &labels).expect("writable");
        }
    }

    fn is_sound(set: &Dataset, samples: &Samples) -> bool {
        samples.features.len() == samples.labels.len() * set.width()
            && samples.features.iter().all(|value| value.is_finite())
            && samples.labels.iter().all(|&label| (label as usize) < set.classes)
    }

    #[test]
    fn every_data_set_is_sound_and_the_same_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        images(folder.path());
        for entry in DATASETS {
            let source = |test_only| Source { folder: folder.path(), clients: 8, seed: Seed(3), test_only };
            let read = |test_only| (entry.build)(&source(test_only)).expect(entry.name);
            let set = read(false);
            assert_eq!((set.digest(), &set), (read(false).digest(), &read(false)), "{}", entry.name);
            let everything: Vec<u32> = (0..set.train.count() as u32).collect();
            let (train, order) = set.train.of(&everything);
            assert!(!order.is_empty() && is_sound(&set, &train) && is_sound(&set, &set.test), "{}", entry.name);
            assert!(!set.test.labels.is_empty() && set.classes > 1, "{}", entry.name);
            if let Some(owners) = &set.owners {
                assert_eq!(
                    (owners[0], owners.last(), owners.len()),
                    (0, Some(&set.train.count()), 9),
                    "{}",
                    entry.name
                );
                assert!(owners.is_sorted(), "{}", entry.name);
            }
            let only_test = read(true);
            assert_eq!((&only_test.test, &only_test.shape), (&set.test, &set.shape), "{}", entry.name);
        }
    }
}
