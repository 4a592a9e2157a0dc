//! `model.safetensors`: the final model with its tensors' names and shapes.

use super::fault;
use crate::event::{Event, RecordError, Recorder};
use crate::files::write_whole;
use crate::weights::{Layout, Slot};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, serialize};
use std::collections::HashMap;
use std::path::PathBuf;

/// Writes the model when the run is over.
pub struct ModelFile {
    path: PathBuf,
    layout: Layout,
}

impl ModelFile {
    /// Will write the flat weights as the tensors of `layout`.
    pub fn new(path: PathBuf, layout: Layout) -> Self {
        ModelFile { path, layout }
    }
}

impl Recorder for ModelFile {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        let Event::Finished { .. } = event else { return Ok(()) };
        let bytes = tensors(&self.layout, weights, None).map_err(|error| fault(&self.path, error))?;
        write_whole(&self.path, &bytes).map_err(|error| fault(&self.path, error))
    }
}

/// Flat weights as the bytes of a file of tensors, with what is said of them.
pub fn tensors(
    layout: &Layout,
    weights: &[f32],
    said: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, SafeTensorError> {
    let view = |slot: &Slot| {
        let bytes = bytemuck::cast_slice(&weights[slot.range()]);
        TensorView::new(Dtype::F32, slot.shape.clone(), bytes).map(|view| (slot.name.clone(), view))
    };
    let views = layout.slots().iter().map(view).collect::<Result<Vec<_>, _>>()?;
    serialize(views, &said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::allocation::pod_collect_to_vec;
    use safetensors::SafeTensors;

    #[test]
    fn tensors_are_saved_by_name_without_padding() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.safetensors");
        let mut layout = Layout::default();
        layout.push("b", &[2, 1]);
        layout.push("a", &[3]);
        let mut weights = vec![0.0; layout.length()];
        weights[..2].copy_from_slice(&[1.0, -2.0]);
        weights[16..19].copy_from_slice(&[3.0, 4.0, 5.5]);
        let finished = Event::Finished { reason: String::new(), ranks: vec![], rounds: 1, total_seconds: 0.0 };
        ModelFile::new(path.clone(), layout.clone()).record(&finished, &weights).expect("writable");
        let bytes = std::fs::read(&path).expect("there");
        let file = SafeTensors::deserialize(&bytes).expect("whole");
        let read = |name: &str| {
            let tensor = file.tensor(name).expect("there");
            (tensor.shape().to_vec(), pod_collect_to_vec::<u8, f32>(tensor.data()))
        };
        assert_eq!(read("b"), (vec![2, 1], vec![1.0, -2.0]));
        assert_eq!(read("a"), (vec![3], vec![3.0, 4.0, 5.5]));
    }
}
