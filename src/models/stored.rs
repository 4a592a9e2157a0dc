//! `--init_from`: tensors of a safetensors file that a model starts from, matched by name and shape.

use super::parameter::{Initial, Stored};
use super::pretrained::Pretrained;
use super::{Network, Parameter, Unfit};
use crate::files;
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Tensors of a file, and what became of them.
pub struct Tensors {
    path: PathBuf,
    map: Rc<Mmap>,
    taken: BTreeSet<String>,
    // What the model has besides, and what has another shape there.
    missing: Vec<String>,
    other: Vec<String>,
    // What adapters that were taken over are scaled by now.
    scale: Option<f64>,
}

impl Tensors {
    /// The tensors of a file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path) -> Result<Tensors, Unfit> {
        let fault = |reason: String| Unfit::File {
            path: path.to_owned(),
            reason,
        };
        let file = files::open(path).map_err(|error| fault(error.to_string()))?;
        // SAFETY: a file of the user's, which is read while the model is made, and not written by
        // this program.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| fault(error.to_string()))?;
        SafeTensors::deserialize(&map)
            .map_err(|error| fault(format!("no safetensors: {error}")))?;
        Ok(Tensors {
            path: path.to_owned(),
            map: Rc::new(map),
            taken: BTreeSet::new(),
            missing: Vec::new(),
            other: Vec::new(),
            scale: None,
        })
    }

    /// The network with what is found of it in the file.
    ///
    /// # Errors
    /// A file that has nothing of the model.
    pub fn start(&mut self, network: Box<dyn Network>) -> Result<Pretrained, Unfit> {
        let mut parameters = network.parameters().to_vec();
        for parameter in &mut parameters {
            if !self.fill(parameter)? {
                self.missing.push(parameter.name.clone());
            }
        }
        if self.taken.is_empty() {
            let tensors = self.all();
            let (theirs, ours) = (some(tensors.names().into_iter()), some(self.missing.iter()));
            let what = format!("it has {theirs}, the model {ours}");
            let what = match self.other.first() {
                Some(other) => format!("{other}; {what}"),
                None => what,
            };
            return Err(self.fault(format!("nothing in it is a tensor of the model: {what}")));
        }
        Ok(Pretrained::new(network, parameters))
    }

    /// Has a parameter start as it is stored; tells whether it is.
    ///
    /// # Errors
    /// What is stored is of a kind that is not read, or not finite.
    pub fn fill(&mut self, parameter: &mut Parameter) -> Result<bool, Unfit> {
        let map = Rc::clone(&self.map);
        let tensors = all(&map);
        let found = names_of(&parameter.name)
            .into_iter()
            .find_map(|name| Some((tensors.tensor(&name).ok()?, name)));
        let Some((tensor, name)) = found else { return Ok(false) };
        let kind = tensor.dtype();
        if tensor.shape() != parameter.shape {
            let (theirs, ours) = (tensor.shape(), &parameter.shape);
            self.other
                .push(format!("{name} is {theirs:?} there, and {ours:?} in the model"));
            return Ok(false);
        }
        if ![Dtype::F32, Dtype::F16, Dtype::BF16].contains(&kind) {
            return Err(self
                .fault(format!("{name} holds {kind:?}, where floats of 16 or 32 bits are read")));
        }
        let mut value = [0.0];
        let sound = tensor.data().chunks_exact(kind.size()).all(|bytes| {
            read(bytes, kind, &mut value);
            value[0].is_finite()
        });
        if !sound {
            return Err(self.fault(format!("{name} holds values that are not finite")));
        }
        let start = tensor.data().as_ptr() as usize - map.as_ptr() as usize;
        let place = start..start + tensor.data().len();
        let stored = Rc::clone(&map);
        parameter.initial = Initial::Stored(Stored::new(move |values| {
            read(&stored[place.clone()], kind, values);
        }));
        self.taken.insert(name);
        Ok(true)
    }

    /// Has both matrices of an adapter start as they are stored, if they are. What they are scaled
    /// by is not in the file.
    ///
    /// # Errors
    /// As those of [`Tensors::fill`].
    pub fn fill_adapter(
        &mut self,
        parameters: &mut [Parameter],
        pair: [usize; 2],
        scale: f64,
    ) -> Result<(), Unfit> {
        let [down, up] = pair;
        match [
            self.fill(&mut parameters[down])?,
            self.fill(&mut parameters[up])?,
        ] {
            [true, true] => self.scale = Some(scale),
            [false, false] => {}
            [has_down, _] => {
                let other = if has_down { up } else { down };
                self.missing.push(parameters[other].name.clone());
            }
        }
        Ok(())
    }

    /// In words, what did not match.
    pub fn note(&self) -> Option<String> {
        let tensors = self.all();
        let mut idle: Vec<String> = tensors.names().into_iter().map(String::from).collect();
        idle.retain(|name| {
            let is_told = |told: &String| told.starts_with(&format!("{name} is "));
            !self.taken.contains(name) && !self.other.iter().any(is_told)
        });
        for name in &self.missing {
            log::debug!("--init_from: {name} starts anew");
        }
        for name in &idle {
            log::debug!("--init_from: {name} is not the model's");
        }
        let adapted = idle.iter().any(|name| name.contains(".lora_"));
        let hint = " (hint: --lora as in the run that made it takes its adapters over)";
        let absent = format!(
            "{} of the model start anew: {}",
            self.missing.len(),
            some(self.missing.iter())
        );
        let left = format!("{} of the file are not the model's: {}", idle.len(), some(idle.iter()));
        let parts = [
            (self.missing.len(), absent),
            (self.other.len(), some(self.other.iter())),
            (idle.len(), left),
        ];
        let told = parts.into_iter().filter(|(count, _)| *count > 0);
        let mut parts: Vec<String> = told.map(|(_, text)| text).collect();
        parts.extend(self.scale.map(|scale| {
            format!("adapters go on with alpha / rank = {scale}, which the file does not hold")
        }));
        let hint = if adapted { hint } else { "" };
        let told = format!("--init_from {}: {}{hint}", self.path.display(), parts.join("; "));
        (!parts.is_empty()).then_some(told)
    }

    fn all(&self) -> SafeTensors<'_> {
        all(&self.map)
    }

    fn fault(&self, reason: String) -> Unfit {
        Unfit::File {
            path: self.path.clone(),
            reason,
        }
    }
}

fn all(map: &Mmap) -> SafeTensors<'_> {
    SafeTensors::deserialize(map).expect("it was read before")
}

/// What a tensor may be called: its name, or what Hugging Face's files of BERT say for it, of which
/// older ones call norms otherwise and those without a head leave out the first word.
fn names_of(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    names.extend(name.strip_prefix("bert.").map(str::to_owned));
    let older = |name: &String| {
        let (norm, kind) = name.rsplit_once(".LayerNorm.")?;
        let kind = if kind == "weight" { "gamma" } else { "beta" };
        Some(format!("{norm}.LayerNorm.{kind}"))
    };
    let older: Vec<String> = names.iter().filter_map(older).collect();
    names.extend(older);
    names
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
    fn a_tensor_of_another_shape_starts_anew_and_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let network = crate::models::build(&"lr".into(), &Facts::classes(&[6], 3)).expect("fits");
        let known = layout(network.as_ref());
        let [weight, offset] = [0, 1].map(|place| known.slots()[place].name.clone());
        let path = file(folder.path(), Dtype::F32, 0, &[(&weight, &[3, 6]), (&offset, &[5])]);
        let note = started(&path).expect("some fits").1.expect("some does not");
        for wanted in [
            format!("1 of the model start anew: {offset}"),
            format!("{offset} is [5] there, and [3] in the model"),
        ] {
            assert!(note.contains(&wanted) && !note.contains("of the file"), "{note}");
        }
    }

    #[test]
    fn names_of_older_and_bare_files_are_known() {
        assert_eq!(
            names_of("bert.embeddings.LayerNorm.bias"),
            [
                "bert.embeddings.LayerNorm.bias",
                "embeddings.LayerNorm.bias",
                "bert.embeddings.LayerNorm.beta",
                "embeddings.LayerNorm.beta",
            ]
        );
        assert_eq!(names_of("fc.weight"), ["fc.weight"]);
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
        let path = file(folder.path(), Dtype::F32, 0xff, &[(&weight, &[3, 6])]);
        assert!(started(&path).expect_err("refused").contains("not finite"));
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
