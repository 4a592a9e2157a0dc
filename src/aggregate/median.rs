//! `median`: `w[j] <- median_i w_i[j]` (Yin et al. 2018, option I), of an even number the mean of the
//! two in the middle. Samples do not count. The server holds the whole cohort's updates.

use super::{Aggregator, Merge, Merged};

/// The middle value of each weight.
///
/// ```
/// use fedmpi::aggregate::{AGGREGATORS, Each, Merged};
/// use fedmpi::{ids::ClientId, registry::find};
/// let each: Vec<Each> = [1.0, 2.0, 90.0].into_iter().zip(0..)
///     .map(|(w, id)| Each { client: ClientId(id), samples: 1, weights: std::sync::Arc::new(vec![w]) }).collect();
/// let mut median = (find("aggregator", AGGREGATORS, "median")?.build)();
/// assert_eq!(median.apply(&[0.0], Merged::Each(&each)), [2.0]);
/// # Ok::<(), fedmpi::registry::Unknown>(())
/// ```
pub struct Median;

impl Aggregator for Median {
    fn apply(&mut self, global: &[f32], merged: Merged<'_>) -> Vec<f32> {
        let each = match merged {
            Merged::Each(each) if !each.is_empty() => each,
            Merged::Each(_) | Merged::Mean(_) => return global.to_vec(),
        };
        let mut column = vec![0.0; each.len()];
        let middle = |place: usize| {
            column.iter_mut().zip(each).for_each(|(value, update)| *value = update.weights[place]);
            column.sort_unstable_by(f32::total_cmp);
            (column[(each.len() - 1) / 2] + column[each.len() / 2]) / 2.0
        };
        (0..global.len()).map(middle).collect()
    }

    fn merge(&self) -> Merge {
        Merge::Each
    }
}
