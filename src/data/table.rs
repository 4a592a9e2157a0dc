//! Every data set that can be chosen, a line each.

use super::{Augment, DataError, Dataset, Source, ecg, flute, idx, leaf, libsvm, own, pictures, synthetic, tff};
use crate::part::{Entry, Kind, Param, Part, Values as Settings};

/// Reads or generates a data set.
pub type Build = fn(&Settings, &Source<'_>) -> Result<Dataset, DataError>;

/// All data sets.
pub const KIND: Kind<Build> = Kind { setting: "dataset", about: "dataset", table: DATASETS };

/// The one that needs no files: every rank generates it alike.
pub const GENERATED: &str = "synthetic";

// Settings of sets of pictures that have others too.
const SPLIT: &[Param] = &[idx::Emnist::PARAMS[0], CROP, FLIP, CUTOUT, NORMALISE];
const PLACES: &[Param] =
    &[pictures::Landmarks::PARAMS[0], pictures::Landmarks::PARAMS[1], CROP, FLIP, CUTOUT, NORMALISE];
const USERS: &[Param] = &[
    flute::Numbered::PARAMS[0],
    flute::Numbered::PARAMS[1],
    flute::Numbered::PARAMS[2],
    CROP,
    FLIP,
    CUTOUT,
    NORMALISE,
];
const CROP: Param = Augment::PARAMS[0];
const FLIP: Param = Augment::PARAMS[1];
const CUTOUT: Param = Augment::PARAMS[2];
const NORMALISE: Param = Augment::PARAMS[3];

/// Every data set, by the name users write.
pub const DATASETS: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "synthetic",
        "FedProx's Synthetic(alpha, beta): 60 features, 10 classes, one model per client; generated, with owners",
        synthetic::generate,
    )
    .with(synthetic::Spread::PARAMS),
    Entry::<Build>::new(
        "mnist",
        "handwritten digits, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        |values, source| idx::mnist(source, Augment::read(values)),
    )
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "mnist-leaf",
        "MNIST as FedML has it: by 1000 users, standardised; LEAF's JSON in MNIST/train and MNIST/test of --data_dir",
        |_, source| leaf::mnist(source),
    ),
    Entry::<Build>::new(
        "fashion-mnist",
        "clothes, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        |values, source| idx::fashion_mnist(source, Augment::read(values)),
    )
    .with(Augment::PARAMS)
    .also(&["fashionmnist", "fashion_mnist", "fmnist"]),
    Entry::<Build>::new(
        "emnist",
        "handwritten digits and letters, 28x28 grey; the four IDX files of a split in --data_dir",
        |values, source| idx::emnist(source, &idx::Emnist::read(values), Augment::read(values)),
    )
    .with(SPLIT),
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
        "cinic10",
        "photographs, 32x32 in colour, 10 classes; PNG files in train/CLASS and test/CLASS of --data_dir",
        |values, source| pictures::cinic(source, Augment::read(values)),
    )
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "landmarks",
        "photographs of places, scaled, by photographers; FedML's lists in data_user_dict and JPEG files in images",
        |values, source| pictures::Landmarks::read(values).dataset(source, Augment::read(values)),
    )
    .with(PLACES),
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
        "sent140",
        "whether a message is glad, by how often words come in it, by who wrote it; LEAF's JSON in train/ and test/ of --data_dir",
        |values, source| leaf::sent140(source, &leaf::Counts::read(values)),
    )
    .with(leaf::Counts::PARAMS),
    Entry::<Build>::new(
        "reddit",
        "the next of each of ten words, by who wrote them; LEAF's JSON in train/ and test/ of --data_dir",
        |values, source| leaf::reddit(source, &leaf::Known::read(values)),
    )
    .with(leaf::Known::PARAMS),
    Entry::<Build>::new(
        "celeba",
        "who smiles, 84x84 in colour, by celebrities; LEAF's JSON, and pictures in raw/img_align_celeba of --data_dir",
        |values, source| leaf::celeba(source, Augment::read(values)),
    )
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "leaf-synthetic",
        "rows of numbers by users, as LEAF and FedProx have written them; LEAF's JSON in train/ and test/ of --data_dir",
        |values, source| leaf::Synthetic::read(values).dataset(source),
    )
    .with(leaf::Synthetic::PARAMS),
    Entry::<Build>::new(
        "fed_emnist",
        "handwritten characters by 3,400 writers, 28x28, 62 classes; TFF's HDF5",
        |values, source| tff::emnist(source, &tff::Users::read(values)),
    )
    .with(tff::Users::PARAMS),
    Entry::<Build>::new("fed_cifar100", "CIFAR-100 by 500 users; TFF's HDF5", |values, source| {
        tff::cifar100(source, Augment::read(values))
    })
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "fed_shakespeare",
        "the next of each of 80 characters, by 715 roles; TFF's HDF5",
        |_, source| tff::shakespeare(source),
    ),
    Entry::<Build>::new(
        "stackoverflow_nwp",
        "the next of each of 20 words, by 342,477 users; TFF's HDF5 and stackoverflow.word_count",
        |values, source| tff::next_words(source, &tff::Posts::read(values)),
    )
    .with(tff::Posts::PARAMS),
    Entry::<Build>::new(
        "stackoverflow_lr",
        "the tags of a post by its words, by 342,477 users; TFF's HDF5, stackoverflow.word_count and .tag_count",
        |values, source| tff::tags(source, &tff::Posts::read(values)),
    )
    .with(tff::Posts::PARAMS),
    Entry::<Build>::new(
        "flute",
        "numbers or pictures and their classes, by users; FLUTE's JSON or HDF5",
        |values, source| flute::Numbered::read(values).dataset(source, Augment::read(values)),
    )
    .with(USERS),
    Entry::<Build>::new(
        "flute_text",
        "the next of each word, by users; FLUTE's JSON or HDF5",
        |values, source| flute::Texts::read(values).dataset(source),
    )
    .with(flute::Texts::PARAMS),
    Entry::<Build>::new(
        "ecg",
        "heart beats of MIT-BIH, 187 values, 5 classes; mitbih_train.csv and mitbih_test.csv in --data_dir",
        |_, source| ecg::beats(source),
    ),
    Entry::<Build>::new(
        "libsvm",
        "rows of numbers and their classes in LIBSVM's text, such as Adult's a9a and a9a.t",
        |values, source| libsvm::LibSvm::read(values).dataset(source),
    )
    .with(libsvm::LibSvm::PARAMS),
    Entry::<Build>::new(
        "arrays",
        "your own: train and test in --data_dir, as .npz or .safetensors with x, y and, if you like, users",
        own::arrays::read,
    )
    .with(own::arrays::Arrays::PARAMS),
    Entry::<Build>::new(
        "csv",
        "your own: a table in --data_dir, and test.csv or a share of it; label=COLUMN",
        own::tables::csv,
    )
    .with(own::tables::Tables::PARAMS),
    Entry::<Build>::new(
        "parquet",
        "your own: a table in --data_dir, and test.parquet or a share of it; label=COLUMN",
        own::tables::parquet,
    )
    .with(own::tables::Tables::PARAMS),
    Entry::<Build>::new(
        "images",
        "your own: PNG and JPEG in --data_dir, a folder for each class or listed in a CSV of file, label and user",
        own::images::read,
    )
    .with(own::images::Images::PARAMS),
    Entry::<Build>::new(
        "text",
        "your own: .txt and .md files in --data_dir; each token learns the next",
        own::text::read,
    )
    .with(own::text::Text::PARAMS),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Samples, write_idx};
    use crate::seed::Seed;
    use std::path::{Path, PathBuf};

    /// Small files of formats that are easily written: images by IDX, by LEAF and alone, and text. All others are kept in
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
        for picture in ["train/cat/a.png", "train/dog/b.jpg", "test/cat/c.png", "test/dog/d.png"] {
            let path = own.join(picture);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            image::RgbImage::from_fn(5, 6, |x, y| image::Rgb([x as u8, y as u8, 9])).save(path).expect("writable");
        }
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

    fn is_sound(set: &Dataset, samples: &Samples) -> bool {
        let (mut floats, mut integers, mut targets, mut marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let all: Vec<u32> = (0..samples.len() as u32).collect();
        samples.inputs.gather_floats(&all, &mut floats);
        samples.inputs.gather_integers(&all, &mut integers);
        samples.targets.gather_integers(&all, &mut targets);
        samples.targets.gather_floats(&all, &mut marks);
        let outputs = set.facts.task.outputs() as u32;
        samples.inputs.len() == samples.len()
            && floats.len() + integers.len() == samples.len() * set.facts.width()
            && floats.iter().all(|value| value.is_finite())
            && integers.iter().chain(&targets).all(|&token| token < outputs)
            && marks.iter().all(|mark| [0.0, 1.0].contains(mark))
            && targets.len() + marks.len() == samples.len() * set.facts.targets
    }

    /// All files below a folder.
    fn below(folder: &Path) -> Vec<PathBuf> {
        let paths = std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
        paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
    }

    /// Whatever a file has become, it is read or refused.
    #[test]
    fn torn_and_damaged_files_never_panic() {
        let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
        for entry in DATASETS.iter().filter(|entry| all.join(entry.name).is_dir()) {
            let (kept, folder) = (all.join(entry.name), tempfile::tempdir().expect("a folder"));
            let copied = |path: &Path| folder.path().join(path.strip_prefix(&kept).expect("below it"));
            for path in below(&kept) {
                std::fs::create_dir_all(copied(&path).parent().expect("a folder")).expect("writable");
                std::fs::copy(&path, copied(&path)).expect("writable");
            }
            let (_, settings) = KIND.look_up(&told(entry.name).into()).expect("sound settings");
            let source = Source { folder: folder.path(), clients: 8, seed: Seed(3), test_only: false };
            for path in below(&kept) {
                let whole = std::fs::read(&path).expect("readable");
                for part in 1..8 {
                    let place = whole.len() * part / 8;
                    let mut flipped = whole.clone();
                    flipped[place] ^= 0xff;
                    for content in [&whole[..place], &flipped[..]] {
                        std::fs::write(copied(&path), content).expect("writable");
                        // Some files may be damaged and nobody can tell.
                        let _ = (entry.build)(&settings, &source);
                    }
                }
                std::fs::write(copied(&path), whole).expect("writable");
            }
        }
    }

    /// A data set with the settings that its small files need: the test data alone cannot tell how it is standardised.
    fn told(name: &str) -> &str {
        match name {
            "arrays" => "arrays:standardise=none",
            "csv" => "csv:label=y,user=u,missing=zero,standardise=none",
            "parquet" => "parquet:label=y,user=u,missing=zero,standardise=none",
            "images" => "images:side=4,standardise=none",
            "text" => "text:users=role,length=8,vocabulary=tests/files/text/vocabulary.txt",
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
