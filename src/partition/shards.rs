//! `shards`: pathological label skew (McMahan et al. 2017, section 3). Samples are sorted by class
//! and cut in `2 n` equal shards; each of `n` clients gets two at random, so most see two classes.

use super::{Partition, PartitionError, Partitioner, Pool, Sees, deal, shuffled};
use crate::seed::Stream;
use rand::seq::SliceRandom;

/// Two shards of sorted samples per client.
pub struct Shards {
    /// Half as many as shards.
    pub clients: usize,
}

impl Partitioner for Shards {
    fn sees(&self, _: bool) -> Sees {
        Sees::Classes
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let clients = self.clients;
        let mut order = shuffled(pool, clients, 2, stream)?;
        order.sort_by_key(|&sample| pool.labels[sample as usize]);
        let mut shards = deal(&order, clients * 2);
        shards.shuffle(stream);
        let lists: Vec<Vec<u32>> = shards.chunks(2).map(<[_]>::concat).collect();
        Ok(Partition::new(&lists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn clients_see_few_classes() {
        let labels: Vec<u32> = (0..1000).map(|i| i % 10).collect();
        let pool = Pool { count: labels.len(), labels: &labels, classes: 10, owners: None };
        let shards = Shards { clients: 10 };
        let partition = shards.split(&pool, &mut Seed(1).stream(Purpose::Partition)).expect("divisible");
        for list in partition.lists() {
            let mut classes: Vec<u32> = list.iter().map(|&sample| labels[sample as usize]).collect();
            classes.sort_unstable();
            classes.dedup();
            assert!(classes.len() <= 2, "{classes:?}");
        }
    }
}
