//! MNIST, and sets whose files are called as its are: which files each has, and what their labels
//! and pixels mean.

use super::idx::{path_of, read_file};
use super::places::holder;
use super::{Augment, Column, DataError, Dataset, Numbers, Samples, Source, Standard, Train};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use std::path::{Path, PathBuf};

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
        let folder = self.found(source.folder)?;
        let train = match source.test_only {
            true => None,
            false => Some(self.pair(&folder, self.train, pixels)?),
        };
        let (test, test_shape) = self.pair(&folder, self.test, pixels)?;
        let (train, shape) = train.unwrap_or_else(|| (Samples::default(), test_shape.clone()));
        if shape != test_shape {
            let path = folder.join(format!("{}-images-idx3-ubyte", self.test));
            let reason = format!("test images are {test_shape:?}, training images {shape:?}");
            return Err(DataError::damaged(&path, reason));
        }
        let set = Dataset {
            facts: Facts::classes(&shape, self.classes),
            train: Train::Stored(train),
            test,
            ..Dataset::default()
        };
        Ok(set.changed(augment))
    }

    /// The folder that has one of the files: the one that is named, or where torchvision, FedML and
    /// NIST's archive put them below it.
    fn found(&self, folder: &Path) -> Result<PathBuf, DataError> {
        let own = self.folder;
        let [raw, packed] = ["raw", "raw/gzip"].map(|inner| format!("{own}/{inner}"));
        let images = [self.train, self.test].map(|part| format!("{part}-images-idx3-ubyte"));
        let has = |folder: &Path| images.iter().any(|name| path_of(folder, name).is_some());
        let places = [&raw, &packed, own, "raw", "gzip", ""];
        holder(folder, &places, &images[0], has).map_err(|error| match error {
            DataError::Read { path, reason } if own == "MNIST" && has_leaf(folder) => {
                let reason = format!("{reason}; FedML's JSON is, which is --dataset mnist-leaf");
                DataError::Read { path, reason }
            }
            error => error,
        })
    }

    /// Reads images and their labels; gives the shape of an image too.
    fn pair(
        &self,
        folder: &Path,
        part: &str,
        pixels: &Standard,
    ) -> Result<(Samples, Vec<usize>), DataError> {
        let (image_path, mut images) = read_file(folder, &format!("{part}-images-idx3-ubyte"), 3)?;
        let (label_path, labels) = read_file(folder, &format!("{part}-labels-idx1-ubyte"), 1)?;
        let (image_count, label_count) = (images.dimensions[0], labels.dimensions[0]);
        if image_count != label_count {
            let reason = format!("{label_count} labels for {image_count} images");
            return Err(DataError::damaged(&label_path, reason));
        }
        if images.values.is_empty() {
            return Err(DataError::damaged(&image_path, "it holds no images"));
        }
        if !self.upright {
            images.turn();
        }
        let classes = self
            .classes_of(&labels.values)
            .map_err(|reason| DataError::damaged(&label_path, reason))?;
        let [height, width] = [images.dimensions[1], images.dimensions[2]];
        let values = Numbers::Bytes(images.values.into(), pixels.clone());
        let samples = Samples {
            inputs: Column::new(values, height * width),
            targets: Column::integers(classes, 1),
        };
        Ok((samples, vec![1, height, width]))
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

/// Whether FedML's MNIST lies there.
fn has_leaf(folder: &Path) -> bool {
    ["", "MNIST"]
        .iter()
        .any(|inner| super::leaf::is_here(&folder.join(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::write_idx;

    #[test]
    fn empty_folders_hide_nothing_and_what_is_missing_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        std::fs::create_dir_all(folder.join("MNIST/raw")).expect("writable");
        let read = || {
            let source = Source::of(folder);
            mnist(&source, Augment::default()).map_err(|error| error.to_string())
        };
        let refused = read().expect_err("refused");
        assert!(refused.contains("nor below MNIST/raw, MNIST/raw/gzip, MNIST"), "{refused}");
        std::fs::create_dir_all(folder.join("MNIST/test")).expect("writable");
        std::fs::write(folder.join("MNIST/test/all.json"), "{}").expect("writable");
        assert!(
            read()
                .expect_err("refused")
                .contains("--dataset mnist-leaf")
        );
        for part in ["train", "t10k"] {
            let [images, labels] =
                ["images-idx3", "labels-idx1"].map(|kind| format!("{part}-{kind}-ubyte"));
            write_idx(&folder.join(images), &[1, 2, 2], &[0; 4]).expect("writable");
            write_idx(&folder.join(labels), &[1], &[9]).expect("writable");
        }
        assert_eq!(read().expect("sound").test.targets.classes(), Some(&[9][..]));
    }

    #[test]
    fn letters_count_from_one_and_others_from_zero() {
        let files = |classes, first| Files {
            classes,
            first,
            ..DIGITS
        };
        let refused =
            |files: Files<'_>, labels: &[u8]| files.classes_of(labels).expect_err("refused");
        assert_eq!(files(26, 1).classes_of(&[1, 26]), Ok(vec![0, 25]));
        assert!(refused(files(26, 1), &[1, 0]).contains("label 0 of image 1 is none of 1 to 26"));
        assert!(refused(files(10, 0), &[10]).contains("label 10 of image 0"));
    }
}
