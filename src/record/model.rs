//! `model.safetensors`: the final model with its tensors' names and shapes.

use super::fault;
use super::folder::write_whole;
use crate::event::{Event, RecordError, Recorder};
use crate::weights::Layout;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::path::{Path, PathBuf};

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
        let view = |slot: &crate::weights::Slot| {
            let bytes = bytemuck::cast_slice(&weights[slot.range()]);
            TensorView::new(Dtype::F32, slot.shape.clone(), bytes).map(|view| (slot.name.clone(), view))
        };
        let views = self.layout.slots().iter().map(view).collect::<Result<Vec<_>, _>>();
        let bytes = views.and_then(|views| serialize(views, &None)).map_err(|error| fault(&self.path, error))?;
        write_whole(&self.path, &bytes)
    }
}

/// Reads a model of this layout into one flat vector.
///
/// # Errors
/// A file that cannot be read, or that holds another model.
pub fn read_model(path: &Path, layout: &Layout) -> Result<Vec<f32>, RecordError> {
    let bytes = std::fs::read(path).map_err(|error| fault(path, error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| fault(path, error))?;
    let mut weights = vec![0.0; layout.length()];
    for slot in layout.slots() {
        let tensor = file.tensor(&slot.name).map_err(|error| fault(path, error))?;
        if tensor.shape() != slot.shape || tensor.dtype() != Dtype::F32 {
            return Err(fault(path, format!("{} is {:?} of {:?}", slot.name, tensor.shape(), tensor.dtype())));
        }
        let values = tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        weights[slot.range()].iter_mut().zip(values).for_each(|(weight, value)| *weight = value);
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_model_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.safetensors");
        let mut layout = Layout::default();
        layout.push("b", &[2, 1]);
        layout.push("a", &[3]);
        let mut weights = vec![0.0; layout.length()];
        weights[..2].copy_from_slice(&[1.0, -2.0]);
        weights[16..19].copy_from_slice(&[3.0, 4.0, 5.5]);
        let finished = Event::Finished { ranks: vec![], rounds: 1, total_seconds: 0.0 };
        ModelFile::new(path.clone(), layout.clone()).record(&finished, &weights).expect("writable");
        assert_eq!(read_model(&path, &layout).expect("own file"), weights);
        let mut other = Layout::default();
        other.push("b", &[3]);
        assert!(read_model(&path, &other).is_err());
    }
}
