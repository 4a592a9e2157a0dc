//! Stage 2, data: files or generators to plain arrays. No tensors, no devices, no partition yet.

mod about;
mod column;
mod decode;
mod ecg;
mod feature_noise;
mod flute;
mod h5;
mod idx;
mod leaf;
mod libsvm;
mod mnist;
mod own;
mod pictures;
mod places;
pub mod shared;
mod synthetic;
mod table;
mod tff;
mod values;
mod words;

use crate::seed::Seed;
use crate::task::Facts;
use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

pub use about::{About, Description};
pub use column::{Channel, Column, Numbers, Standard};
pub use feature_noise::FeatureNoise;
pub use idx::{read_idx, write_idx};
pub use pictures::{Augment, Look};
pub use synthetic::Synthetic;
pub use table::{Build, DATASETS, GENERATED, KIND};
pub use values::Values;

/// Samples, row after row: inputs, and what is to be learned of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// A row of the data's shape each.
    pub inputs: Column,
    /// As many rows, as the task says.
    pub targets: Column,
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
                let numbers = (0..made.len() as u32).collect();
                (Cow::Owned(made), Cow::Owned(numbers))
            }
        }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        match self {
            Train::Stored(samples) => samples.len(),
            Train::Generated(generator) => generator.count(),
        }
    }

    /// Class of each sample, where they are stored and have one each.
    pub fn classes(&self) -> Option<&[u32]> {
        match self {
            Train::Stored(samples) => samples.targets.classes(),
            Train::Generated(_) => None,
        }
    }
}

/// Everything that is known of a data set once it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// What a model must know of it.
    pub facts: Facts,
    /// What clients own.
    pub train: Train,
    /// What the server evaluates on.
    pub test: Samples,
    /// For data that comes with owners: where each one's rows of `train` begin, and the end.
    pub owners: Option<Vec<usize>>,
    /// What is done to the samples in training.
    pub augment: Augment,
    /// What else is known of it.
    pub about: About,
}

impl Dataset {
    /// The same with this done to its samples in training.
    fn changed(self, augment: Augment) -> Dataset {
        Dataset { augment, ..self }
    }

    /// Fingerprint of everything in the data set, to tell hosts with other files apart.
    pub fn digest(&self) -> String {
        self.digest_with(Some(&self.test))
    }

    /// Fingerprint of what clients own: places may well have the same test data.
    pub fn train_digest(&self) -> String {
        self.digest_with(None)
    }

    fn digest_with(&self, test: Option<&Samples>) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut samples: Vec<&Samples> = test.into_iter().collect();
        match &self.train {
            Train::Stored(train) => samples.push(train),
            Train::Generated(generator) => _ = hasher.update(generator.name().as_bytes()),
        }
        for samples in samples {
            hasher.update(samples.inputs.bytes());
            hasher.update(samples.targets.bytes());
            // The same bytes may stand for other floats.
            if let Numbers::Bytes(_, standard) = samples.inputs.numbers() {
                hasher.update(&standard.bytes());
            }
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// What keeps anything from being learned of the training data, in words: values that are all
    /// alike, a single class.
    pub fn sameness(&self) -> Vec<&'static str> {
        let Train::Stored(train) = &self.train else { return Vec::new() };
        let constant =
            "every input of the training data is the same (hint: are the files damaged?)";
        let single = "all training data is of one class, so there is nothing to tell apart";
        let inputs = (train.inputs.is_constant() && !train.is_empty()).then_some(constant);
        let targets =
            (train.targets.classes().is_some() && train.targets.is_constant() && !train.is_empty())
                .then_some(single);
        inputs.into_iter().chain(targets).collect()
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

#[cfg(test)]
impl Source<'_> {
    /// All that is in a folder.
    pub(crate) fn of(folder: &Path) -> Source<'_> {
        Source {
            folder,
            clients: 2,
            seed: Seed(0),
            test_only: false,
        }
    }
}

/// A data set that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file is not there or cannot be read.
    #[error(
        "cannot read {path}: {reason} (hint: --data_dir names the folder of the data; docs/data.md says which files each set has)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// More samples than can be numbered.
    #[error(
        "{clients} clients own more samples than can be counted, {counted} (hint: --client_num_in_total at most {first})"
    )]
    TooMany {
        /// Clients wanted.
        clients: usize,
        /// The most samples.
        counted: usize,
        /// The first client whose samples are too many.
        first: usize,
    },
    /// What the file unfolds to does not fit the host.
    #[error(
        "there is no memory for the {values} values of {path} (hint: a smaller file, or a host with more)"
    )]
    NoMemory {
        /// The file.
        path: PathBuf,
        /// What it holds.
        values: usize,
    },
    /// The file is not what it should be.
    #[error("{path} is damaged or of another format: {reason} (hint: fetch the file again)")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A user's own file or folder is not what it should be.
    #[error("{path}: {reason}")]
    Own {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong where, with a hint.
        reason: String,
    },
}

impl DataError {
    /// A file that is not what it should be.
    fn damaged(path: &Path, reason: impl Into<String>) -> DataError {
        DataError::Format {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    /// What the system said of a file that cannot be read.
    fn unread(path: &Path) -> impl FnOnce(io::Error) -> DataError {
        move |error| DataError::Read {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_which_nothing_can_be_learned_is_told() {
        let set = |inputs: Vec<f32>, targets: Vec<u32>| {
            let samples = Samples {
                inputs: Column::floats(inputs, 1),
                targets: Column::integers(targets, 1),
            };
            Dataset {
                train: Train::Stored(samples),
                ..Dataset::default()
            }
        };
        assert!(
            set(vec![0.5, 0.5, 0.0], vec![1, 1, 0])
                .sameness()
                .is_empty()
                && Dataset::default().sameness().is_empty()
        );
        assert!(set(vec![0.5, 0.5, 0.5], vec![1, 1, 0]).sameness()[0].contains("every input"));
        assert!(set(vec![0.5, 0.5, 0.0], vec![1, 1, 1]).sameness()[0].contains("one class"));
    }
}
