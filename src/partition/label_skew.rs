//! `label_skew`: each client sees so many classes (Li et al. 2022, `#C=k`; FedLab's
//! `label_skew_quantity_based`): client `i` the class `i mod K` and others at random, first of all
//! those that nobody sees yet. A class is divided equally among those who see it.

use super::{Partition, PartitionError, Partitioner, Pool, Sees, by_class, deal, enough};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use rand::seq::{IteratorRandom, SliceRandom};
use std::collections::BTreeSet;

part! {
    /// Its settings.
    pub Seen {
        classes: usize = "2", "CLASSES", Range::COUNT, "classes that each client sees";
    }
}

/// A few classes for each client.
pub struct LabelSkew {
    /// Among how many.
    pub clients: usize,
    /// How many classes each sees.
    pub seen: Seen,
}

impl LabelSkew {
    /// Who sees which class.
    fn owners(&self, there: &[usize], stream: &mut Stream) -> Vec<Vec<usize>> {
        let mut owners = vec![Vec::new(); there.len()];
        let each = self.seen.classes.min(there.len());
        for client in 0..self.clients {
            owners[client % there.len()].push(client);
        }
        for client in 0..self.clients {
            let mut own = BTreeSet::from([client % there.len()]);
            while own.len() < each {
                let others = || (0..there.len()).filter(|class| !own.contains(class));
                let free = others()
                    .filter(|class| owners[*class].is_empty())
                    .choose(stream);
                let class = free.or_else(|| others().choose(stream));
                let class = class.expect("fewer than there are");
                own.insert(class);
                owners[class].push(client);
            }
        }
        owners
    }
}

impl Partitioner for LabelSkew {
    fn sees(&self, _: bool) -> Sees {
        Sees::Classes
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        enough(pool.labels.len(), self.clients, 1)?;
        let by_class = by_class(pool);
        // Classes of which there is no sample need nobody.
        let there: Vec<usize> = (0..by_class.len())
            .filter(|class| !by_class[*class].is_empty())
            .collect();
        let owners = self.owners(&there, stream);
        let mut lists = vec![Vec::new(); self.clients];
        for (&class, owners) in there.iter().zip(&owners) {
            let mut samples = by_class[class].clone();
            suffices(class, &samples, owners.len(), 1)?;
            samples.shuffle(stream);
            let runs = deal(&samples, owners.len());
            for (&owner, run) in owners.iter().zip(runs) {
                lists[owner].extend(run);
            }
        }
        lists.iter_mut().for_each(|list| list.shuffle(stream));
        Ok(Partition::new(&lists))
    }
}

/// Refuses a class that nobody sees, or too few samples of it for all who do.
pub(super) fn suffices(
    class: usize,
    samples: &[u32],
    owners: usize,
    least: usize,
) -> Result<(), PartitionError> {
    match owners {
        0 => Err(PartitionError::Unseen { class }),
        _ if samples.len() < owners * least => Err(PartitionError::Scarce {
            class,
            owners,
            least,
            samples: samples.len(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn split(clients: usize, classes: usize) -> Result<Partition, PartitionError> {
        let labels: Vec<u32> = (0..1000).map(|sample| sample % 10).collect();
        let pool = Pool {
            count: labels.len(),
            labels: &labels,
            classes: 10,
            owners: None,
        };
        let skewed = LabelSkew {
            clients,
            seen: Seen { classes },
        };
        skewed.split(&pool, &mut Seed(1).stream(Purpose::Partition))
    }

    /// How many classes each client sees; sample `i` is of class `i mod 10`.
    fn seen(partition: &Partition) -> Vec<usize> {
        let classes = |list: &[u32]| {
            list.iter()
                .map(|sample| sample % 10)
                .collect::<BTreeSet<u32>>()
                .len()
        };
        partition.lists().iter().map(|list| classes(list)).collect()
    }

    #[test]
    fn every_client_sees_as_many_classes_as_wanted() {
        for (clients, classes) in [(10, 1), (10, 2), (25, 3), (5, 2), (4, 3), (1, 10)] {
            let partition = split(clients, classes).expect("divisible");
            assert_eq!(seen(&partition), vec![classes; clients], "{clients} {classes}");
            assert_eq!(
                partition
                    .lists()
                    .iter()
                    .map(|list| list.len())
                    .sum::<usize>(),
                1000
            );
        }
        // More classes than there are: all of them.
        assert_eq!(seen(&split(3, 50).expect("divisible")), [10; 3]);
    }

    #[test]
    fn classes_that_nobody_sees_or_too_many_are_refused() {
        let refused = |clients, classes| split(clients, classes).expect_err("refused").to_string();
        assert!(
            refused(4, 2).contains("would belong to nobody (hint: raise --classes"),
            "{}",
            refused(4, 2)
        );
        assert!(refused(1000, 2).contains("class 0 has 100 samples for "), "{}", refused(1000, 2));
    }
}
