//! `shards`: pathological label skew (McMahan et al. 2017, section 3). Samples are sorted by class
//! and cut in `2 n` equal shards; each of `n` clients gets two at random, so most see two classes.
//! Another number of shards (FedLab's `num_shards`) gives each client as many classes, about.

use super::{Partition, PartitionError, Partitioner, Pool, Sees, deal, shuffled};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use rand::seq::SliceRandom;

/// Shards of a client where nobody says another number.
const USUAL: usize = 2;

part! {
    /// In how many shards samples are cut.
    pub Cut {
        num_shards: usize = "0", "SHARDS", Range::COUNT_OR_NONE, "shards in all, a multiple of the clients; 0: two for each client";
    }
}

/// Equally many shards of sorted samples for each client.
pub struct Shards {
    /// Among how many they are dealt.
    pub clients: usize,
    /// In how many.
    pub cut: Cut,
}

impl Shards {
    /// Shards of each client.
    fn each(&self) -> Result<usize, PartitionError> {
        let (shards, clients) = (self.cut.num_shards, self.clients);
        match shards {
            0 => Ok(USUAL),
            _ if shards % clients == 0 => Ok(shards / clients),
            _ => Err(PartitionError::Uneven { shards, clients }),
        }
    }
}

impl Partitioner for Shards {
    fn sees(&self, _: bool) -> Sees {
        Sees::Classes
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let (clients, each) = (self.clients, self.each()?);
        let mut order = shuffled(pool, clients, each, stream)?;
        order.sort_by_key(|&sample| pool.labels[sample as usize]);
        let mut shards = deal(&order, clients * each);
        shards.shuffle(stream);
        let lists: Vec<Vec<u32>> = shards.chunks(each).map(<[_]>::concat).collect();
        Ok(Partition::new(&lists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};
    use std::collections::BTreeSet;

    fn split(clients: usize, num_shards: usize) -> Result<Partition, PartitionError> {
        let labels: Vec<u32> = (0..1000).map(|i| i % 10).collect();
        let pool = Pool {
            count: labels.len(),
            labels: &labels,
            classes: 10,
            owners: None,
        };
        let shards = Shards {
            clients,
            cut: Cut { num_shards },
        };
        shards.split(&pool, &mut Seed(1).stream(Purpose::Partition))
    }

    /// Most classes that a client sees; sample `i` is of class `i mod 10`.
    fn most_classes(partition: &Partition) -> usize {
        let classes = |list: &[u32]| {
            list.iter()
                .map(|sample| sample % 10)
                .collect::<BTreeSet<u32>>()
                .len()
        };
        partition
            .lists()
            .iter()
            .map(|list| classes(list))
            .max()
            .expect("clients")
    }

    #[test]
    fn clients_see_few_classes() {
        assert!(most_classes(&split(10, 0).expect("divisible")) <= 2);
        assert_eq!(most_classes(&split(10, 10).expect("divisible")), 1);
        assert!(most_classes(&split(10, 50).expect("divisible")) > 2);
        assert_eq!(split(10, 20), split(10, 0));
    }

    #[test]
    fn shards_that_do_not_come_out_even_are_refused() {
        let refused = |shards| split(10, shards).expect_err("refused").to_string();
        assert_eq!(
            refused(25),
            "--num_shards is 25: 10 clients get equally many shards (hint: 30, or 0: two each)"
        );
        assert!(refused(1010).contains("at least 101 each"), "{}", refused(1010));
    }
}
