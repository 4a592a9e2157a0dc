//! `client_dirichlet`: label skew with sizes of one's own (Acar et al. 2021; FedLab's
//! `client_inner_dirichlet_partition`): each client draws a prior over classes from
//! Dirichlet(alpha, ..., alpha). Then a client with room left is drawn, a class by its prior among
//! those that have samples left, and it gets one of them.

use super::dirichlet::ALPHA;
use super::sizes::{amounts, dirichlet, lognormal};
use super::{Partition, PartitionError, Partitioner, Pool, Sees, by_class, enough};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use rand::Rng;
use rand::seq::SliceRandom;

part! {
    /// Its settings.
    pub Within {
        partition_alpha: f64 = "0.5", "NUMBER", ALPHA, "concentration of the Dirichlet draw: small is skewed";
        unbalance_sgm: f64 = "0", "SIGMA", Range::between(0.0, 10.0), "spread of the logarithm of clients' amounts; 0 makes them equal";
    }
}

/// A prior over classes for each client.
pub struct ClientDirichlet {
    /// Among how many.
    pub clients: usize,
    /// How evenly.
    pub within: Within,
}

impl Partitioner for ClientDirichlet {
    fn sees(&self, _: bool) -> Sees {
        Sees::Classes
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let clients = self.clients;
        let Within {
            partition_alpha: alpha,
            unbalance_sgm,
        } = self.within;
        enough(pool.labels.len(), clients, 1)?;
        let mut left = by_class(pool);
        left.iter_mut().for_each(|samples| samples.shuffle(stream));
        let shares = lognormal(clients, unbalance_sgm, stream);
        let sizes = amounts(pool.labels.len(), &shares, 1);
        let mut wishes: Vec<Wish> = (0..clients)
            .map(|_| Wish::new(dirichlet(left.len(), alpha, stream)))
            .collect();
        let mut lists: Vec<Vec<u32>> = sizes.iter().map(|size| Vec::with_capacity(*size)).collect();
        let mut hungry: Vec<usize> = (0..clients).collect();
        while !hungry.is_empty() {
            let place = stream.random_range(0..hungry.len());
            let client = hungry[place];
            let class = wishes[client].draw(&left, stream);
            lists[client].extend(left[class].pop());
            if lists[client].len() == sizes[client] {
                hungry.swap_remove(place);
            }
        }
        Ok(Partition::new(&lists))
    }
}

/// A client's prior over classes, as sums from the first class on.
struct Wish {
    prior: Vec<f64>,
    sums: Vec<f64>,
}

impl Wish {
    fn new(prior: Vec<f64>) -> Wish {
        let sums = sums(&prior);
        Wish { prior, sums }
    }

    /// A class that has samples left, of which there must be one.
    fn draw(&mut self, left: &[Vec<u32>], stream: &mut Stream) -> usize {
        loop {
            let total = self.sums.last().copied().unwrap_or_default();
            if total <= 0.0 {
                // All that it wants is gone: it takes what there is.
                let all: usize = left.iter().map(Vec::len).sum();
                return holder(left, stream.random_range(0..all));
            }
            let drawn = stream.random::<f64>() * total;
            let class = self.sums.partition_point(|sum| *sum <= drawn);
            let class = class.min(left.len() - 1);
            if !left[class].is_empty() {
                return class;
            }
            self.prior[class] = 0.0;
            self.sums = sums(&self.prior);
        }
    }
}

fn sums(prior: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = Vec::with_capacity(prior.len());
    for share in prior {
        sum += share;
        sums.push(sum);
    }
    sums
}

/// The class of a sample by its place among all that are left.
fn holder(left: &[Vec<u32>], place: usize) -> usize {
    let mut end = 0;
    let class = left.iter().position(|samples| {
        end += samples.len();
        place < end
    });
    class.expect("so many are left")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    /// Samples of each class that clients have; sample `i` is of class `i mod 10`.
    fn counts(partition_alpha: f64, unbalance_sgm: f64) -> Vec<[usize; 10]> {
        let labels: Vec<u32> = (0..5000).map(|sample| sample % 10).collect();
        let pool = Pool {
            count: labels.len(),
            labels: &labels,
            classes: 10,
            owners: None,
        };
        let split = ClientDirichlet {
            clients: 20,
            within: Within {
                partition_alpha,
                unbalance_sgm,
            },
        };
        let partition = split
            .split(&pool, &mut Seed(3).stream(Purpose::Partition))
            .expect("enough");
        let count = |list: &[u32]| {
            let mut counts = [0; 10];
            list.iter()
                .for_each(|sample| counts[*sample as usize % 10] += 1);
            counts
        };
        partition.lists().iter().map(|list| count(list)).collect()
    }

    #[test]
    fn sizes_are_equal_or_spread_and_nothing_is_left() {
        let sizes = |sigma| {
            counts(0.3, sigma)
                .iter()
                .map(|counts| counts.iter().sum())
                .collect::<Vec<usize>>()
        };
        assert_eq!(sizes(0.0), [250; 20]);
        let spread = sizes(1.0);
        assert!(
            spread.iter().sum::<usize>() == 5000 && spread.iter().max() > Some(&500),
            "{spread:?}"
        );
    }

    #[test]
    fn smaller_alpha_is_more_skewed_up_to_a_single_class() {
        let largest = |alpha| {
            let share = |counts: &[usize; 10]| *counts.iter().max().expect("ten") as f64 / 250.0;
            counts(alpha, 0.0).iter().map(share).sum::<f64>() / 20.0
        };
        let [single, few, all] = [1e-300, 0.1, 1e4].map(largest);
        assert!(single > few && few > 0.5 && all < 0.2, "{single} {few} {all}");
    }

    #[test]
    fn places_lie_in_classes() {
        let left = [vec![1, 2], vec![], vec![3]];
        assert_eq!([0, 1, 2].map(|place| holder(&left, place)), [0, 0, 2]);
    }
}
