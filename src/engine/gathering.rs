//! What the server adds up in a pass over the cohort: a sum, and each change by itself where the
//! combination must see them all. Such a combination judges broken changes itself, so they never
//! meet the sum.

use super::contribution::{Change, Contribution};
use super::global::Global;
use super::phase::Phase;
use crate::aggregate::combine::Each;
use crate::config::OnNan;
use crate::plan::Plan;
use crate::transport::{SharedSum, Transport};
use crate::weights::{Accumulator, ExactSum, Piece, SumError, Units};
use std::sync::MutexGuard;

/// What has come in.
pub struct Gathering {
    // A sum for each pass over the cohort.
    sums: Vec<SharedSum>,
    each: Vec<Each>,
    sees_each: bool,
    on_nan: OnNan,
}

impl Gathering {
    /// Nothing yet. Workers of the same process add to the same sums.
    pub fn new(plan: &Plan, global: &Global, wire: &impl Transport) -> Gathering {
        let lengths = global.lengths();
        let shared = wire.shared_sums(&lengths);
        let sums = shared.unwrap_or_else(|| SharedSum::of(&lengths));
        let sees_each = plan.method.combine.is_some();
        Gathering {
            sums,
            each: Vec::new(),
            sees_each,
            on_nan: plan.config.on_nan,
        }
    }

    /// A pass begins.
    pub fn enter(&mut self, phase: Phase) {
        self.sum(phase.pass).reset(phase.total.samples);
        self.each.clear();
    }

    /// The sum of a pass.
    pub fn sum(&self, pass: u8) -> MutexGuard<'_, ExactSum> {
        self.sums[usize::from(pass)].lock()
    }

    /// Adds a worker's part; false when it is of another model.
    pub fn merge(&self, pass: u8, units: &Units, global: &Global) -> bool {
        let fits = units.len() == global.sections_of(pass).length();
        if fits {
            self.sum(pass).merge(units);
        }
        fits
    }

    /// Adds what a client contributes, or nothing of it.
    ///
    /// # Errors
    /// Values that fit no sum; changes are looked at only where they are summed, or are to be left
    /// out.
    pub fn add(
        &mut self,
        phase: Phase,
        mut contribution: Contribution,
        samples: u64,
        global: &Global,
    ) -> Result<(), SumError> {
        let change = match self.sees_each {
            true => std::mem::replace(&mut contribution.change, Change::Nothing),
            false => Change::Nothing,
        };
        let each = self.seen(&contribution, change, samples, global)?;
        // Else the server would wait for workers that add to it.
        if !contribution.is_empty() {
            let (sections, mut sum) = (global.sections_of(phase.pass), self.sum(phase.pass));
            contribution.add_to(&mut *sum, sections, phase.total, samples, &global.weights)?;
        }
        self.each.extend(each);
        Ok(())
    }

    /// A change by itself.
    fn seen(
        &self,
        contribution: &Contribution,
        change: Change,
        samples: u64,
        global: &Global,
    ) -> Result<Option<Each>, SumError> {
        let client = contribution.update.client;
        let (start, weights) = match change {
            Change::To(weights) => (Some(global.weights.clone()), weights),
            Change::By(values) => (None, values),
            Change::Nothing => return Ok(None),
        };
        let (found, wanted) = (weights.len(), global.weights.len());
        if found != wanted {
            return Err(SumError::Length {
                client,
                found,
                wanted,
            });
        }
        if self.on_nan == OnNan::Skip {
            let old = start.as_ref().map(|start| start.as_slice());
            Piece {
                share: 1.0,
                start: 0,
                new: &weights,
                old,
            }
            .check(client)?;
        }
        Ok(Some(Each {
            client,
            samples,
            start,
            weights,
        }))
    }

    /// The sum of the training pass, and each change by client.
    pub fn result(&mut self) -> (MutexGuard<'_, ExactSum>, &[Each]) {
        self.each.sort_unstable_by_key(|update| update.client);
        (self.sums.last().expect("there is a pass").lock(), &self.each)
    }
}
