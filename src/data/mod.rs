//! Stage 2, data: files or generators to plain arrays. No tensors, no devices, no partition yet.

mod idx;
pub mod shared;
mod synthetic;
mod values;

use crate::registry::Entry;
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

/// Every data set, by the name users write.
pub const DATASETS: &[Entry<Build>] = &[
    Entry {
        name: "synthetic",
        about: "FedProx's Synthetic(1, 1): 60 features, 10 classes, one model per client; generated, naturally partitioned",
        build: synthetic::generate,
    },
    Entry {
        name: "mnist",
        about: "handwritten digits, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        build: idx::mnist,
    },
    Entry {
        name: "fashion-mnist",
        about: "clothes, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        build: idx::fashion_mnist,
    },
];
