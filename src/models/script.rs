//! `script`: a user's own module, saved by PyTorch (`torch.jit.save`, or `fedmpi.export` in
//! Python). Its parameters and buffers are tensors of ours whenever it computes; dropout inside it
//! draws from libtorch's generator, which is seeded from the client's own stream before each pass.

use super::parameter::{Initial, Stored};
use super::{Network, Noise, Parameter, Unfit};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::stop;
use crate::task::{Facts, Input, Task};
use fedmpi_torchscript::{Fault, Module, Named};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor, no_grad};

part! {
    /// Its settings.
    pub Script {
        file: Option<PathBuf> = "", "FILE", Range::ANY,
            "TorchScript file of the module, on every host";
    }
}

/// The module behind its parameters.
pub struct Scripted {
    module: Module,
    path: PathBuf,
    parameters: Vec<Parameter>,
    // Other names of a parameter that the module uses more than once: its place, and the name.
    tied: Vec<(usize, String)>,
    trained: usize,
}

impl Script {
    /// Loads the module and sees that it takes such data.
    pub fn load(&self, facts: &Facts) -> Result<Scripted, Unfit> {
        let Some(path) = &self.file else {
            return Err(Unfit::Needs("a file (hint: --model script:FILE.pt)"));
        };
        let fault = |reason: String| Unfit::File {
            path: path.clone(),
            reason,
        };
        let bytes = files::bytes(path).map_err(|error| fault(error.to_string()))?;
        let module = Module::load(&bytes).map_err(|error| {
            let error = error.to_string();
            let hint = "(hint: fedmpi.export in Python makes it, or torch.jit.script(module).save)";
            fault(if error.contains("(hint: ") {
                error
            } else {
                format!("{error} {hint}")
            })
        })?;
        let tensors = module.tensors().map_err(|error| fault(error.to_string()))?;
        let made = Scripted::new(module, tensors, path).map_err(fault)?;
        made.try_out(facts).map_err(fault)?;
        Ok(made)
    }
}

impl Scripted {
    /// The trained parameters come first, then what is only kept.
    fn new(module: Module, tensors: Vec<Named>, path: &Path) -> Result<Scripted, String> {
        let (trained, kept): (Vec<_>, Vec<_>) = tensors.into_iter().partition(is_trained);
        let (mut own, mut tied) = (Vec::<Named>::new(), Vec::new());
        for named in trained.into_iter().chain(kept) {
            match own.iter().position(|known| shares(known, &named)) {
                Some(place) if is_same(&own[place], &named) => tied.push((place, named.name)),
                Some(place) => {
                    return Err(format!(
                        "{} and {} share values in different orders, which only tensors that are \
                         alike can (hint: .clone() one before it is saved)",
                        own[place].name, named.name
                    ));
                }
                None => own.push(named),
            }
        }
        let trained = own.iter().filter(|named| is_trained(named)).count();
        if trained == 0 {
            return Err(
                "it has no parameter that is trained (hint: was it frozen before it was saved?)"
                    .to_owned(),
            );
        }
        let parameters = own.into_iter().map(given).collect::<Result<_, _>>()?;
        Ok(Scripted {
            module,
            path: path.to_owned(),
            parameters,
            tied,
            trained,
        })
    }

    /// Two samples of nothing, as in training and as it is used: what comes out must be what the
    /// task asks for.
    fn try_out(&self, facts: &Facts) -> Result<(), String> {
        if facts.shape.is_empty() {
            return Ok(());
        }
        let sizes: Vec<i64> = [2]
            .into_iter()
            .chain(facts.shape.iter().map(|&size| size as i64))
            .collect();
        let kind = if facts.input == Input::Tokens {
            Kind::Int64
        } else {
            Kind::Float
        };
        let batch = Tensor::zeros(&sizes[..], (kind, Device::Cpu));
        let wanted = wanted(facts);
        for training in [None, Some(0)] {
            let computed = self.module.reset(&batch);
            let computed =
                computed.and_then(|()| no_grad(|| self.module.forward(&batch, training)));
            let given = computed.map_err(|error| {
                let error = error.to_string();
                let hint = if error.contains("Expected Tensor but got") {
                    " (hint: one tensor is expected; wrap it in a module that returns the logits)"
                } else {
                    ""
                };
                format!("of inputs {sizes:?}: {error}{hint}")
            })?;
            if given.size() != wanted {
                return Err(format!(
                    "of inputs {sizes:?} it makes {:?}, where {wanted:?} is learned from",
                    given.size()
                ));
            }
        }
        Ok(())
    }

    fn set(&self, parameters: &[Tensor]) -> Result<(), Fault> {
        let own = self
            .parameters
            .iter()
            .map(|parameter| &parameter.name)
            .zip(parameters);
        let tied = self
            .tied
            .iter()
            .map(|(place, name)| (name, &parameters[*place]));
        own.chain(tied)
            .try_for_each(|(name, tensor)| self.module.set(name, tensor))
    }
}

fn is_trained(named: &Named) -> bool {
    named.parameter && named.tensor.requires_grad()
}

/// Whether two names stand for values in one place.
fn shares(one: &Named, other: &Named) -> bool {
    one.tensor.numel() > 0 && one.tensor.data_ptr() == other.tensor.data_ptr()
}

/// Whether they stand for one tensor, too.
fn is_same(one: &Named, other: &Named) -> bool {
    let (one, other) = (&one.tensor, &other.tensor);
    one.size() == other.size() && one.stride() == other.stride()
}

/// Shape of what comes out for two samples.
fn wanted(facts: &Facts) -> Vec<i64> {
    let outputs = facts.task.outputs() as i64;
    match facts.task {
        Task::Next { .. } | Task::Masked { .. } if facts.targets > 1 => {
            vec![2, facts.targets as i64, outputs]
        }
        _ => vec![2, outputs],
    }
}

/// A parameter that starts as it was saved.
fn given(named: Named) -> Result<Parameter, String> {
    let Named { name, tensor, .. } = named;
    if tensor.kind() != Kind::Float {
        let kind = tensor.kind();
        return Err(format!(
            "its tensor {name} holds {kind:?}, where 32-bit floats are trained \
             (hint: module.float())"
        ));
    }
    let shape = tensor.size().iter().map(|&size| size as usize).collect();
    let tensor = tensor.detach();
    let stored = Stored::new(move |values| tensor.copy_data(values, values.len()));
    Ok(Parameter {
        name,
        shape,
        initial: Initial::Stored(stored),
    })
}

impl Network for Scripted {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.trained
    }

    fn forward(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        mut noise: Option<&mut Noise>,
    ) -> Tensor {
        // What a client has changed of the module ends with it.
        let begins = noise.as_mut().is_none_or(|noise| noise.begins());
        let ready = if begins {
            self.module.reset(batch)
        } else {
            Ok(())
        };
        let given = ready
            .and_then(|()| self.set(parameters))
            .and_then(|()| self.module.forward(batch, noise.map(Noise::seed)));
        given.unwrap_or_else(|fault| {
            let (path, sizes) = (self.path.display(), batch.size());
            stop::leave(format!("{path} cannot compute with a batch of {sizes:?}: {fault}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::tests::choice;
    use crate::models::{build, initial, layout};
    use crate::seed::{Purpose, Seed};
    use crate::torch::params::Params;
    use crate::torch::task::gradients;

    fn module() -> Box<dyn Network> {
        build(&choice("script"), &Facts::classes(&[1, 28, 28], 10)).expect("fits")
    }

    #[test]
    fn a_tied_weight_is_one_and_whole_numbers_are_constants() {
        let module = module();
        let names: Vec<&str> = module
            .parameters()
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let (trained, kept) = names.split_at(module.trained());
        assert!(
            trained.contains(&"first.weight") && !names.contains(&"second.weight"),
            "{names:?}"
        );
        assert_eq!(kept, ["norm.running_mean", "norm.running_var"]);
    }

    #[test]
    fn it_starts_as_it_was_saved_and_drops_by_the_seed() {
        let module = module();
        let layout = layout(module.as_ref());
        let start = initial(module.as_ref(), &layout, &mut Seed(1).stream(Purpose::Initial));
        let other = initial(module.as_ref(), &layout, &mut Seed(2).stream(Purpose::Initial));
        assert!(start == other && start.iter().any(|value| *value != 0.0));
        let slots = layout.slots().iter();
        let tensors: Vec<Tensor> = slots
            .map(|slot| {
                let shape: Vec<i64> = slot.shape.iter().map(|&size| size as i64).collect();
                Tensor::from_slice(&start[slot.range()]).view(&shape[..])
            })
            .collect();
        let batch = Tensor::ones([3, 1, 28, 28], (Kind::Float, Device::Cpu));
        let noise = |seed| Noise::new(Seed(seed).stream(Purpose::Model));
        let pass = |seed: u64| module.forward(&tensors, &batch, Some(&mut noise(seed)));
        assert!(pass(5).equal(&pass(5)) && !pass(5).equal(&pass(6)));
        let used = || module.forward(&tensors, &batch, None);
        assert!(used().equal(&used()));
    }

    #[test]
    fn what_changes_while_it_computes_is_as_saved_when_a_client_begins() {
        let file = concat!("script:", env!("CARGO_MANIFEST_DIR"), "/tests/data/stateful.pt");
        let facts = Facts::classes(&[1, 28, 28], 10);
        let module = build(&file.into(), &facts).expect("fits");
        let names: Vec<&str> = module
            .parameters()
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        assert!(!names.contains(&"mask") && !names.contains(&"batches"), "{names:?}");
        let layout = layout(module.as_ref());
        let mut params = Params::new(&layout, module.trained(), Device::Cpu).expect("room");
        let start = initial(module.as_ref(), &layout, &mut Seed(1).stream(Purpose::Initial));
        let pixels = Tensor::arange(3 * 784, (Kind::Float, Device::Cpu)).sin();
        let batch = pixels.view([3, 1, 28, 28]);
        let labels = Tensor::from_slice(&[1i64, 2, 3]);
        let mut client = || {
            params.load(&start);
            let mut noise = Noise::new(Seed(5).stream(Purpose::Model));
            let mut pass = || {
                let noise = Some(&mut noise);
                gradients(module.as_ref(), &facts.task, params.views(), &batch, &labels, noise)
            };
            [pass(), pass()]
        };
        let (first, again) = (client(), client());
        for (one, other) in first.iter().zip(&again) {
            assert!(one.0.equal(&other.0));
            assert!(
                one.1
                    .iter()
                    .zip(&other.1)
                    .all(|(one, other)| one.equal(other))
            );
        }
        // Within a client it counts.
        assert!(!first[0].0.equal(&first[1].0));
        for (name, slope) in names.iter().zip(&first[0].1) {
            let moves = slope.abs().max().double_value(&[]) > 0.0;
            assert_eq!(moves, !name.starts_with("unused"), "{name}");
        }
        let used = || module.forward(params.views(), &batch, None);
        assert!(used().equal(&used()));
    }

    #[test]
    fn files_and_data_that_do_not_fit_are_refused() {
        let refused = |model: &str, facts: &Facts| {
            build(&model.into(), facts)
                .map(|_| ())
                .expect_err("refused")
                .to_string()
        };
        let images = Facts::classes(&[1, 28, 28], 10);
        assert!(refused("script", &images).contains("--model script:FILE.pt"));
        assert!(refused("script:nowhere.pt", &images).contains("nowhere.pt"));
        let module = choice("script").to_string();
        let more = refused(&module, &Facts::classes(&[1, 28, 28], 11));
        assert!(more.contains("it makes [2, 10], where [2, 11] is learned from"), "{more}");
        let flat = refused(&module, &Facts::classes(&[60], 10));
        assert!(flat.contains("module.pt") && flat.contains("Error"), "{flat}");
        let module = build(&module.as_str().into(), &images).expect("fits");
        let batch = Tensor::ones([3, 7], (Kind::Float, Device::Cpu));
        let tensor = |parameter: &Parameter| {
            let shape: Vec<i64> = parameter.shape.iter().map(|&size| size as i64).collect();
            Tensor::zeros(&shape[..], (Kind::Float, Device::Cpu))
        };
        let tensors: Vec<Tensor> = module.parameters().iter().map(tensor).collect();
        let pass = || module.forward(&tensors, &batch, None);
        let fault = stop::catch(pass).expect_err("no such input");
        let wanted = "module.pt cannot compute with a batch of [3, 7]: ";
        assert!(fault.contains(wanted) && !fault.contains("panicked"), "{fault}");
    }
}
