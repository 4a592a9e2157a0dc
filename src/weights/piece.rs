//! Vectors on their way into a sum, and which of them fit it.

use super::SumError;
use crate::ids::ClientId;
use fedmpi_kernels::fixed::{all_within, changes, within};

/// Values are added in runs that stay in the nearest cache.
pub(super) const RUN: usize = 2048;
/// What values were before that are changes.
static ZEROS: [f32; RUN] = [0.0; RUN];

/// A vector of a client on its way into a sum.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Its weight, in fixed-point units; see [`units_of`](super::ExactSum::units_of).
    pub share: f64,
    /// Where in the sum it begins.
    pub start: usize,
    /// The values.
    pub new: &'a [f32],
    /// What they were before, as many; without it the values are changes already.
    pub old: Option<&'a [f32]>,
}

impl Piece<'_> {
    /// The values in runs, each with what they were before.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[f32], &[f32])> {
        let old = move |run: usize| self.old.map_or(&ZEROS[..], |old| &old[run * RUN..]);
        self.new
            .chunks(RUN)
            .enumerate()
            .map(move |(run, new)| (new, old(run)))
    }

    /// Looks for a value that does not fit a sum.
    ///
    /// # Errors
    /// The first one.
    pub fn check(&self, client: ClientId) -> Result<(), SumError> {
        for (run, (new, old)) in self.runs().enumerate() {
            if all_within(new, old) {
                continue;
            }
            let found = changes(new, old)
                .zip(new)
                .enumerate()
                .find(|(_, (change, _))| !within(*change));
            let Some((place, (change, &value))) = found else { continue };
            let position = self.start + run * RUN + place;
            return Err(match value.is_finite() {
                true => SumError::Overflow {
                    client,
                    position,
                    change,
                },
                false => SumError::NotFinite {
                    client,
                    position,
                    value,
                },
            });
        }
        Ok(())
    }
}
