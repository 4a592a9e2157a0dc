//! `fed_emnist`: characters by 3,400 writers, 28x28 grey from 0 (ink) to 1 (paper), which are 256
//! shades and kept as such. `fed_cifar100`: CIFAR-100 by 500 users.

use super::{Set, Users};
use crate::data::h5::Node;
use crate::data::pictures::{INK, PAPER, Pictures, planes};
use crate::data::{Augment, DataError, Dataset, Source, Train};
use crate::task::Facts;

const CHARACTER: usize = 28 * 28;
const PHOTOGRAPH: usize = 32 * 32 * 3;

/// Characters, 62 classes; digits alone, 10 classes, where only their files are there.
pub fn emnist(source: &Source<'_>, users: &Users, augment: Augment) -> Result<Dataset, DataError> {
    let mut set = Set {
        source,
        stem: "fed_emnist_",
        folders: &["FederatedEMNIST", "femnist", "fed_emnist"],
        most_users: users.most_users,
    };
    let mut classes = 62;
    let is_there = |name: &str| set.file(name).is_ok();
    if !is_there("fed_emnist_test.h5") && is_there("fed_emnist_digitsonly_test.h5") {
        (set.stem, classes) = ("fed_emnist_digitsonly_", 10);
    }
    let (train, owners, test) = set.parts(|client, pictures: &mut Pictures| {
        let pixels = client.array("pixels")?.floats()?;
        if let Some(shade) = pixels.iter().find(|shade| !(0.0..=1.0).contains(*shade)) {
            return Err(client.wrong(format!("pixel {shade} is not from 0 to 1")));
        }
        let shades: Vec<u8> = pixels
            .iter()
            .map(|shade| (shade * 255.0).round() as u8)
            .collect();
        add(client, &shades, CHARACTER, classes, pictures, <[u8]>::to_vec)
    })?;
    let standard = augment.standard(INK.0, INK.1);
    let augment = augment.on(PAPER, &standard);
    let samples = |pictures: Pictures| pictures.samples(CHARACTER, standard.clone());
    let facts = Facts::classes(&[1, 28, 28], classes as usize);
    let train = Train::Stored(samples(train));
    Ok(Dataset {
        facts,
        train,
        test: samples(test),
        owners,
        ..Dataset::default()
    }
    .changed(augment))
}

/// Photographs, 100 classes.
pub fn cifar100(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let set = Set {
        source,
        stem: "fed_cifar100_",
        folders: &["fed_cifar100"],
        most_users: 0,
    };
    let (train, owners, test) = set.parts(|client, pictures: &mut Pictures| {
        let image = client.array("image")?;
        let bytes = image
            .whole()?
            .into_iter()
            .map(u8::try_from)
            .collect::<Result<Vec<u8>, _>>();
        let bytes = bytes.map_err(|_| image.wrong("a value is no byte"))?;
        add(client, &bytes, PHOTOGRAPH, 100, pictures, |pixels| planes(pixels, 3))
    })?;
    let standard = augment.standard([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]);
    let samples = |pictures: Pictures| pictures.samples(PHOTOGRAPH, standard.clone());
    let (train, facts) = (Train::Stored(samples(train)), Facts::classes(&[3, 32, 32], 100));
    Ok(Dataset {
        facts,
        train,
        test: samples(test),
        owners,
        ..Dataset::default()
    }
    .changed(augment))
}

/// Adds a client's pictures of this width, as `turned` puts their pixels; gives how many there are
/// so far.
fn add(
    client: &Node,
    pixels: &[u8],
    width: usize,
    classes: i64,
    pictures: &mut Pictures,
    turned: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<usize, DataError> {
    let labels = client.array("label")?.whole()?;
    if pixels.len() != labels.len() * width {
        return Err(client.wrong(format!(
            "{} values for {} pictures of {width}",
            pixels.len(),
            labels.len()
        )));
    }
    for (row, (pixels, &label)) in pixels.chunks_exact(width).zip(&labels).enumerate() {
        if !(0..classes).contains(&label) {
            return Err(client
                .wrong(format!("label {label} of picture {row} is none of 0 to {}", classes - 1)));
        }
        pictures.push(&turned(pixels), label as u32);
    }
    Ok(pictures.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_alone_are_read_where_there_is_nothing_else_and_flutes_folder_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source {
            test_only: true,
            ..Source::of(folder.path())
        };
        let read = || {
            let set = emnist(&source, &Users { most_users: 0 }, Augment::default());
            set.expect_err("refused").to_string()
        };
        let places = "fed_emnist_test.h5: no such file, nor is datasets/fed_emnist_test.h5";
        assert!(read().contains(places), "{}", read());
        // Files that are found and no HDF5 are named.
        for name in [
            "fed_emnist_digitsonly_test.h5",
            "femnist/fed_emnist_test.h5",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            std::fs::write(&path, "none").expect("writable");
            assert!(read().contains(name), "{}", read());
        }
    }
}
