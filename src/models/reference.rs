//! Every model against PyTorch: `scripts/reference_models.py` stores the loss and the gradients of
//! a step for weights and inputs that follow from their names, `tests/data/models/NAME.json` says
//! for which data.

#[cfg(test)]
mod tests {
    use crate::models::{MODELS, Network, Noise, build};
    use crate::part::Choice;
    use crate::task::{Facts, Input, Task};
    use crate::torch::task::{gradients, loss};
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use std::ops::Range;
    use std::path::Path;
    use std::{fs, iter};
    use tch::{Kind, Tensor, no_grad};

    #[derive(Deserialize)]
    struct Case {
        model: String,
        facts: Facts,
        batch: usize,
        /// Of a training step.
        loss: f64,
        /// Of the same batch afterwards.
        evaluated: f64,
        /// Length, and product with a direction, for each tensor.
        gradients: BTreeMap<String, [f64; 2]>,
    }

    /// Numbers from -1 to below 1 at these places, as the script has them.
    fn drawn(name: &str, places: Range<usize>) -> Tensor {
        let key = name
            .bytes()
            .fold(0x811C_9DC5, |key: u32, byte| (key ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let number = |place: usize| {
            let word = (place as u32).wrapping_add(key);
            let word = (word ^ (word >> 16)).wrapping_mul(0x85EB_CA6B);
            let word = (word ^ (word >> 13)).wrapping_mul(0xC2B2_AE35);
            f64::from(word ^ (word >> 16)) / 2f64.powi(31) - 1.0
        };
        Tensor::from_slice(&places.map(number).collect::<Vec<f64>>())
    }

    /// The product of flat values with their direction, piece by piece: some tensors are large.
    fn along_direction(values: &Tensor) -> f64 {
        let (count, piece) = (values.numel(), 1 << 16);
        let product = |start: usize| {
            let places = start..count.min(start + piece);
            let own = values.narrow(0, start as i64, places.len() as i64);
            own.dot(&drawn("direction", places)).double_value(&[])
        };
        (0..count).step_by(piece).map(product).sum()
    }

    /// A tensor's weights, as the script has them.
    fn weights(name: &str, shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        let sizes: Vec<i64> = shape.iter().map(|&length| length as i64).collect();
        let mut values = drawn(name, 0..count).view(&sizes[..]);
        let (scale, shift) = match (shape.len(), name.ends_with("weight")) {
            (2.., _) => ((3.0 * shape[0] as f64 / count as f64).sqrt(), 0.0),
            (_, true) => (0.1, 1.0),
            _ => (0.1, 0.0),
        };
        // In place: some are large.
        values *= scale;
        values += shift;
        values
    }

    /// Whole numbers below a limit.
    fn below(name: &str, count: usize, limit: usize) -> Tensor {
        ((drawn(name, 0..count) + 1.0) / 2.0 * limit as f64)
            .floor()
            .to_kind(Kind::Int64)
    }

    /// The weights of a network, of which the first are trained; running figures start as they do.
    fn parameters(network: &dyn Network) -> Vec<Tensor> {
        let tensor = |(place, parameter): (usize, &crate::models::Parameter)| {
            let is_trained = place < network.trained();
            let values = match parameter.name.ends_with("running_var") {
                _ if is_trained => weights(&parameter.name, &parameter.shape),
                true => Tensor::ones(parameter.shape[0] as i64, (Kind::Double, tch::Device::Cpu)),
                false => Tensor::zeros(parameter.shape[0] as i64, (Kind::Double, tch::Device::Cpu)),
            };
            values.set_requires_grad(is_trained)
        };
        network
            .parameters()
            .iter()
            .enumerate()
            .map(tensor)
            .collect()
    }

    impl Case {
        fn read(path: &Path) -> Case {
            let text = fs::read(path).expect("readable");
            serde_json::from_slice(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        }

        /// Inputs and targets of a batch.
        fn samples(&self) -> (Tensor, Tensor) {
            let sizes = |own: &[usize]| -> Vec<i64> {
                iter::once(&self.batch)
                    .chain(own)
                    .map(|&length| length as i64)
                    .collect()
            };
            let (limit, width) = (self.facts.task.outputs(), self.batch * self.facts.width());
            let inputs = match self.facts.input {
                Input::Numbers => drawn("inputs", 0..width),
                Input::Tokens => below("inputs", width, limit),
            };
            let targets = below("targets", self.batch * self.facts.targets, limit);
            let each = if matches!(self.facts.task, Task::Classes(_)) || self.facts.targets == 1 {
                vec![]
            } else {
                vec![self.facts.targets]
            };
            (inputs.view(&sizes(&self.facts.shape)[..]), targets.view(&sizes(&each)[..]))
        }

        /// Compares each number to 1e-4 of its own size; of gradients, of the tensor's.
        fn check(&self) {
            let network = build(&self.model.as_str().into(), &self.facts).expect("fits");
            let (parameters, (inputs, targets)) = (parameters(network.as_ref()), self.samples());
            let mut silent = Noise::silent();
            let (step, slopes) = gradients(
                network.as_ref(),
                &self.facts.task,
                &parameters,
                &inputs,
                &targets,
                Some(&mut silent),
            );
            self.alike("loss", step.double_value(&[]), self.loss, self.loss);
            let after = no_grad(|| network.forward(&parameters, &inputs, None));
            let evaluated = loss(&self.facts.task, &after, &targets).double_value(&[]);
            self.alike("evaluated", evaluated, self.evaluated, self.evaluated);

            let names = network
                .parameters()
                .iter()
                .map(|parameter| parameter.name.as_str());
            let found: BTreeMap<&str, Tensor> = names.zip(slopes).collect();
            assert!(
                found.keys().eq(self.gradients.keys()),
                "{}: other tensors than {:?}",
                self.model,
                found.keys()
            );
            // What normalisation takes away again has no gradient but rounding.
            let least = 1e-6
                * self
                    .gradients
                    .values()
                    .map(|[length, _]| length)
                    .fold(0.0, |a: f64, b| a.max(*b));
            for (name, [length, product]) in &self.gradients {
                let gradient = found[name.as_str()].reshape([-1]);
                let size = length.max(least);
                self.alike(name, gradient.norm().double_value(&[]), *length, size);
                self.alike(name, along_direction(&gradient), *product, size);
            }
        }

        fn alike(&self, what: &str, found: f64, wanted: f64, size: f64) {
            let share = (found - wanted).abs() / size.abs();
            assert!(share < 1e-4, "{}: {what} is {found}, PyTorch has {wanted}", self.model);
        }
    }

    /// Models without a case, and why.
    const WITHOUT: &[(&str, &str)] =
        &[("script", "it computes as its file does, which PyTorch wrote")];

    fn cases() -> Vec<Case> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
        let files = fs::read_dir(&folder).expect("there");
        let mut paths: Vec<_> = files.map(|entry| entry.expect("readable").path()).collect();
        paths.sort();
        paths.iter().map(|path| Case::read(path)).collect()
    }

    #[test]
    fn a_step_of_every_stored_case_is_that_of_pytorch() {
        cases().iter().for_each(Case::check);
    }

    #[test]
    fn every_model_has_a_case_or_a_reason() {
        let choices: Vec<Choice> = cases()
            .iter()
            .map(|case| case.model.as_str().into())
            .collect();
        for entry in MODELS {
            let has_case = choices.iter().any(|choice| choice.name == entry.name);
            let has_reason = WITHOUT.iter().any(|(name, _)| *name == entry.name);
            assert!(
                has_case != has_reason,
                "{}: a case by scripts/reference_models.py, or a reason here",
                entry.name
            );
        }
    }
}
