//! Sums in fixed point: integers commute, so any order and grouping of additions gives the same
//! bits.

/// Binary digits after the point; 19 remain before it, so a weight may change by up to half a
/// million in one round and is resolved to 6e-14.
pub const FRACTION_BITS: i32 = 44;

/// Units of one.
pub const SCALE: f64 = (1u64 << FRACTION_BITS) as f64;

/// Largest change of one weight in one round. Shares add up to one, so a sum stays in range too.
pub const LIMIT: f64 = (1u64 << (62 - FRACTION_BITS)) as f64;

/// Adding this to a smaller value leaves its nearest integer (ties to even) in the lowest bits.
const ROUNDER: f64 = 1.5 * (1u64 << 52) as f64;
/// Below this, [`ROUNDER`] is exact.
const SMALL: f64 = (1u64 << 50) as f64;

/// `units += round(share (new - old))`, with the share in units; false when a change does not fit,
/// which voids the sum. Rounded once, ties to even.
///
/// ```
/// use fedmpi_kernels::fixed::{SCALE, add_changes, number};
/// let mut units = [0; 2];
/// assert!(add_changes(&mut units, &[3.0, 1.0], &[1.0, 2.0], 0.5 * SCALE));
/// assert_eq!(units.map(number), [1.0, -0.5]);
/// assert!(!add_changes(&mut units, &[f32::NAN, 1.0], &[1.0, 2.0], 0.5 * SCALE));
/// ```
pub fn add_changes(units: &mut [i64], new: &[f32], old: &[f32], share: f64) -> bool {
    put_changes(units, new, old, share, i64::wrapping_add)
}

/// Takes away to the bit what [`add_changes`] added.
pub fn take_changes(units: &mut [i64], new: &[f32], old: &[f32], share: f64) -> bool {
    put_changes(units, new, old, share, i64::wrapping_sub)
}

#[inline(always)]
fn put_changes(
    units: &mut [i64],
    new: &[f32],
    old: &[f32],
    share: f64,
    put: impl Fn(i64, i64) -> i64,
) -> bool {
    let changes = || changes(new, old);
    if changes().fold(true, |small, change| small & ((change * share).abs() < SMALL)) {
        for (unit, change) in units.iter_mut().zip(changes()) {
            let rounded = (change * share + ROUNDER)
                .to_bits()
                .wrapping_sub(ROUNDER.to_bits());
            *unit = put(*unit, rounded as i64);
        }
        return changes().fold(true, |sound, change| sound & within(change));
    }
    for (unit, change) in units.iter_mut().zip(changes()) {
        *unit = put(*unit, (change * share).round_ties_even() as i64);
    }
    changes().all(within)
}

/// How far each value has moved.
pub fn changes(new: &[f32], old: &[f32]) -> impl Iterator<Item = f64> {
    new.iter()
        .zip(old)
        .map(|(&new, &old)| f64::from(new) - f64::from(old))
}

/// Whether all changes fit.
pub fn all_within(new: &[f32], old: &[f32]) -> bool {
    changes(new, old).fold(true, |sound, change| sound & within(change))
}

/// Whether a change fits; NaN does not.
pub fn within(change: f64) -> bool {
    change.abs() <= LIMIT
}

/// `units += part`.
pub fn add_units(units: &mut [i64], part: &[i64]) {
    units
        .iter_mut()
        .zip(part)
        .for_each(|(unit, more)| *unit = unit.wrapping_add(*more));
}

/// A number of units.
pub fn number(units: i64) -> f64 {
    units as f64 / SCALE
}

/// The sum of vectors as numbers, in the memory of the first, which counts if `own` says so.
pub fn numbers_in_place<'a>(units: &'a mut [i64], own: bool, others: &[&[i64]]) -> &'a mut [f64] {
    let number = |units: i64| number(units).to_bits() as i64;
    match *others {
        [] if own => units.iter_mut().for_each(|unit| *unit = number(*unit)),
        [] => units.fill(number(0)),
        [a] if own => units
            .iter_mut()
            .zip(a)
            .for_each(|(unit, &a)| *unit = number(unit.wrapping_add(a))),
        [a] => units
            .iter_mut()
            .zip(a)
            .for_each(|(unit, &a)| *unit = number(a)),
        [a, b] if !own => {
            let both = units.iter_mut().zip(a).zip(b);
            both.for_each(|((unit, &a), &b)| *unit = number(a.wrapping_add(b)));
        }
        ref others => units.iter_mut().enumerate().for_each(|(place, unit)| {
            let own = if own { *unit } else { 0 };
            *unit = number(
                others
                    .iter()
                    .fold(own, |sum, other| sum.wrapping_add(other[place])),
            );
        }),
    }
    bytemuck::cast_slice_mut(units)
}

/// `old + rate change`, rounded once. A negative zero becomes zero, as in all other sums.
pub fn moved(old: &[f32], changes: &[f64], rate: f64) -> Vec<f32> {
    old.iter()
        .zip(changes)
        .map(|(&old, change)| (f64::from(old) + rate * change) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn both_ways_of_rounding_agree(change in -1e4f32..1e4, share in 0.0f64..1.0) {
            // 1e5 in the same run forces the slow way for its neighbour.
            let (mut quick, mut slow) = ([0i64; 1], [0i64; 2]);
            add_changes(&mut quick, &[change / 1e4], &[0.0], share * SCALE);
            add_changes(&mut slow, &[change / 1e4, 1e5], &[0.0; 2], share * SCALE);
            proptest::prop_assert_eq!(quick[0], slow[0]);
        }
    }
}
