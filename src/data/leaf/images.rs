//! Images: characters as the files have them, faces from files beside.

use super::{Part, class, read};
use crate::data::decode::{self, Form};
use crate::data::pictures::{INK, Pictures};
use crate::data::places::found;
use crate::data::{Augment, Column, DataError, Dataset, Samples, Source, Standard, Train};
use crate::task::Facts;
use std::path::Path;

/// Pixels of a character.
const PIXELS: usize = 784;
/// Digits.
const DIGITS: usize = 10;
/// Digits, capital and small letters.
const CHARACTERS: usize = 62;
/// Height and width of a face, as LEAF scales it.
const FACE: usize = 84;

/// FEMNIST: images of 28x28 from 0 (ink) to 1 (paper), as LEAF has them, and 62 classes.
pub fn femnist(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let standard = augment.normalise.then(|| augment.standard(INK.0, INK.1));
    characters(source, source.folder, CHARACTERS, standard.as_ref()).map(|set| set.changed(augment))
}

/// FedML's MNIST: standardised already, pixel by pixel, in the folder `MNIST` or the one that is
/// named.
pub fn mnist(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let folder = found(source.folder, &["MNIST", ""]);
    characters(source, &folder, DIGITS, None).map(|set| set.changed(augment))
}

fn characters(
    source: &Source<'_>,
    folder: &Path,
    classes: usize,
    standard: Option<&Standard>,
) -> Result<Dataset, DataError> {
    let image = |x: Vec<f32>, y: f64| {
        let class = class(y, classes)?;
        match (x.len(), x.iter().all(|value| value.is_finite())) {
            (PIXELS, true) => Ok(vec![(x, class)]),
            (PIXELS, false) => Err("a pixel is no finite number".to_owned()),
            (found, _) => Err(format!("an image has {found} pixels, not {PIXELS}")),
        }
    };
    let parts = read(folder, source.test_only, image)?;
    let owners = parts.owners();
    let made = |part: Part<(Vec<f32>, u32)>| {
        let (inputs, targets): (Vec<_>, Vec<_>) = part.samples.into_iter().unzip();
        let inputs = Column::floats(inputs.concat(), PIXELS);
        let inputs = match standard {
            Some(standard) => inputs.standardised(standard),
            None => inputs,
        };
        Samples {
            inputs,
            targets: Column::integers(targets, 1),
        }
    };
    let (facts, train) = (Facts::classes(&[1, 28, 28], classes), Train::Stored(made(parts.train)));
    Ok(Dataset {
        facts,
        train,
        test: made(parts.test),
        owners,
        ..Dataset::default()
    })
}

/// CelebA: who smiles, by celebrities. The files name pictures, which lie in
/// `raw/img_align_celeba`.
pub fn celeba(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let parts =
        read(source.folder, source.test_only, |x: String, y: f64| Ok(vec![(x, class(y, 2)?)]))?;
    let owners = parts.owners();
    let raw = found(source.folder, &["raw/img_align_celeba", "data/raw/img_align_celeba"]);
    let standard = if augment.normalise {
        Standard::one(0.5, 0.5)
    } else {
        Standard::units()
    };
    let made = |part: Part<(String, u32)>| {
        let mut faces = Pictures::default();
        let paths: Vec<_> = part
            .samples
            .iter()
            .map(|(name, _)| raw.join(name))
            .collect();
        let decoded = decode::pictures(
            &paths,
            Form {
                coloured: true,
                size: Some([FACE; 2]),
            },
        )?;
        decoded
            .iter()
            .zip(&part.samples)
            .for_each(|(face, (_, class))| faces.push(&face.bytes, *class));
        Ok::<_, DataError>(faces.samples(3 * FACE * FACE, standard.clone()))
    };
    let (facts, train) = (Facts::classes(&[3, FACE, FACE], 2), Train::Stored(made(parts.train)?));
    Ok(Dataset {
        facts,
        train,
        test: made(parts.test)?,
        owners,
        ..Dataset::default()
    }
    .changed(augment))
}
