//! What partitioners do alike: count whether there is enough, sort by class, shuffle, deal out.

use super::{PartitionError, Pool};
use crate::seed::Stream;
use rand::seq::SliceRandom;

/// Refuses to divide samples among more clients than can have their least.
pub fn enough(samples: usize, clients: usize, least: usize) -> Result<(), PartitionError> {
    if clients.saturating_mul(least) > samples {
        return Err(PartitionError::TooFewSamples {
            clients,
            least,
            samples,
        });
    }
    Ok(())
}

/// Samples of each class.
pub fn by_class(pool: &Pool<'_>) -> Vec<Vec<u32>> {
    let mut by_class = vec![Vec::new(); pool.classes];
    for (sample, &label) in pool.labels.iter().enumerate() {
        by_class[label as usize].push(sample as u32);
    }
    by_class
}

/// All samples in a random order, for at least `least` of them per client.
pub fn shuffled(
    pool: &Pool<'_>,
    clients: usize,
    least: usize,
    stream: &mut Stream,
) -> Result<Vec<u32>, PartitionError> {
    enough(pool.count, clients, least)?;
    let mut order: Vec<u32> = (0..pool.count as u32).collect();
    order.shuffle(stream);
    Ok(order)
}

/// Deals `items` out in `parts` runs whose lengths differ by at most one.
pub fn deal(items: &[u32], parts: usize) -> Vec<Vec<u32>> {
    let (base, extra) = (items.len() / parts, items.len() % parts);
    let mut rest = items;
    let mut runs = Vec::with_capacity(parts);
    for part in 0..parts {
        let (taken, left) = rest.split_at(base + usize::from(part < extra));
        runs.push(taken.to_vec());
        rest = left;
    }
    runs
}
