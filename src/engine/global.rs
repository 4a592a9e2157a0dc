//! The global model and what is remembered beside it. Whoever holds it moves it by the same sums in
//! the same way: the server, and with collective sums every rank.

use super::EngineError;
use crate::aggregate::combine::Each;
use crate::algorithm::{Mean, Moving, Shape};
use crate::ids::Round;
use crate::plan::{Method, Plan};
use crate::privacy::Noise;
use crate::seed::{Purpose, Seed};
use crate::weights::{ExactSum, Layout, Section, Sections, Slot, Turnout, Weigh, Weights};
use std::ops::Range;
use std::sync::Arc;

/// Refuses a model that has left the numbers: whoever would go on with it has lost what was
/// learned.
///
/// # Errors
/// The round, where one of the weights is not finite.
pub fn finite(round: Round, weights: &[f32]) -> Result<(), EngineError> {
    if weights.chunks(RUN).all(all_finite) {
        Ok(())
    } else {
        Err(EngineError::NotFinite { round })
    }
}

/// Whether a run of weights is finite, without a branch for each.
fn all_finite(run: &[f32]) -> bool {
    run.iter()
        .fold(true, |finite, weight| finite & weight.is_finite())
}

/// Weights are looked at in runs, between which one that is not finite ends the search.
const RUN: usize = 2048;

/// A model in the making.
pub struct Global {
    /// The weights, buffers included.
    pub weights: Weights,
    /// What algorithm and server step remember.
    pub memory: [Vec<f32>; 2],
    /// The vectors of the algorithm.
    pub shape: Shape,
    /// What is summed in the training pass: changes, then what clients say.
    pub sections: Sections,
    /// What is summed in the pass before, if there is one.
    pub first: Sections,
    method: Method,
    trained: usize,
    clients: usize,
    noise: Option<Noise>,
    // Those that are trained; between them are zeros.
    tensors: Vec<Range<usize>>,
    // Of the noise: another plan has another one.
    seed: Seed,
    // The means of the pass before.
    heard: Vec<f32>,
}

impl Global {
    /// A fresh model of this layout.
    pub fn new(plan: &Plan, layout: &Layout, weights: Vec<f32>) -> Global {
        let (method, trained) = (plan.method.clone(), layout.trained());
        let tensors = layout.slots().iter().map(Slot::range);
        let mut shape = method.algorithm.shape(trained);
        let noise = plan.privacy.as_ref().map(|privacy| privacy.noise);
        if let Some(Noise { cohort, .. }) = noise {
            // What one client weighs depends on nothing that clients have.
            shape.weigh = Weigh::Cohort(cohort);
        }
        let change = Section {
            length: layout.length(),
            weigh: shape.weigh,
        };
        let sections = Sections([vec![change], shape.said.clone()].concat());
        let memory = [
            vec![0.0; shape.memory],
            vec![0.0; method.server_step.memory(trained)],
        ];
        Global {
            weights: Arc::new(weights),
            memory,
            first: Sections(shape.first.clone()),
            sections,
            shape,
            method,
            trained,
            clients: plan.clients(),
            noise,
            tensors: tensors.filter(|tensor| tensor.end <= trained).collect(),
            seed: plan.noise_seed(),
            heard: Vec::new(),
        }
    }

    /// Passes over the cohort in a round.
    pub fn passes(&self) -> u8 {
        if self.first.0.is_empty() { 1 } else { 2 }
    }

    /// Whether a pass comes before training.
    pub fn is_before(&self, pass: u8) -> bool {
        pass + 1 < self.passes()
    }

    /// What is summed in a pass.
    pub fn sections_of(&self, pass: u8) -> &Sections {
        if self.is_before(pass) {
            &self.first
        } else {
            &self.sections
        }
    }

    /// Values that are summed in each pass.
    pub fn lengths(&self) -> Vec<usize> {
        let passes = 0..self.passes();
        passes.map(|pass| self.sections_of(pass).length()).collect()
    }

    /// What clients are told beside the model.
    pub fn told(&self) -> Vec<f32> {
        [&self.memory[0][..self.shape.told], &self.heard].concat()
    }

    /// Takes over weights and memory; false when they are of another model.
    pub fn restore(&mut self, weights: Weights, memory: Vec<Vec<f32>>) -> bool {
        let fits = weights.len() == self.weights.len() && memory.len() <= self.memory.len();
        if !fits {
            return false;
        }
        self.weights = weights;
        for (own, saved) in self.memory.iter_mut().zip(memory) {
            if own.len() != saved.len() {
                return false;
            }
            *own = saved;
        }
        true
    }

    /// Takes in the means of the pass before training.
    pub fn hear(&mut self, turnout: Turnout, sum: &mut ExactSum) {
        let mean = sum.values();
        self.first.split(mean, turnout);
        self.heard = mean.iter().map(|value| *value as f32).collect();
    }

    /// Moves by what a cohort learned; nobody's learning leaves it as it is, but for noise. `each`
    /// is every client's update, where the combination must see them.
    pub fn advance(&mut self, round: Round, turnout: Turnout, sum: &mut ExactSum, each: &[Each]) {
        let cohort = turnout.counted.clients as usize;
        if cohort == 0 && self.noise.is_none() {
            return;
        }
        let mut parts = self.sections.split(sum.values(), turnout);
        let (change, said) = parts.split_first_mut().expect("changes are always summed");
        if let Some(combine) = self.method.combine.as_ref().filter(|_| !each.is_empty()) {
            combine.combine(each, change);
        }
        let mut weights = self.weights.to_vec();
        let (model, buffers) = weights.split_at_mut(self.trained);
        let (change, buffer_change) = change.split_at_mut(self.trained);
        for (buffer, change) in buffers.iter_mut().zip(buffer_change) {
            *buffer = (f64::from(*buffer) + *change) as f32;
        }
        if let Some(noise) = self.noise {
            let mut stream = self.seed.for_round(Purpose::Noise, round);
            noise.blur(change, &self.tensors, &mut stream);
        }
        let [memory, rule_memory] = &mut self.memory;
        let rule = self.method.server_step.as_ref();
        let mut moving = Moving {
            model,
            memory,
            rule,
            rule_memory,
            round,
        };
        let mean = Mean {
            change,
            said,
            cohort: self.noise.map_or(cohort, |noise| noise.cohort as usize),
            clients: self.clients,
        };
        self.method.algorithm.apply(&mut moving, &mean);
        self.weights = Arc::new(weights);
        self.heard.clear();
    }
}
