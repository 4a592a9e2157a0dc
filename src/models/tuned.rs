//! `--train_only` and `--lora`: a model of which a part is trained. The rest is no parameter any
//! more: it neither travels nor is summed, and every rank makes it alike. Adapters (Hu et al. 2021)
//! stand beside frozen matrices: `W + (alpha / rank) B A`, `A` of shape `[rank, inputs]`, `B` of
//! `[outputs, rank]`. `B` starts with zeros, `A` uniform within `1 / sqrt(inputs)`.

use super::stored::Tensors;
use super::{Network, Noise, Parameter, Unfit, filled, initial, layout, named, uniform};
use crate::seed::Stream;
use crate::tuning::{Lora, Pattern};
use tch::{Device, Tensor};

/// What each parameter of the whole model is made of.
enum Place {
    /// One of ours.
    Own(usize),
    /// What it started as.
    Frozen(Tensor),
    /// That, and the product of two of ours.
    Adapted {
        frozen: Tensor,
        down: usize,
        up: usize,
    },
}

impl Place {
    fn frozen(&self) -> Option<&Tensor> {
        match self {
            Place::Own(_) => None,
            Place::Frozen(tensor) | Place::Adapted { frozen: tensor, .. } => Some(tensor),
        }
    }
}

/// A network with fewer parameters.
pub struct Tuned {
    network: Box<dyn Network>,
    places: Vec<Place>,
    parameters: Vec<Parameter>,
    trained: usize,
    scale: f64,
}

/// What is trained.
#[derive(Clone, Copy, Debug)]
pub struct Trained<'a> {
    /// These and nothing else.
    pub only: Option<&'a Pattern>,
    /// Adapters, and nothing else but what `only` names.
    pub lora: Option<&'a Lora>,
}

impl Trained<'_> {
    /// Whether that is everything.
    pub fn is_all(&self) -> bool {
        self.only.is_none() && self.lora.is_none()
    }

    fn takes(&self, name: &str) -> bool {
        self.only.is_some_and(|pattern| pattern.takes(name))
    }

    fn adapts(&self, parameter: &Parameter) -> bool {
        let lora = self.lora.filter(|_| parameter.shape.len() == 2);
        lora.is_some_and(|lora| lora.on.takes(&parameter.name)) && !self.takes(&parameter.name)
    }
}

impl Tuned {
    /// Freezes what is not trained, as it starts.
    ///
    /// # Errors
    /// Patterns that no tensor of the model fits.
    pub fn new(
        network: Box<dyn Network>,
        by: Trained<'_>,
        stream: &mut Stream,
        device: Device,
    ) -> Result<Tuned, Unfit> {
        let (whole, count) = (layout(network.as_ref()), network.trained());
        let start = initial(network.as_ref(), &whole, stream);
        let mut tuned = Tuned {
            network,
            places: Vec::new(),
            parameters: Vec::new(),
            trained: 0,
            scale: by.lora.map_or(0.0, Lora::scale),
        };
        let all = tuned.network.parameters().to_vec();
        for (parameter, slot) in all[..count].iter().zip(whole.slots()) {
            let values = &start[slot.range()];
            let frozen = || frozen(values, &parameter.shape, device);
            let place = match by.lora {
                _ if by.takes(&parameter.name) => {
                    Place::Own(tuned.push(parameter.starting(values)))
                }
                Some(lora) if by.adapts(parameter) => tuned.adapter(parameter, lora, frozen()),
                _ => Place::Frozen(frozen()),
            };
            tuned.places.push(place);
        }
        tuned.trained = tuned.parameters.len();
        // Running means are no weights: they go on.
        for parameter in &all[count..] {
            let place = tuned.push(parameter.clone());
            tuned.places.push(Place::Own(place));
        }
        check(&tuned, &all[..count], by)?;
        Ok(tuned)
    }

    /// Adapters go on from those that are stored, if any are.
    ///
    /// # Errors
    /// As those of [`Tensors::fill`].
    pub fn take_over(&mut self, tensors: &mut Tensors) -> Result<(), Unfit> {
        for place in &self.places {
            if let Place::Adapted { down, up, .. } = place {
                tensors.fill_adapter(&mut self.parameters, [*down, *up], self.scale)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, parameter: Parameter) -> usize {
        self.parameters.push(parameter);
        self.parameters.len() - 1
    }

    fn adapter(&mut self, parameter: &Parameter, lora: &Lora, frozen: Tensor) -> Place {
        let (outputs, inputs, rank) = (parameter.shape[0], parameter.shape[1], lora.rank.get());
        let name = parameter
            .name
            .strip_suffix(".weight")
            .unwrap_or(&parameter.name);
        let start = uniform(1.0 / (inputs as f32).sqrt());
        let down = self.push(named(format!("{name}.lora_A.weight"), &[rank, inputs], start));
        let up = self.push(named(format!("{name}.lora_B.weight"), &[outputs, rank], filled(0.0)));
        Place::Adapted { frozen, down, up }
    }
}

/// A tensor that stays as it starts.
fn frozen(values: &[f32], shape: &[usize], device: Device) -> Tensor {
    let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    Tensor::from_slice(values)
        .view(&shape[..])
        .to_device(device)
}

/// Each pattern must name something.
fn check(tuned: &Tuned, all: &[Parameter], by: Trained<'_>) -> Result<(), Unfit> {
    let names = || {
        let names: Vec<&str> = all.iter().map(|all| all.name.as_str()).collect();
        names.join(", ")
    };
    let adapted = tuned
        .places
        .iter()
        .any(|place| matches!(place, Place::Adapted { .. }));
    if let Some(lora) = by.lora.filter(|_| !adapted) {
        return Err(Unfit::Pattern(format!(
            "--lora on={}: it is no matrix of the model, which has {}",
            lora.on,
            names()
        )));
    }
    if let Some(only) = by
        .only
        .filter(|_| !all.iter().any(|parameter| by.takes(&parameter.name)))
    {
        return Err(Unfit::Pattern(format!(
            "--train_only {only}: it is no tensor of the model, which has {}",
            names()
        )));
    }
    Ok(())
}

impl Tuned {
    /// The tensors of the whole model.
    fn whole(&self, parameters: &[Tensor]) -> Vec<Tensor> {
        self.places
            .iter()
            .map(|place| self.tensor(place, parameters))
            .collect()
    }

    /// A tensor of the whole model.
    fn tensor(&self, place: &Place, parameters: &[Tensor]) -> Tensor {
        match place {
            Place::Own(own) => parameters[*own].shallow_clone(),
            Place::Frozen(frozen) => frozen.shallow_clone(),
            Place::Adapted { frozen, down, up } => {
                frozen + parameters[*up].matmul(&parameters[*down]) * self.scale
            }
        }
    }
}

impl Network for Tuned {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn trained(&self) -> usize {
        self.trained
    }

    fn forward(&self, parameters: &[Tensor], batch: &Tensor, noise: Option<&mut Noise>) -> Tensor {
        self.network.forward(&self.whole(parameters), batch, noise)
    }

    fn forward_at(
        &self,
        parameters: &[Tensor],
        batch: &Tensor,
        places: &Tensor,
        noise: Option<&mut Noise>,
    ) -> Tensor {
        self.network
            .forward_at(&self.whole(parameters), batch, places, noise)
    }

    fn is_steady(&self) -> bool {
        self.network.is_steady()
    }

    fn frozen(&self) -> Vec<(String, &Tensor)> {
        let names = self
            .network
            .parameters()
            .iter()
            .map(|parameter| parameter.name.clone());
        names
            .zip(&self.places)
            .filter_map(|(name, place)| Some((name, place.frozen()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Start, make};
    use crate::seed::Seed;
    use crate::task::Facts;
    use crate::torch::params::Params;
    use crate::torch::task::gradients;
    use tch::Kind;

    fn made(only: Option<&str>, lora: Option<&str>) -> Result<Box<dyn Network>, String> {
        let only: Option<Pattern> = only.map(|text| text.parse().expect("well-formed"));
        let lora: Option<Lora> = lora.map(|text| text.parse().expect("well-formed"));
        let trained = Trained {
            only: only.as_ref(),
            lora: lora.as_ref(),
        };
        let start = Start {
            from: None,
            trained,
            device: Device::Cpu,
            seed: Seed(3),
        };
        let made = make(&"2nn".into(), &Facts::classes(&[6], 3), start);
        made.map(|(network, _)| network)
            .map_err(|error| error.to_string())
    }

    fn names(network: &dyn Network) -> Vec<&str> {
        network
            .parameters()
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect()
    }

    /// A network with its initial parameters, and what it makes of a batch.
    fn outputs(network: &dyn Network, batch: &Tensor) -> (Params, Tensor) {
        let layout = layout(network);
        let mut params = Params::new(&layout, network.trained(), Device::Cpu).expect("room");
        params.load(&initial(network, &layout, &mut Seed(3).stream(crate::seed::Purpose::Initial)));
        let outputs = network.forward(params.views(), batch, None);
        (params, outputs)
    }

    #[test]
    fn what_is_frozen_is_no_parameter_and_the_model_starts_as_the_whole_one() {
        let batch = Tensor::ones([2, 6], (Kind::Float, Device::Cpu));
        let whole = made(None, None).expect("fits");
        let wanted = outputs(whole.as_ref(), &batch).1;
        for (only, lora, own) in [
            (Some("fc3"), None, vec!["fc3.weight", "fc3.bias"]),
            (Some("*.bias"), None, vec!["fc1.bias", "fc2.bias", "fc3.bias"]),
            (None, Some("rank=2,on=fc2"), vec!["fc2.lora_A.weight", "fc2.lora_B.weight"]),
            (
                Some("fc3.bias"),
                Some("rank=2,on=fc2"),
                vec!["fc2.lora_A.weight", "fc2.lora_B.weight", "fc3.bias"],
            ),
        ] {
            let network = made(only, lora).expect("fits");
            assert_eq!((names(network.as_ref()), network.trained()), (own.clone(), own.len()));
            // Adapters start with nothing to add.
            assert!(outputs(network.as_ref(), &batch).1.equal(&wanted), "{own:?}");
            let trained = own.iter().filter(|name| !name.contains("lora")).count();
            assert_eq!(network.frozen().len() + trained, whole.parameters().len(), "{own:?}");
        }
    }

    /// The gradient of `W + s B A` by `B` is `s G A^T`, where `G` is that by `W`.
    #[test]
    fn adapters_learn_as_the_chain_rule_says() {
        let (task, labels) = (crate::task::Task::Classes(3), Tensor::from_slice(&[1i64, 2]));
        let batch = Tensor::ones([2, 6], (Kind::Float, Device::Cpu));
        let slopes = |network: &dyn Network| {
            let (params, _) = outputs(network, &batch);
            let (_, slopes) = gradients(network, &task, params.views(), &batch, &labels, None);
            (params, slopes)
        };
        let (_, whole) = slopes(made(None, None).expect("fits").as_ref());
        let (params, own) = slopes(
            made(None, Some("rank=2,alpha=6,on=fc2"))
                .expect("fits")
                .as_ref(),
        );
        let wanted = whole[2].matmul(&params.views()[0].detach().tr()) * 3.0;
        assert!((&own[1] - wanted).abs().max().double_value(&[]) < 1e-6);
        assert_eq!(own[0].abs().max().double_value(&[]), 0.0, "B is zero, so A does not move yet");
    }

    #[test]
    fn patterns_of_nothing_are_refused_with_the_names() {
        let refused = |only, lora| made(only, lora).map(|_| ()).expect_err("refused");
        assert!(
            refused(Some("head"), None)
                .contains("--train_only head: it is no tensor of the model, which has fc1.weight")
        );
        assert!(refused(None, Some("rank=2,on=*.bias")).contains("no matrix"));
    }
}
