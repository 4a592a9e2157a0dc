//! Arrays in `.safetensors`.

use super::array::{Array, Kind};
use crate::files;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// The arrays of these names, as far as the file has them.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn read(path: &Path, names: &[&str]) -> Result<BTreeMap<String, Array>, String> {
    let file = files::open(path).map_err(|error| error.to_string())?;
    // SAFETY: it is only read, by one rank of the host, before training.
    let bytes = unsafe { Mmap::map(&file) }.map_err(|error| error.to_string())?;
    let torn = |error| format!("no whole safetensors: {error:?} (hint: write the file again)");
    let tensors = SafeTensors::deserialize(&bytes).map_err(torn)?;
    let wanted = tensors
        .tensors()
        .into_iter()
        .filter(|(name, _)| names.contains(&name.as_str()));
    wanted
        .map(|(name, tensor)| array(&name, &tensor).map(|array| (name, array)))
        .collect()
}

fn array(name: &str, tensor: &TensorView<'_>) -> Result<Array, String> {
    let found = tensor.dtype();
    let unknown =
        || format!("`{name}` is of kind {found:?} (hint: write it as float32, int64 or uint8)");
    let kind = kind(found).ok_or_else(unknown)?;
    let cells = kind
        .decode(tensor.data().into())
        .map_err(|reason| format!("`{name}`: {reason}"))?;
    Ok(Array {
        shape: tensor.shape().to_vec(),
        cells,
    })
}

fn kind(found: Dtype) -> Option<Kind> {
    Some(match found {
        Dtype::BOOL => Kind::Flag,
        Dtype::U8 => Kind::U8,
        Dtype::I8 => Kind::I8,
        Dtype::I16 => Kind::I16,
        Dtype::U16 => Kind::U16,
        Dtype::I32 => Kind::I32,
        Dtype::U32 => Kind::U32,
        Dtype::I64 => Kind::I64,
        Dtype::U64 => Kind::U64,
        Dtype::F32 => Kind::F32,
        Dtype::F64 => Kind::F64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::own::array::Cells;

    #[test]
    fn tensors_are_arrays_and_torn_files_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("train.safetensors");
        let bytes = [1.5f32, 2.0].map(f32::to_le_bytes).concat();
        let tensor = |kind| TensorView::new(kind, vec![2, 4 / kind.size()], &bytes).expect("fits");
        let written =
            safetensors::serialize([("x", tensor(Dtype::F32)), ("z", tensor(Dtype::F16))], &None);
        let written = written.expect("sound");
        std::fs::write(&path, &written).expect("writable");
        let found = read(&path, &["x", "y"]).expect("whole");
        let x = Array {
            shape: vec![2, 1],
            cells: Cells::Floats(vec![1.5, 2.0]),
        };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("x".to_owned(), x)]);
        assert!(
            read(&path, &["z"])
                .expect_err("refused")
                .contains("`z` is of kind F16")
        );
        std::fs::write(&path, &written[..written.len() - 1]).expect("writable");
        assert!(
            read(&path, &["x"])
                .expect_err("torn")
                .contains("no whole safetensors")
        );
    }
}
