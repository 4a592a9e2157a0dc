//! Pixels of many pictures, decoded once: they are kept in a hidden file beside the pictures, with
//! a key of all names, sizes and times of change. Where it cannot be written pictures are decoded
//! each time.

use crate::data::DataError;
use crate::data::decode::{self, Form};
use crate::files;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const PIXELS: &str = "pixels";
const KEY: &str = "key";
/// How pictures are decoded: another word where that changes, so that older pixels are not used.
const WAY: &str = "upright, on black";

/// The pixels of pictures, one after another.
///
/// # Errors
/// The first picture that cannot be decoded.
pub fn pixels(
    folder: &Path,
    part: &str,
    pictures: &[PathBuf],
    form: Form,
) -> Result<Vec<u8>, DataError> {
    let key = key(pictures, form);
    let kept = folder.join(format!(".fedmpi-{part}.safetensors"));
    if let Some(pixels) = read(&kept, &key) {
        return Ok(pixels);
    }
    let decoded = decode::upright_pictures(pictures, form)?;
    let pixels = decoded
        .into_iter()
        .map(|planes| planes.bytes)
        .collect::<Vec<_>>()
        .concat();
    if let Some(written) = written(&pixels, &key) {
        let _ = files::write_whole(&kept, &written)
            .inspect_err(|error| log::debug!("{}: {error}", kept.display()));
    }
    Ok(pixels)
}

/// What pictures are: it changes when one of them does.
fn key(pictures: &[PathBuf], form: Form) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{WAY} {form:?}").as_bytes());
    for picture in pictures {
        let facts = fs::metadata(picture).ok();
        let changed = facts
            .as_ref()
            .and_then(|facts| facts.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let length = facts.map(|facts| facts.len());
        hasher.update(format!("{} {length:?} {changed:?}\n", picture.display()).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn read(path: &Path, key: &str) -> Option<Vec<u8>> {
    let bytes = files::bytes(path).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    let known = header.metadata().as_ref()?.get(KEY)?;
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let pixels = tensors.tensor(PIXELS).ok()?.data();
    (known == key).then(|| pixels.to_vec())
}

fn written(pixels: &[u8], key: &str) -> Option<Vec<u8>> {
    let view = TensorView::new(Dtype::U8, vec![pixels.len()], pixels).ok()?;
    let header = HashMap::from([(KEY.to_owned(), key.to_owned())]);
    safetensors::serialize([(PIXELS, view)], &Some(header)).ok()
}
