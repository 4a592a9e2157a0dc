//! `--init_from`: a model that starts from the tensors of a safetensors file, matched by name and
//! shape.

use super::parameter::{Initial, Stored};
use super::{Descent, Network, Noise, Parameter, Unfit};
use crate::files;
use crate::weights::Layout;
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::path::Path;
use std::rc::Rc;
use tch::Tensor;

/// A network whose parameters start as they are stored, where they are stored.
pub struct Pretrained {
    network: Box<dyn Network>,
    parameters: Vec<Parameter>,
}

impl Pretrained {
    /// The network with what is found of it in the file; and, in words, what did not match.
    ///
    /// # Errors
    /// A file that cannot be read, or has nothing of the model.
    pub fn new(
        network: Box<dyn Network>,
        path: &Path,
    ) -> Result<(Pretrained, Option<String>), Unfit> {
        let fault = |reason: String| Unfit::File {
            path: path.to_owned(),
            reason,
        };
        let file = files::open(path).map_err(|error| fault(error.to_string()))?;
        // SAFETY: a file of the user's, which is read while the model is made, and not written by
        // this program.
        let map = Rc::new(unsafe { Mmap::map(&file) }.map_err(|error| fault(error.to_string()))?);
        let tensors = SafeTensors::deserialize(&map)
            .map_err(|error| fault(format!("no safetensors: {error}")))?;
        let mut parameters = network.parameters().to_vec();
        let mut missing = Vec::new();
        for parameter in &mut parameters {
            match found(&tensors, parameter, &map).map_err(fault)? {
                Some(initial) => parameter.initial = initial,
                None => missing.push(parameter.name.clone()),
            }
        }
        if missing.len() == parameters.len() {
            let (theirs, ours) = (some(tensors.names().into_iter()), some(missing.iter()));
            return Err(fault(format!(
                "nothing in it is a tensor of the model: it has {theirs}, the model {ours}"
            )));
        }
        let is_ours =
            |name: &&&String| parameters.iter().any(|parameter| parameter.name == ***name);
        let idle: Vec<&String> = tensors
            .names()
            .iter()
            .filter(|name| !is_ours(name))
            .copied()
            .collect();
        let note = unmatched(path, &missing, &idle);
        Ok((
            Pretrained {
                network,
                parameters,
            },
            note,
        ))
    }
}

/// What a parameter starts as, if the file has it.
fn found(
    tensors: &SafeTensors<'_>,
    parameter: &Parameter,
    map: &Rc<Mmap>,
) -> Result<Option<Initial>, String> {
    let Ok(tensor) = tensors.tensor(&parameter.name) else { return Ok(None) };
    let (name, kind) = (&parameter.name, tensor.dtype());
    if tensor.shape() != parameter.shape {
        return Err(format!(
            "{name} is {:?} there, and {:?} in the model",
            tensor.shape(),
            parameter.shape
        ));
    }
    if ![Dtype::F32, Dtype::F16, Dtype::BF16].contains(&kind) {
        return Err(format!("{name} holds {kind:?}, where floats of 16 or 32 bits are read"));
    }
    let start = tensor.data().as_ptr() as usize - map.as_ptr() as usize;
    let (map, place) = (Rc::clone(map), start..start + tensor.data().len());
    Ok(Some(Initial::Stored(Stored::new(move |values| read(&map[place.clone()], kind, values)))))
}

/// Floats of 16 or 32 bits, least byte first.
fn read(bytes: &[u8], kind: Dtype, values: &mut [f32]) {
    for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(kind.size())) {
        *value = match (kind, bytes) {
            (Dtype::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
            (Dtype::BF16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
            (_, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => unreachable!("chunks have the size of a float"),
        };
    }
}

fn unmatched(path: &Path, missing: &[String], idle: &[&String]) -> Option<String> {
    let absent = format!("{} of the model start anew: {}", missing.len(), some(missing.iter()));
    let left = format!("{} of the file are not the model's: {}", idle.len(), some(idle.iter()));
    let parts: Vec<String> = [(missing.len(), absent), (idle.len(), left)]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, text)| text)
        .collect();
    (!parts.is_empty()).then(|| format!("--init_from {}: {}", path.display(), parts.join("; ")))
}

/// A few names, and how many more.
fn some<T: AsRef<str>>(names: impl ExactSizeIterator<Item = T>) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<String> = names
        .take(SHOWN)
        .map(|name| name.as_ref().to_owned())
        .collect();
    if more == 0 {
        shown.join(", ")
    } else {
        format!("{} and {more} more", shown.join(", "))
    }
}

impl Network for Pretrained {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.network.trained()
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        self.network.forward(parameters, batch, noise)
    }

    fn forward_at(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        places: &Tensor,
        noise: Option<&mut Noise>,
    ) -> Tensor {
        self.network.forward_at(parameters, batch, places, noise)
    }

    fn is_steady(&self) -> bool {
        self.network.is_steady()
    }

    fn descent(&self, layout: &Layout) -> Option<Box<dyn Descent>> {
        self.network.descent(layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Start, Trained, initial, layout, make};
    use crate::seed::{Purpose, Seed};
    use crate::task::Facts;
    use safetensors::tensor::{TensorView, serialize_to_file};
    use std::path::PathBuf;
    use tch::Device;

    /// A file with tensors of a kind, all bytes the same.
    fn file(folder: &Path, kind: Dtype, byte: u8, tensors: &[(&str, &[usize])]) -> PathBuf {
        let path = folder.join("some.safetensors");
        let bytes = vec![byte; 4096];
        let view = |(name, shape): &(&str, &[usize])| {
            let length = shape.iter().product::<usize>() * kind.size();
            (
                name.to_string(),
                TensorView::new(kind, shape.to_vec(), &bytes[..length]).expect("so many"),
            )
        };
        serialize_to_file(tensors.iter().map(view).collect::<Vec<_>>(), &None, &path)
            .expect("writable");
        path
    }

    fn started(path: &Path) -> Result<(Vec<f32>, Option<String>), String> {
        let trained = Trained {
            only: None,
            lora: None,
        };
        let start = Start {
            from: Some(path),
            trained,
            device: Device::Cpu,
            seed: Seed(3),
        };
        let (network, note) = make(&"lr".into(), &Facts::classes(&[6], 3), start)
            .map_err(|error| error.to_string())?;
        let layout = layout(network.as_ref());
        Ok((initial(network.as_ref(), &layout, &mut Seed(3).stream(Purpose::Initial)), note))
    }

    #[test]
    fn tensors_are_taken_over_by_name_and_the_rest_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (layer, bias): (&[usize], &[usize]) = (&[3, 6], &[3]);
        let known = layout(
            crate::models::build(&"lr".into(), &Facts::classes(&[6], 3))
                .expect("fits")
                .as_ref(),
        );
        let [weight, offset] = [0, 1].map(|place| known.slots()[place].clone());
        // 0x3c3c as half is 1.0586, as bfloat16 0.01147.
        for (kind, value) in [
            (Dtype::F16, 1.058_593_8),
            (Dtype::BF16, 0.011_474_609),
            (Dtype::F32, f32::from_bits(0x3c3c_3c3c)),
        ] {
            let path =
                file(folder.path(), kind, 0x3c, &[(&weight.name, layer), (&offset.name, bias)]);
            let (start, note) = started(&path).expect("fits");
            assert!(
                start[weight.range()]
                    .iter()
                    .chain(&start[offset.range()])
                    .all(|found| *found == value),
                "{kind:?}"
            );
            assert_eq!(note, None);
        }
        let path =
            file(folder.path(), Dtype::F32, 0, &[(&weight.name, layer), ("head.bias", bias)]);
        let note = started(&path)
            .expect("some of it fits")
            .1
            .expect("some does not");
        let [absent, left] = [
            "1 of the model start anew",
            "1 of the file are not the model's: head.bias",
        ];
        assert!(
            note.contains(absent) && note.contains(&offset.name) && note.contains(left),
            "{note}"
        );
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |kind, tensors: &[(&str, &[usize])]| {
            started(&file(folder.path(), kind, 0, tensors)).expect_err("refused")
        };
        let weight = layout(
            crate::models::build(&"lr".into(), &Facts::classes(&[6], 3))
                .expect("fits")
                .as_ref(),
        )
        .slots()[0]
            .name
            .clone();
        assert!(
            refused(Dtype::F32, &[("other", &[3])])
                .contains("nothing in it is a tensor of the model: it has other")
        );
        assert!(
            refused(Dtype::F32, &[(&weight, &[6, 3])])
                .contains("[6, 3] there, and [3, 6] in the model")
        );
        assert!(refused(Dtype::I64, &[(&weight, &[3, 6])]).contains("holds I64"));
        assert!(
            started(&folder.path().join("none"))
                .expect_err("refused")
                .contains("none")
        );
        std::fs::write(folder.path().join("text"), "text").expect("writable");
        assert!(
            started(&folder.path().join("text"))
                .expect_err("refused")
                .contains("no safetensors")
        );
    }
}
