//! `fed_emnist`: characters by 3,400 writers, 28x28 grey from 0 (ink) to 1 (paper), which are 256
//! shades and kept as such. `fed_cifar100`: CIFAR-100 by 500 users.

use super::{Set, Users};
use crate::data::h5::Node;
use crate::data::pictures::{INK, Pictures, planes};
use crate::data::{Augment, DataError, Dataset, Source, Train};
use crate::task::Facts;

const CHARACTER: usize = 28 * 28;
const PHOTOGRAPH: usize = 32 * 32 * 3;

/// Characters, 62 classes.
pub fn emnist(source: &Source<'_>, users: &Users, augment: Augment) -> Result<Dataset, DataError> {
    let set = Set {
        source,
        stem: "fed_emnist_",
        folder: "FederatedEMNIST/",
        most_users: users.most_users,
    };
    let (train, owners, test) = set.parts(|client, pictures: &mut Pictures| {
        let pixels = client.array("pixels")?.floats()?;
        if let Some(shade) = pixels.iter().find(|shade| !(0.0..=1.0).contains(*shade)) {
            return Err(client.wrong(format!("pixel {shade} is not from 0 to 1")));
        }
        let shades: Vec<u8> = pixels
            .iter()
            .map(|shade| (shade * 255.0).round() as u8)
            .collect();
        add(client, &shades, CHARACTER, 62, pictures, <[u8]>::to_vec)
    })?;
    let standard = augment.standard(INK.0, INK.1);
    let samples = |pictures: Pictures| pictures.samples(CHARACTER, standard.clone());
    let (train, facts) = (Train::Stored(samples(train)), Facts::classes(&[1, 28, 28], 62));
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
        folder: "fed_cifar100/",
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
