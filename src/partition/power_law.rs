//! `power_law`: IID samples in very unequal amounts, as clients have them in practice: the k-th
//! largest client owns in proportion to `k^-alpha`.

use super::sizes::{amounts, cut};
use super::{Partition, PartitionError, Partitioner, Pool, shuffled};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use rand::seq::SliceRandom;

part! {
    /// How unequal amounts are.
    pub Law {
        partition_alpha: f64 = "0.5", "NUMBER", Range::POSITIVE, "exponent of the power law: large is skewed";
    }
}

/// Sizes by a power law, dealt to clients at random.
pub struct PowerLaw {
    /// Among how many.
    pub clients: usize,
    /// How unequally.
    pub law: Law,
}

impl Partitioner for PowerLaw {
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let (clients, samples) = (self.clients, pool.count);
        let order = shuffled(pool, clients, 1, stream)?;
        // Everybody gets one sample; the others follow the law.
        let shares: Vec<f64> = (1..=clients)
            .map(|rank| (rank as f64).powf(-self.law.partition_alpha))
            .collect();
        let mut lists = cut(&order, &amounts(samples, &shares, 1));
        lists.shuffle(stream);
        Ok(Partition::new(&lists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn sizes_follow_the_law() {
        let pool = Pool {
            count: 10_000,
            labels: &[],
            classes: 1,
            owners: None,
        };
        let partition = PowerLaw {
            clients: 4,
            law: Law {
                partition_alpha: 1.0,
            },
        }
        .split(&pool, &mut Seed(0).stream(Purpose::Partition))
        .expect("enough");
        let mut sizes: Vec<u64> = partition
            .ids()
            .map(|client| partition.count(client))
            .collect();
        sizes.sort_unstable();
        // 12/25 of all for the first, then 1/2, 1/3 and 1/4 of that, but for the one that everybody
        // gets.
        assert!(
            sizes
                .iter()
                .zip([1200u64, 1600, 2400, 4800])
                .all(|(size, law)| size.abs_diff(law) <= 1),
            "{sizes:?}"
        );
    }
}
