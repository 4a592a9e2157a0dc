//! `leaf_power_law`: the MNIST of FedProx and LEAF (Li et al. 2020), as FedML's archive has it:
//! client `i` sees the classes `i`, `i + 1`, ... modulo `K`; each of them gives it a few samples
//! first, and divides the rest among all who see it in proportion to `exp(sigma N(0, 1))`. There a
//! remainder is dropped; here nothing is.

use super::label_skew::suffices;
use super::sizes::{amounts, cut, lognormal};
use super::{Partition, PartitionError, Partitioner, Pool, Sees, by_class, enough};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use rand::seq::SliceRandom;

part! {
    /// Its settings.
    pub Adjacent {
        classes: usize = "2", "CLASSES", Range::COUNT, "classes that each client sees";
        unbalance_sgm: f64 = "2", "SIGMA", Range::between(0.0, 10.0), "spread of the logarithm of clients' amounts; 0 makes them equal";
        first_samples: usize = "5", "SAMPLES", Range::COUNT, "samples of each of its classes that a client has at least";
    }
}

/// Adjacent classes in amounts by a power law.
pub struct LeafPowerLaw {
    /// Among how many.
    pub clients: usize,
    /// Which and how much.
    pub adjacent: Adjacent,
}

impl Partitioner for LeafPowerLaw {
    fn sees(&self, _: bool) -> Sees {
        Sees::Classes
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let Adjacent {
            classes,
            unbalance_sgm,
            first_samples,
        } = self.adjacent;
        enough(pool.labels.len(), self.clients, first_samples)?;
        let by_class = by_class(pool);
        let each = classes.min(by_class.len());
        let mut lists = vec![Vec::new(); self.clients];
        for (class, mut samples) in by_class.into_iter().enumerate() {
            if samples.is_empty() {
                continue;
            }
            // How many classes it comes after the client's first one.
            let after =
                |client: usize| (class + pool.classes - client % pool.classes) % pool.classes;
            let owners: Vec<usize> = (0..self.clients)
                .filter(|client| after(*client) < each)
                .collect();
            suffices(class, &samples, owners.len(), first_samples)?;
            samples.shuffle(stream);
            let shares = lognormal(owners.len(), unbalance_sgm, stream);
            let runs = cut(&samples, &amounts(samples.len(), &shares, first_samples));
            for (&owner, run) in owners.iter().zip(runs) {
                lists[owner].extend(run);
            }
        }
        lists.iter_mut().for_each(|list| list.shuffle(stream));
        match lists.iter().position(Vec::is_empty) {
            Some(client) => Err(PartitionError::Nothing { client }),
            None => Ok(Partition::new(&lists)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn split(clients: usize, first_samples: usize) -> Result<Partition, PartitionError> {
        let labels: Vec<u32> = (0..60_000).map(|sample| sample % 10).collect();
        let pool = Pool {
            count: labels.len(),
            labels: &labels,
            classes: 10,
            owners: None,
        };
        let adjacent = Adjacent {
            classes: 2,
            unbalance_sgm: 2.0,
            first_samples,
        };
        LeafPowerLaw { clients, adjacent }.split(&pool, &mut Seed(1).stream(Purpose::Partition))
    }

    #[test]
    fn clients_see_adjacent_classes_in_very_unequal_amounts() {
        let partition = split(1000, 5).expect("divisible");
        let mut sizes = Vec::new();
        for (client, list) in partition.lists().iter().enumerate() {
            let count = |class: usize| {
                list.iter()
                    .filter(|sample| **sample as usize % 10 == class % 10)
                    .count()
            };
            let own = [count(client), count(client + 1)];
            assert!(
                own.iter().all(|count| *count >= 5) && own.iter().sum::<usize>() == list.len(),
                "{client}"
            );
            sizes.push(list.len());
        }
        sizes.sort_unstable();
        assert_eq!(sizes.iter().sum::<usize>(), 60_000);
        // FedML's archive has 61,664 samples of 1000 users; 447 of them own less than 20.
        let small = sizes.iter().filter(|size| **size < 20).count();
        assert!((300..600).contains(&small) && sizes[999] > 500, "{small} {}", sizes[999]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |clients, first| split(clients, first).expect_err("refused").to_string();
        assert!(refused(3, 5).contains("class 4 would belong to nobody"), "{}", refused(3, 5));
        assert!(
            refused(1000, 50).contains("class 0 has 6000 samples for 200 clients"),
            "{}",
            refused(1000, 50)
        );
    }
}
