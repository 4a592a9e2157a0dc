//! Who owns how much, at a glance.

use crate::metrics::median;
use crate::partition::Mix;
use crate::plan::Plan;

/// Bands of sizes.
const BANDS: u64 = 10;
/// A bar of all clients, in letters.
const LONGEST: usize = 50;

/// Clients by number of samples and by number of classes.
pub(in crate::commands) fn histogram(plan: &Plan) -> String {
    let Mix { samples, classes } = plan.mix();
    let text = sizes_in_bands(&samples);
    if plan.dataset.train.classes().is_none() {
        return text;
    }
    let seen = |counts: &Vec<u64>| counts.iter().filter(|count| **count > 0).count() as f64;
    let median = median(&classes.iter().map(seen).collect::<Vec<f64>>());
    format!("{text}\nclasses per client: median {median} of {}", plan.dataset.facts.task.outputs())
}

/// How many clients have about as many samples, a line for each band.
fn sizes_in_bands(sizes: &[u64]) -> String {
    let (clients, total) = (sizes.len(), sizes.iter().sum::<u64>());
    let least = sizes.iter().min().copied().unwrap_or(0);
    let most = sizes.iter().max().copied().unwrap_or(0);
    let numbers: Vec<f64> = sizes.iter().map(|&size| size as f64).collect();
    let median = median(&numbers);
    let mut text = format!(
        "partition: {clients} clients, {total} samples, {least} to {most} each (median {median})"
    );
    let width = (most - least) / BANDS + 1;
    for band in 0..BANDS {
        let from = least + band * width;
        if from > most {
            break;
        }
        let count = sizes
            .iter()
            .filter(|&&size| (from..from + width).contains(&size))
            .count();
        let bar = "#".repeat((count * LONGEST).div_ceil(clients));
        text += &format!("\n{from:>8} to {:<8}{count:>7} {bar}", from + width - 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_that_nobody_can_be_in_are_left_out() {
        let text = "partition: 3 clients, 7 samples, 2 to 3 each (median 2)\n       \
                    2 to 2             2 ##################################\n       \
                    3 to 3             1 #################";
        assert_eq!(sizes_in_bands(&[2, 3, 2]), text);
    }
}
