//! Stage 2, data: files or generators to plain arrays. No tensors, no devices, no partition yet.

mod about;
mod column;
mod feature_noise;
mod idx;
mod leaf;
mod own;
mod pictures;
pub mod shared;
mod synthetic;
mod values;

use crate::part::{Entry, Kind, Part, Values as Settings};
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

    /// What keeps anything from being learned of the training data, in words: values that are all alike, a single class.
    pub fn sameness(&self) -> Vec<&'static str> {
        let Train::Stored(train) = &self.train else { return Vec::new() };
        let constant = "every input of the training data is the same (hint: are the files damaged?)";
        let single = "all training data is of one class, so there is nothing to tell apart";
        let inputs = (train.inputs.is_constant() && !train.is_empty()).then_some(constant);
        let targets =
            (train.targets.classes().is_some() && train.targets.is_constant() && !train.is_empty()).then_some(single);
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
    #[error("there is no memory for the {values} values of {path} (hint: a smaller file, or a host with more)")]
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
    /// What the system said of a file that cannot be read.
    fn unread(path: &Path) -> impl FnOnce(io::Error) -> DataError {
        move |error| DataError::Read { path: path.to_owned(), reason: error.to_string() }
    }
}

/// Reads or generates a data set.
pub type Build = fn(&Settings, &Source<'_>) -> Result<Dataset, DataError>;

/// All data sets.
pub const KIND: Kind<Build> = Kind { setting: "dataset", about: "dataset", table: DATASETS };

/// The one that needs no files: every rank generates it alike.
pub const GENERATED: &str = "synthetic";

/// Every data set, by the name users write.
pub const DATASETS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "synthetic",
        "FedProx's Synthetic(1, 1): 60 features, 10 classes, one model per client; generated, naturally partitioned",
        |_, source| synthetic::generate(source),
    ),
    Entry::<Build>::new(
        "mnist",
        "handwritten digits, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        |_, source| idx::mnist(source),
    ),
    Entry::<Build>::new(
        "mnist-leaf",
        "MNIST as FedML has it: by 1000 users, standardised; LEAF's JSON in MNIST/train and MNIST/test of --data_dir",
        |_, source| leaf::mnist(source),
    ),
    Entry::<Build>::new(
        "fashion-mnist",
        "clothes, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        |_, source| idx::fashion_mnist(source),
    )
    .also(&["fashionmnist", "fashion_mnist", "fmnist"]),
    Entry::<Build>::new(
        "cifar10",
        "photographs, 32x32 in colour, 10 classes; the binary or Python files, as torchvision unpacks them",
        |values, source| pictures::ten(source, Augment::read(values)),
    )
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "cifar100",
        "photographs, 32x32 in colour, 100 classes; the binary or Python files, as torchvision unpacks them",
        |values, source| pictures::hundred(source, Augment::read(values)),
    )
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "femnist",
        "handwritten characters by writers, 28x28, 62 classes; LEAF's JSON in train/ and test/ of --data_dir",
        |_, source| leaf::femnist(source),
    ),
    Entry::<Build>::new(
        "shakespeare",
        "the next character after 80, by roles; LEAF's JSON in train/ and test/ of --data_dir",
        |_, source| leaf::shakespeare(source),
    ),
    Entry::<Build>::new(
        "arrays",
        "your own: train and test in --data_dir, as .npz or .safetensors with x, y and, if you like, users",
        own::arrays::read,
    )
    .with(own::arrays::Arrays::PARAMS),
];

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::{Dtype, tensor::TensorView};

    /// Small files of formats that are easily written: images by IDX and by LEAF, and text. All others are kept in
    /// `tests/files`.
    fn files(folder: &Path, name: &str) -> PathBuf {
        let own = folder.join(name);
        std::fs::create_dir_all(&own).expect("writable");
        for (part, count) in [("train", 30u32), ("t10k", 12)] {
            let pixels: Vec<u8> = (0..count * 784).map(|i| (i % 253) as u8).collect();
            let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
            let path = |name: &str| own.join(format!("{part}-{name}-ubyte"));
            write_idx(&path("images-idx3"), &[count, 28, 28], &pixels).expect("writable");
            write_idx(&path("labels-idx1"), &[count], &labels).expect("writable");
        }
        write_arrays(&own.join("train.safetensors"));
        write_arrays(&own.join("test.safetensors"));
        let (x, y) = match name {
            "femnist" => (serde_json::json!(vec![0.5; 784]), serde_json::json!(61)),
            "mnist-leaf" => (serde_json::json!(vec![-0.5; 784]), serde_json::json!(9.0)),
            _ => (serde_json::json!("thee ".repeat(16)), serde_json::json!("o")),
        };
        for part in ["train", "test"] {
            let users: Vec<String> = (0..8).map(|user| user.to_string()).collect();
            let own_data = |user: &String| (user.clone(), serde_json::json!({"x": [x, x], "y": [y, y]}));
            let data: serde_json::Map<String, serde_json::Value> = users.iter().map(own_data).collect();
            std::fs::create_dir_all(own.join(part)).expect("writable");
            let text = serde_json::json!({"users": users, "user_data": data}).to_string();
            std::fs::write(own.join(part).join("all.json"), text).expect("writable");
        }
        own
    }

    /// Sixteen rows of two floats, by eight users.
    fn write_arrays(path: &Path) {
        let floats: Vec<u8> = (0..32u8).flat_map(|place| f32::from(place).to_le_bytes()).collect();
        let (classes, users): (Vec<u8>, Vec<u8>) = (0..16).map(|row| (row % 3, row % 8)).unzip();
        let view = |kind, shape: &[usize], bytes| TensorView::new(kind, shape.to_vec(), bytes).expect("fits");
        let arrays = [
            ("x", view(Dtype::F32, &[16, 2], &floats)),
            ("y", view(Dtype::U8, &[16], &classes)),
            ("users", view(Dtype::U8, &[16], &users)),
        ];
        std::fs::write(path, safetensors::serialize(arrays, &None).expect("sound")).expect("writable");
    }

    fn is_sound(set: &Dataset, samples: &Samples) -> bool {
        let (mut floats, mut integers, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        let all: Vec<u32> = (0..samples.len() as u32).collect();
        samples.inputs.gather_floats(&all, &mut floats);
        samples.inputs.gather_integers(&all, &mut integers);
        samples.targets.gather_integers(&all, &mut targets);
        let outputs = set.facts.task.outputs() as u32;
        samples.inputs.len() == samples.len()
            && floats.len() + integers.len() == samples.len() * set.facts.width()
            && floats.iter().all(|value| value.is_finite())
            && integers.iter().chain(&targets).all(|&token| token < outputs)
            && targets.len() == samples.len() * set.facts.targets
    }

    #[test]
    fn data_of_which_nothing_can_be_learned_is_told() {
        let set = |inputs: Vec<f32>, targets: Vec<u32>| {
            let samples = Samples { inputs: Column::floats(inputs, 1), targets: Column::integers(targets, 1) };
            Dataset { train: Train::Stored(samples), ..Dataset::default() }
        };
        assert!(
            set(vec![0.5, 0.5, 0.0], vec![1, 1, 0]).sameness().is_empty() && Dataset::default().sameness().is_empty()
        );
        assert!(set(vec![0.5, 0.5, 0.5], vec![1, 1, 0]).sameness()[0].contains("every input"));
        assert!(set(vec![0.5, 0.5, 0.0], vec![1, 1, 1]).sameness()[0].contains("one class"));
    }

    /// A data set with the settings that its small files need: the test data alone cannot tell how it is standardised.
    fn told(name: &str) -> &str {
        match name {
            "arrays" => "arrays:standardise=none",
            name => name,
        }
    }

    #[test]
    fn every_data_set_is_sound_and_the_same_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        for entry in DATASETS {
            let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(entry.name);
            let files = if kept.is_dir() { kept } else { files(folder.path(), entry.name) };
            let source = |test_only| Source { folder: &files, clients: 8, seed: Seed(3), test_only };
            let (_, settings) = KIND.look_up(&told(entry.name).into()).expect("sound settings");
            let read = |test_only| (entry.build)(&settings, &source(test_only)).expect(entry.name);
            let set = read(false);
            assert_eq!((set.digest(), &set), (read(false).digest(), &read(false)), "{}", entry.name);
            let everything: Vec<u32> = (0..set.train.count() as u32).collect();
            let (train, order) = set.train.of(&everything);
            assert!(!order.is_empty() && is_sound(&set, &train) && is_sound(&set, &set.test), "{}", entry.name);
            assert!(!set.test.is_empty() && set.facts.task.outputs() > 1, "{}", entry.name);
            if let Some(owners) = &set.owners {
                assert_eq!((owners[0], owners.last()), (0, Some(&set.train.count())), "{}", entry.name);
                assert!(owners.is_sorted() && owners.len() > 2, "{}", entry.name);
            }
            let only_test = read(true);
            assert_eq!((&only_test.test, &only_test.facts), (&set.test, &set.facts), "{}", entry.name);
        }
    }
}
