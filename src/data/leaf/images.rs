//! Images: characters as the files have them, faces from files beside.

use super::{Part, class, folders, place, read};
use crate::data::decode::{self, Form};
use crate::data::pictures::{INK, PAPER, Pictures};
use crate::data::places::found;
use crate::data::{Augment, DataError, Dataset, Samples, Source, Standard, Train};
use crate::task::Facts;
use std::path::{Path, PathBuf};

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
    let figures = augment.standard(INK.0, INK.1);
    let standard = augment.normalise.then(|| figures.clone());
    let augment = augment.on(PAPER, &figures);
    let folder = place(source.folder, &folders(&["femnist", "FEMNIST"]))?;
    characters(source, &folder, CHARACTERS, standard.as_ref()).map(|set| set.changed(augment))
}

/// FedML's MNIST: standardised already, pixel by pixel, in the folder `MNIST` or the one that is
/// named.
pub fn mnist(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let folder = place(source.folder, &["MNIST", "", "mnist"].map(str::to_owned))?;
    characters(source, &folder, DIGITS, None).map(|set| set.changed(augment))
}

fn characters(
    source: &Source<'_>,
    folder: &Path,
    classes: usize,
    standard: Option<&Standard>,
) -> Result<Dataset, DataError> {
    let parts = read(folder, source.test_only, |x, y| character(x, y, classes))?;
    let owners = parts.owners();
    let (mut train, mut test) = (parts.train.rows(PIXELS), parts.test.rows(PIXELS));
    if let Some(standard) = standard {
        train.inputs = train.inputs.standardised(standard);
        test.inputs = test.inputs.standardised(standard);
    }
    Ok(Dataset {
        facts: Facts::classes(&[1, 28, 28], classes),
        train: Train::Stored(train),
        test,
        owners,
        ..Dataset::default()
    })
}

/// The pixels of a character and its class.
fn character(x: Vec<f32>, y: f64, classes: usize) -> Result<Vec<(Vec<f32>, u32)>, String> {
    let class = class(y, classes)?;
    if x.len() != PIXELS {
        return Err(format!("an image has {} pixels, not {PIXELS}", x.len()));
    }
    if x.iter().any(|value| !value.is_finite()) {
        return Err("a pixel is no finite number".to_owned());
    }
    Ok(vec![(x, class)])
}

/// CelebA: who smiles, by celebrities. The files name pictures, which lie in
/// `raw/img_align_celeba`.
pub fn celeba(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let face = |name: String, y: f64| Ok(vec![(name, class(y, 2)?)]);
    let folder = place(source.folder, &folders(&["celeba"]))?;
    let parts = read(&folder, source.test_only, face)?;
    let raw = found(&folder, &["raw/img_align_celeba", "data/raw/img_align_celeba"]);
    let standard = if augment.normalise {
        Standard::one(0.5, 0.5)
    } else {
        Standard::units()
    };
    let set = Dataset {
        facts: Facts::classes(&[3, FACE, FACE], 2),
        owners: parts.owners(),
        train: Train::Stored(faces(&parts.train, &raw, &standard)?),
        test: faces(&parts.test, &raw, &standard)?,
        ..Dataset::default()
    };
    Ok(set.changed(augment))
}

/// The pictures that a part names, in a folder, and their classes.
fn faces(
    part: &Part<(String, u32)>,
    raw: &Path,
    standard: &Standard,
) -> Result<Samples, DataError> {
    let names = part.samples.iter().map(|(name, _)| name);
    let paths: Vec<PathBuf> = names.map(|name| raw.join(name)).collect();
    let form = Form {
        coloured: true,
        size: Some([FACE; 2]),
    };
    let mut faces = Pictures::default();
    for (face, (_, class)) in decode::pictures(&paths, form)?.iter().zip(&part.samples) {
        faces.push(&face.bytes, *class);
    }
    Ok(faces.samples(3 * FACE * FACE, standard.clone()))
}
