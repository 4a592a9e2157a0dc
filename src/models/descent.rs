//! Steps of plain SGD that a model has written out by hand, in flat weights and without a graph.

use fedmpi_kernels::dense::{self as kernels, Before};
use std::ops::Range;

/// A model's own steps of plain SGD, in flat weights.
pub trait Descent {
    /// One step over a batch of samples, row after row; gives the mean loss before it.
    fn step(&mut self, weights: &mut [f32], batch: &[f32], labels: &[u32], pace: &Pace<'_>) -> f32;
}

/// One step: `w <- keep w + offset - rate g`. Weight decay and drift are in `keep` and `offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace<'a> {
    /// Learning rate.
    pub rate: f32,
    /// What stays of each weight.
    pub keep: f32,
    /// What is added to each weight; empty when nothing is.
    pub offset: &'a [f32],
}

impl<'a> Pace<'a> {
    /// Keeps and adds, for the weights in a range.
    pub(super) fn apply(&self, weights: &mut [f32], range: Range<usize>) {
        if let Before::Blend(keep, offset) = self.before(range.clone()) {
            kernels::blend(&mut weights[range], keep, offset);
        }
    }

    /// The same for a product that is added to the weights in a range.
    pub(super) fn before(&self, range: Range<usize>) -> Before<'a> {
        match self.offset.is_empty() {
            true if self.keep == 1.0 => Before::Same,
            true => Before::Blend(self.keep, &[]),
            false => Before::Blend(self.keep, &self.offset[range]),
        }
    }
}
