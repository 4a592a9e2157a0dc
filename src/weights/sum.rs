//! Sums that do not depend on order.
//!
//! Floating-point addition is not associative, so a plain sum depends on who finished first.
//! [`ExactSum`] adds integers instead: each client's change `p_i (w_i - w)` with `p_i = n_i / N` is
//! rounded once to a multiple of 2^-[`FRACTION_BITS`] and held in 64 bits. Integer sums commute, so
//! any order, any grouping and any number of ranks give the same bits.

use super::piece::RUN;
use super::{Accumulator, LARGE, Piece, SumError, Units};
use crate::ids::ClientId;
use fedmpi_kernels::fixed::{self, SCALE};
pub use fedmpi_kernels::fixed::{FRACTION_BITS, LIMIT};
use std::sync::Arc;

/// The weighted mean of a cohort's updates, built one client at a time, in any order.
///
/// ```
/// use fedmpi::{ids::ClientId, weights::ExactSum};
/// let global = [1.0, 2.0];
/// let mut sum = ExactSum::new(2, 4);
/// sum.add(ClientId(0), 1, &global, &[5.0, 2.0])?;
/// sum.add(ClientId(1), 3, &global, &[1.0, 6.0])?;
/// assert_eq!(sum.mean(&global), [2.0, 5.0]); // (1*5 + 3*1) / 4, (1*2 + 3*6) / 4
///
/// # Ok::<(), fedmpi::weights::SumError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExactSum {
    own: Units,
    holds: Holds,
    // Sums of others that are not added to `own` yet: the last addition happens on the way to the
    // mean.
    parts: Vec<Units>,
    total: u64,
}

/// What the own vector of an [`ExactSum`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Zeros.
    Zeros,
    /// What an earlier round left: it counts as zeros.
    Rest,
    /// Something of this round.
    Changes,
}

/// Parts that may wait, unless they are large.
const PARTS: usize = 2;

/// Adds a run of changes to units, or takes it away; false when one of them does not fit.
type Put = fn(&mut [i64], &[f32], &[f32], f64) -> bool;

impl ExactSum {
    /// An empty sum over vectors of `length` values, for updates whose weights add up to `total`.
    pub fn new(length: usize, total: u64) -> Self {
        ExactSum {
            own: Arc::new(vec![0; length]),
            holds: Holds::Zeros,
            parts: Vec::new(),
            total: total.max(1),
        }
    }

    /// Empties the sum, for updates whose weights add up to `total`; keeps its memory.
    pub fn reset(&mut self, total: u64) {
        self.total = total.max(1);
        self.parts.clear();
        if self.holds == Holds::Changes {
            self.holds = Holds::Rest;
        }
    }

    /// A share from 0 to 1, in fixed-point units.
    pub fn units_of(share: f64) -> f64 {
        share * SCALE
    }

    /// The weight of a client with so many samples, in fixed-point units.
    pub fn share(&self, samples: u64) -> f64 {
        samples as f64 / self.total as f64 * SCALE
    }

    /// Adds one client's weights, of which `samples` out of the total stand behind.
    ///
    /// # Errors
    /// As [`Accumulator::add_pieces`].
    pub fn add(
        &mut self,
        client: ClientId,
        samples: u64,
        global: &[f32],
        update: &[f32],
    ) -> Result<(), SumError> {
        self.add_share(client, self.share(samples), global, update)
    }

    /// Adds a piece or takes it away, run by run; false when one of its values does not fit.
    fn put(&mut self, piece: &Piece<'_>, put: Put) -> bool {
        let (start, end) = (piece.start, piece.start + piece.new.len());
        let stale = self.holds == Holds::Rest;
        if stale {
            let units = self.writable();
            units[..start].fill(0);
            units[end..].fill(0);
        }
        let runs = self.writable()[start..end]
            .chunks_mut(RUN)
            .zip(piece.runs());
        let sound = runs.fold(true, |sound, (units, (new, old))| {
            if stale {
                units.fill(0);
            }
            put(units, new, old, piece.share) & sound
        });
        self.holds = Holds::Changes;
        sound
    }

    /// The own vector, to be written; a fresh one when a receiver still holds the last.
    fn writable(&mut self) -> &mut [i64] {
        if Arc::get_mut(&mut self.own).is_none() {
            self.own = match self.holds {
                Holds::Changes => Arc::new(self.own.to_vec()),
                Holds::Zeros | Holds::Rest => Arc::new(vec![0; self.own.len()]),
            };
        }
        Arc::get_mut(&mut self.own).expect("nobody else holds it")
    }

    fn fold(&mut self, part: &[i64]) {
        match self.holds {
            Holds::Changes => fixed::add_units(self.writable(), part),
            Holds::Zeros | Holds::Rest => self.writable().copy_from_slice(part),
        }
        self.holds = Holds::Changes;
    }

    /// The fixed-point changes, to be merged elsewhere.
    pub fn units(&mut self) -> &Units {
        for part in std::mem::take(&mut self.parts) {
            self.fold(&part);
        }
        if self.holds == Holds::Rest {
            self.writable().fill(0);
            self.holds = Holds::Zeros;
        }
        &self.own
    }

    /// Takes over the changes of the whole cohort, summed elsewhere.
    pub fn replace(&mut self, units: Units) {
        self.reset(self.total);
        self.parts.push(units);
    }

    /// The sum as numbers: the mean over the cohort, where the shares add up to one. They take the
    /// place of the sum, which is empty then.
    pub fn values(&mut self) -> &mut [f64] {
        let parts = std::mem::take(&mut self.parts);
        let counts = self.holds == Holds::Changes;
        self.writable();
        self.holds = Holds::Rest;
        let own = self.writable();
        let parts: Vec<&[i64]> = parts.iter().map(|part| part.as_slice()).collect();
        fixed::numbers_in_place(own, counts, &parts)
    }

    /// `global` moved by the summed changes. `global` itself when no client changed anything.
    pub fn mean(&mut self, global: &[f32]) -> Vec<f32> {
        self.moved(global, 1.0)
    }

    /// `global` moved by `rate` times the summed changes.
    pub fn moved(&mut self, global: &[f32], rate: f64) -> Vec<f32> {
        fixed::moved(global, self.values(), rate)
    }
}

impl Accumulator for ExactSum {
    fn add_pieces(&mut self, client: ClientId, pieces: &[Piece<'_>]) -> Result<(), SumError> {
        let length = self.own.len();
        for &Piece {
            start, new, old, ..
        } in pieces
        {
            let fits = start + new.len() <= length && old.is_none_or(|old| old.len() == new.len());
            if !fits {
                return Err(SumError::Length {
                    client,
                    found: start + new.len(),
                    wanted: length,
                });
            }
        }
        for (place, piece) in pieces.iter().enumerate() {
            if self.put(piece, fixed::add_changes) {
                continue;
            }
            // Integers: what was added is taken away again to the bit.
            pieces[..=place]
                .iter()
                .for_each(|piece| _ = self.put(piece, fixed::take_changes));
            return piece.check(client);
        }
        Ok(())
    }

    fn merge(&mut self, part: &Units) {
        if self.parts.len() < PARTS && part.len() <= LARGE {
            self.parts.push(Arc::clone(part));
        } else {
            self.fold(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unchanged_updates_are_a_fixed_point() {
        let global = [1e-8, -3.5, 1e6];
        let mut sum = ExactSum::new(3, 7);
        for client in 0..7 {
            sum.add(ClientId(client), 1, &global, &global)
                .expect("finite");
        }
        assert_eq!(sum.mean(&global), global);
    }

    #[test]
    fn a_sum_of_nothing_is_a_sum_of_zeros() {
        let (mut zeros, mut nothing) = (ExactSum::new(1, 1), ExactSum::new(1, 1));
        zeros.merge(&Arc::new(vec![0]));
        assert_eq!(zeros.mean(&[-0.0])[0].to_bits(), nothing.mean(&[-0.0])[0].to_bits());
    }

    #[test]
    fn an_empty_sum_is_zero_whatever_was_before() {
        let mut sum = ExactSum::new(1, 1);
        sum.add(ClientId(0), 1, &[0.0], &[1.0]).expect("finite");
        sum.reset(1);
        assert_eq!((sum.mean(&[3.0]), sum.units()), (vec![3.0], &Arc::new(vec![0])));
        sum.replace(Arc::new(vec![1 << FRACTION_BITS]));
        assert_eq!(sum.mean(&[3.0]), [4.0]);
    }

    #[test]
    fn any_number_of_parts_gives_one_mean() {
        for parts in 0..6i64 {
            let mut sum = ExactSum::new(1, 8);
            (1..=parts).for_each(|part| sum.merge(&Arc::new(vec![part << FRACTION_BITS])));
            sum.add(ClientId(0), 8, &[0.0], &[0.5]).expect("finite");
            let wanted = (parts * (parts + 1) / 2) as f32 + 0.5;
            assert_eq!(sum.clone().units()[0] as f64 / SCALE, f64::from(wanted), "{parts} parts");
            assert_eq!(sum.mean(&[0.0]), [wanted], "{parts} parts");
            assert_eq!(sum.mean(&[0.0]), [0.0], "it is empty then");
        }
    }

    #[test]
    fn faults_name_client_and_position() {
        let mut sum = ExactSum::new(2, 1);
        let nan = sum
            .add(ClientId(4), 1, &[0.0; 2], &[0.0, f32::NAN])
            .expect_err("NaN");
        assert!(matches!(
            nan,
            SumError::NotFinite {
                client: ClientId(4),
                position: 1,
                ..
            }
        ));
        let large = sum
            .add(ClientId(4), 1, &[0.0; 2], &[1e9, 0.0])
            .expect_err("overflow");
        assert!(matches!(large, SumError::Overflow { position: 0, .. }));
        assert!(matches!(
            sum.add(ClientId(4), 1, &[0.0; 2], &[0.0]),
            Err(SumError::Length { found: 1, .. })
        ));
    }

    #[test]
    fn what_cannot_be_added_leaves_the_sum_as_it_was() {
        let mut sum = ExactSum::new(3, 1);
        sum.add(ClientId(9), 1, &[0.0; 3], &[7.0; 3])
            .expect("finite");
        sum.reset(4);
        sum.add(ClientId(0), 3, &[0.0; 3], &[0.1, -5.0, 1e5])
            .expect("finite");
        let before = sum.units().to_vec();
        let share = sum.share(1);
        let whole = Piece {
            share,
            start: 0,
            new: &[0.3, 2.0],
            old: Some(&[1.0, 1.0]),
        };
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            let said = Piece {
                share,
                start: 2,
                new: &[broken],
                old: None,
            };
            let fault = sum
                .add_pieces(ClientId(4), &[whole, said])
                .expect_err("refused");
            assert!(matches!(
                fault,
                SumError::NotFinite { position: 2, .. } | SumError::Overflow { position: 2, .. }
            ));
            assert_eq!(*sum.units().as_slice(), before);
        }
    }

    /// The sum of some updates of so many samples in all. What an earlier round left must not
    /// matter.
    fn sum_of(total: u64, updates: &[(u64, [f32; 4])]) -> ExactSum {
        let global = [0.1f32, -2.0, 30.0, 0.0];
        let mut sum = ExactSum::new(4, 1);
        sum.add(ClientId(9), 1, &global, &[7.0; 4]).expect("finite");
        sum.reset(total);
        for (samples, update) in updates {
            sum.add(ClientId(0), *samples, &global, update)
                .expect("finite");
        }
        sum
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_change_a_bit(
            updates in prop::collection::vec(
                (1u64..1000, prop::array::uniform4(-100f32..100.0)),
                1..20,
            ),
            cut in 0usize..20,
        ) {
            let total = updates.iter().map(|(samples, _)| samples).sum();
            let sum_of = |part: &[_]| sum_of(total, part);
            let mut backwards = updates.clone();
            backwards.reverse();
            let (left, right) = updates.split_at(cut.min(updates.len()));
            let mut merged = sum_of(right);
            merged.merge(sum_of(left).units());
            let units = |mut sum: ExactSum| sum.units().to_vec();
            prop_assert_eq!(units(sum_of(&updates)), units(sum_of(&backwards)));
            prop_assert_eq!(units(sum_of(&updates)), units(merged));
        }

        #[test]
        fn mean_is_right_to_a_float(a in -100f32..100.0, b in -100f32..100.0, n in 1u64..100) {
            let mut sum = ExactSum::new(1, n + 1);
            sum.add(ClientId(0), n, &[0.5], &[a]).expect("finite");
            sum.add(ClientId(1), 1, &[0.5], &[b]).expect("finite");
            let exact = (f64::from(a) * n as f64 + f64::from(b)) / (n + 1) as f64;
            let error = (f64::from(sum.mean(&[0.5])[0]) - exact).abs();
            prop_assert!(error <= exact.abs() * 1e-7 + 1e-12);
        }
    }
}
