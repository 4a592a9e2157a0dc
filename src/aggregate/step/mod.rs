//! How the server moves the model along a change: its optimizer.

mod adam;
mod annealed;
mod momentum;
mod sgd;

use crate::ids::Round;
use crate::part::{Choice, Entry, Kind, Part, PartError, Values};
use std::sync::Arc;

pub use annealed::Annealed;

/// Moves a model along a change. The engine keeps what it remembers.
///
/// Law: no change moves a model with fresh memory.
pub trait ServerStep: Send + Sync {
    /// Values that it remembers, for a model of so many; zeros at first.
    fn memory(&self, _length: usize) -> usize {
        0
    }

    /// Moves `model` along `change`, which is as long; `memory` as [`ServerStep::memory`] says.
    fn step(&self, model: &mut [f32], memory: &mut [f32], change: &[f64], round: Round);
}

/// Makes a server step.
pub type Build = fn(&Values) -> Arc<dyn ServerStep>;

/// All server steps.
pub const KIND: Kind<Build> = Kind {
    setting: "server_step",
    about: "server step",
    table: STEPS,
};

/// What is meant when nobody says.
pub const PLAIN: &str = "sgd";

/// Makes a server step by choice.
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice) -> Result<Arc<dyn ServerStep>, PartError> {
    KIND.look_up(choice)
        .map(|(entry, values)| (entry.build)(&values))
}

/// Every server step, by the name users write.
pub const STEPS: &[Entry<Build>] = &[
    Entry::<Build>::new("sgd", "along the change, times a rate", |values| {
        Arc::new(sgd::Sgd::read(values))
    })
    .with(sgd::Sgd::PARAMS),
    Entry::<Build>::new(
        "momentum",
        "along a velocity that remembers changes (FedAvgM, Hsu et al. 2019)",
        |values| Arc::new(momentum::Momentum::read(values)),
    )
    .with(momentum::Momentum::PARAMS),
    Entry::<Build>::new("adam", "Adam on the server (FedAdam, Reddi et al. 2021)", |values| {
        Arc::new(adam::Adaptive::new(adam::Second::Adam, &adam::Adam::read(values)))
    })
    .with(adam::Adam::PARAMS),
    Entry::<Build>::new("yogi", "Yogi on the server (FedYogi, Reddi et al. 2021)", |values| {
        Arc::new(adam::Adaptive::new(adam::Second::Yogi, &adam::Adam::read(values)))
    })
    .with(adam::Adam::PARAMS),
    Entry::<Build>::new(
        "adagrad",
        "Adagrad on the server (FedAdagrad, Reddi et al. 2021)",
        |values| Arc::new(adam::Adaptive::adagrad(&adam::Adagrad::read(values))),
    )
    .with(adam::Adagrad::PARAMS),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A model after each of these changes, from 0.
    fn walk(choice: &str, changes: &[f64]) -> Vec<f32> {
        let step = make(&choice.into()).expect("sound");
        let (mut model, mut memory) = ([0.0f32], vec![0.0; step.memory(1)]);
        let round = |place: usize| Round::from(place);
        changes
            .iter()
            .enumerate()
            .map(|(place, change)| {
                step.step(&mut model, &mut memory, &[*change], round(place));
                model[0]
            })
            .collect()
    }

    #[test]
    fn no_change_moves_no_fresh_model() {
        for entry in STEPS {
            let step = make(&entry.name.into()).expect("sound");
            let (mut model, mut memory) = ([0.25f32, -3.0], vec![0.0; step.memory(2)]);
            step.step(&mut model, &mut memory, &[0.0; 2], Round(0));
            assert_eq!(model, [0.25, -3.0], "{}", entry.name);
        }
    }

    /// Toy T of two clients: changes 1.5 and 4.5 of 1 and 3 samples, so 3.75 in the mean, then
    /// 0.9375.
    #[test]
    fn toy_values_of_the_papers() {
        let close = |found: f32, wanted: f64| {
            assert!((f64::from(found) - wanted).abs() < 1e-8, "{found} {wanted}")
        };
        assert_eq!(walk("sgd", &[3.75]), [3.75]);
        assert_eq!(walk("sgd:server_lr=0.5", &[3.75]), [1.875]);
        assert_eq!(walk("momentum:server_momentum=0.9", &[3.75, 0.9375]), [3.75, 8.0625]);
        assert_eq!(walk("momentum:server_momentum=0", &[3.75]), walk("sgd", &[3.75]));
        close(walk("adam:server_lr=0.1", &[3.75])[0], 0.09973404);
        close(walk("yogi:server_lr=0.1", &[3.75])[0], 0.09973404);
        close(walk("adagrad:server_lr=0.1", &[3.75])[0], 0.09997334);
        close(walk("adam:server_lr=0.1,v0=1e-6", &[3.75])[0], 0.09973369);
        // Bias correction: m / (1 - 0.9) over sqrt(v / (1 - 0.99)) is the change itself.
        close(walk("adam:server_lr=0.1,bias_correction=true", &[3.75])[0], 0.1 * 3.75 / 3.751);
    }
}
