//! Stage 2, data: files or generators to plain arrays. No tensors, no devices, no partition yet.

mod idx;
mod synthetic;

use crate::registry::Entry;
use crate::seed::Seed;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use idx::write_idx;

/// Labelled samples of one shape, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// `labels.len()` rows of the data set's shape, row-major.
    pub features: Vec<f32>,
    /// Class of each row, below the data set's number of classes.
    pub labels: Vec<u32>,
}

impl Samples {
    /// Copies the named rows, one after another, to `features` and `labels`.
    pub fn gather(&self, samples: &[u32], features: &mut Vec<f32>, labels: &mut Vec<u32>) {
        let width = self.features.len() / self.labels.len().max(1);
        features.clear();
        labels.clear();
        for sample in samples.iter().map(|&sample| sample as usize) {
            features.extend_from_slice(&self.features[sample * width..(sample + 1) * width]);
            labels.push(self.labels[sample]);
        }
    }
}

/// Everything that is known of a data set once it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Shape of one sample, such as `[1, 28, 28]` (channels, height, width) or `[60]`.
    pub shape: Vec<usize>,
    /// Number of classes.
    pub classes: usize,
    /// What clients own.
    pub train: Samples,
    /// What the server evaluates on.
    pub test: Samples,
    /// Rows of `train` by owner, for data that comes with owners.
    pub owners: Option<Vec<Range<usize>>>,
}

impl Dataset {
    /// Values per sample.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Fingerprint of everything in the data set, to tell hosts with other files apart.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for samples in [&self.train, &self.test] {
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
