//! Every data set that can be chosen, a line each.

use super::{
    Augment, DataError, Dataset, Source, ecg, flute, leaf, libsvm, mnist, own, pictures, synthetic,
    tff,
};
use crate::part::{Entry, Kind, Param, Part, Values as Settings};

/// Reads or generates a data set.
pub type Build = fn(&Settings, &Source<'_>) -> Result<Dataset, DataError>;

/// All data sets.
pub const KIND: Kind<Build> = Kind {
    setting: "dataset",
    about: "dataset",
    table: DATASETS,
};

/// The one that needs no files: every rank generates it alike.
pub const GENERATED: &str = "synthetic";

// Settings of sets of pictures that have others too.
const SPLIT: &[Param] = &[mnist::Emnist::PARAMS[0], CROP, FLIP, CUTOUT, NORMALISE];
const PLACES: &[Param] = &[
    pictures::Landmarks::PARAMS[0],
    pictures::Landmarks::PARAMS[1],
    CROP,
    FLIP,
    CUTOUT,
    NORMALISE,
];
const USERS: &[Param] = &[
    flute::Numbered::PARAMS[0],
    flute::Numbered::PARAMS[1],
    flute::Numbered::PARAMS[2],
    CROP,
    FLIP,
    CUTOUT,
    NORMALISE,
];
// Sets that have no figures unless they are asked for, and those that are standardised otherwise.
const UNCHANGED: &[Param] = &[CROP, FLIP, CUTOUT, AS_IT_IS];
const WRITERS: &[Param] = &[tff::Users::PARAMS[0], CROP, FLIP, CUTOUT, AS_IT_IS];
const MOVES: &[Param] = &[CROP, FLIP, CUTOUT];
const ARRAYS: &[Param] = &joined::<8>(own::arrays::Arrays::PARAMS, MOVES);
const IMAGES: &[Param] = &joined::<7>(own::images::Images::PARAMS, MOVES);
const AS_IT_IS: Param = Param {
    default: "false",
    ..NORMALISE
};
const CROP: Param = Augment::PARAMS[0];
const FLIP: Param = Augment::PARAMS[1];
const CUTOUT: Param = Augment::PARAMS[2];
const NORMALISE: Param = Augment::PARAMS[3];

/// Settings of a set, and further ones.
const fn joined<const COUNT: usize>(own: &[Param], more: &[Param]) -> [Param; COUNT] {
    let mut all = [CROP; COUNT];
    all.split_at_mut(own.len()).0.copy_from_slice(own);
    all.split_at_mut(own.len()).1.copy_from_slice(more);
    all
}

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
        |values, source| mnist::mnist(source, Augment::read(values)),
    )
    .with(Augment::PARAMS),
    Entry::<Build>::new(
        "mnist-leaf",
        "MNIST as FedML has it: by 1000 users, standardised; LEAF's JSON in MNIST/train and MNIST/test of --data_dir",
        |values, source| leaf::mnist(source, Augment::without_figures(values)),
    )
    .with(MOVES),
    Entry::<Build>::new(
        "fashion-mnist",
        "clothes, 28x28 grey, 10 classes; four IDX files (plain or .gz) in --data_dir",
        |values, source| mnist::fashion_mnist(source, Augment::read(values)),
    )
    .with(Augment::PARAMS)
    .also(&["fashionmnist", "fashion_mnist", "fmnist"]),
    Entry::<Build>::new(
        "emnist",
        "handwritten digits and letters, 28x28 grey; the four IDX files of a split in --data_dir",
        |values, source| mnist::emnist(source, &mnist::Emnist::read(values), Augment::read(values)),
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
        |values, source| leaf::femnist(source, Augment::read(values)),
    )
    .with(UNCHANGED),
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
        |values, source| tff::emnist(source, &tff::Users::read(values), Augment::read(values)),
    )
    .with(WRITERS),
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
    .with(ARRAYS),
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
    .with(IMAGES),
    Entry::<Build>::new(
        "text",
        "your own: .txt and .md files in --data_dir; each token learns the next",
        own::text::read,
    )
    .with(own::text::Text::PARAMS),
];
