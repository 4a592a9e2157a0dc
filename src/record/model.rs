//! `model.safetensors`: the final model with its tensors' names and shapes.

use super::fault;
use crate::event::{Event, RecordError, Recorder};
use crate::files::write_whole;
use crate::train::Frozen;
use crate::weights::{self, Layout};
use bytemuck::allocation::pod_collect_to_vec;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors, serialize};
use std::collections::HashMap;
use std::path::PathBuf;

/// Writes the model when the run is over.
pub struct ModelFile {
    path: PathBuf,
    whole: Whole,
}

impl ModelFile {
    /// Will write the flat weights as the tensors of `whole`.
    pub fn new(path: PathBuf, whole: Whole) -> Self {
        ModelFile { path, whole }
    }
}

impl Recorder for ModelFile {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        let Event::Finished { .. } = event else { return Ok(()) };
        let bytes = self
            .whole
            .tensors(weights, None)
            .map_err(|error| fault(&self.path, error))?;
        write_whole(&self.path, &bytes).map_err(|error| fault(&self.path, error))
    }
}

/// All tensors of a model: where those that are trained lie in the flat vector, and those that are
/// not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// Of the flat vector.
    pub layout: Layout,
    /// Beside it.
    pub frozen: Vec<Frozen>,
}

impl Whole {
    /// Flat weights as the bytes of a file of tensors, with what is said of them.
    ///
    /// # Errors
    /// What the format cannot hold.
    pub fn tensors(
        &self,
        weights: &[f32],
        said: Option<HashMap<String, String>>,
    ) -> Result<Vec<u8>, SafeTensorError> {
        let mut views = Vec::new();
        for slot in self.layout.slots() {
            views.push((&slot.name, view(&slot.shape, &weights[slot.range()])?));
        }
        for frozen in &self.frozen {
            views.push((&frozen.name, view(&frozen.shape, &frozen.values)?));
        }
        serialize(views, &said)
    }

    /// The flat weights that [`Whole::tensors`] wrote, from bytes that may be anything.
    ///
    /// # Errors
    /// What is wrong with the bytes: no file of tensors, or one that is missing, has another shape,
    /// or is frozen and has changed.
    pub fn weights(&self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let mut weights = vec![0.0; self.layout.length()];
        for slot in self.layout.slots() {
            let values = values(&file, &slot.name, &slot.shape)?;
            weights[slot.range()].copy_from_slice(&values);
        }
        for frozen in &self.frozen {
            let values = values(&file, &frozen.name, &frozen.shape)?;
            if weights::hash(&values) != weights::hash(&frozen.values) {
                let name = &frozen.name;
                return Err(format!("tensor `{name}`, which is not trained, has changed"));
            }
        }
        Ok(weights)
    }
}

/// Numbers as a tensor of a file.
fn view<'a>(shape: &[usize], values: &'a [f32]) -> Result<TensorView<'a>, SafeTensorError> {
    TensorView::new(Dtype::F32, shape.to_vec(), bytemuck::cast_slice(values))
}

/// The numbers of a file's tensor, if it has this shape.
fn values(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = file
        .tensor(name)
        .map_err(|_| format!("tensor `{name}` is missing"))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(format!("tensor `{name}` has another shape than the model's"));
    }
    Ok(pod_collect_to_vec::<u8, f32>(tensor.data()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let finished = Event::Finished {
            reason: String::new(),
            ranks: vec![],
            rounds: 1,
            total_seconds: 0.0,
        };
        let frozen = Frozen {
            name: "c".to_owned(),
            shape: vec![1],
            values: vec![7.0],
        };
        let whole = Whole {
            layout: layout.clone(),
            frozen: vec![frozen],
        };
        ModelFile::new(path.clone(), whole.clone())
            .record(&finished, &weights)
            .expect("writable");
        let bytes = std::fs::read(&path).expect("there");
        let file = SafeTensors::deserialize(&bytes).expect("whole");
        let read = |name: &str| {
            let tensor = file.tensor(name).expect("there");
            (tensor.shape().to_vec(), pod_collect_to_vec::<u8, f32>(tensor.data()))
        };
        assert_eq!(read("b"), (vec![2, 1], vec![1.0, -2.0]));
        assert_eq!(read("a"), (vec![3], vec![3.0, 4.0, 5.5]));
        assert_eq!(read("c"), (vec![1], vec![7.0]));
        assert_eq!(whole.weights(&bytes), Ok(weights));
        let refused = |whole: &Whole| whole.weights(&bytes).expect_err("refused");
        let mut other = whole.clone();
        other.frozen[0].values = vec![8.0];
        assert!(refused(&other).contains("`c`, which is not trained"));
        let mut larger = whole.clone();
        larger.layout.push("d", &[1]);
        assert!(refused(&larger).contains("`d` is missing"));
        assert!(whole.weights(&bytes[..bytes.len() - 1]).is_err());
    }
}
