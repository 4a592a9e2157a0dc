//! `hetero`: label skew by a Dirichlet prior (FedML's LDA, after Hsu et al. 2019). For each class,
//! proportions over clients are drawn from Dirichlet(alpha, ..., alpha); clients that already hold
//! their fair share get none. The whole draw is repeated until every client has enough.

use super::sizes::ATTEMPTS;
use super::{Partition, PartitionError, Partitioner, Pool, Sees, by_class, enough};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::Gamma;

/// Concentrations; beyond them all clients get the same.
pub(super) const ALPHA: Range = Range::between(1e-9, 1e9);

part! {
    /// What proportions are drawn from.
    pub Prior {
        partition_alpha: f64 = "0.5", "NUMBER", ALPHA, "concentration of the Dirichlet draw: small is skewed";
        min_require_size: u32 = "10", "SAMPLES", Range::COUNT_OR_NONE,
            "samples that each client must have: draws are repeated until it is so";
    }
}

/// Each class divided by a Dirichlet draw.
pub struct Hetero {
    /// Among how many.
    pub clients: usize,
    /// How evenly.
    pub prior: Prior,
}

impl Prior {
    /// Samples that each client must have.
    pub fn least(&self) -> usize {
        self.min_require_size as usize
    }
}

impl Hetero {
    /// So many draws gave somebody too little.
    fn unlucky(&self, attempts: usize) -> PartitionError {
        PartitionError::Unlucky {
            alpha: self.prior.partition_alpha,
            clients: self.clients,
            least: self.prior.least(),
            attempts,
        }
    }
}

impl Partitioner for Hetero {
    fn sees(&self, _: bool) -> Sees {
        Sees::Classes
    }

    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let (clients, alpha) = (self.clients, self.prior.partition_alpha);
        let least = self.prior.least();
        enough(pool.labels.len(), clients, least)?;
        let gamma = Gamma::new(alpha, 1.0).map_err(|_| self.unlucky(0))?;
        let by_class = by_class(pool);
        for _ in 0..ATTEMPTS {
            let mut lists = attempt(&by_class, clients, pool.labels.len(), gamma, stream);
            if lists.iter().all(|list| list.len() >= least) {
                lists.iter_mut().for_each(|list| list.shuffle(stream));
                return Ok(Partition::new(&lists));
            }
        }
        Err(self.unlucky(ATTEMPTS))
    }
}

/// Divides every class once; whoever has a fair share already gets no more.
fn attempt(
    by_class: &[Vec<u32>],
    clients: usize,
    total: usize,
    gamma: Gamma<f64>,
    stream: &mut Stream,
) -> Vec<Vec<u32>> {
    let mut lists = vec![Vec::new(); clients];
    for class in by_class {
        let mut samples = class.clone();
        samples.shuffle(stream);
        let mut draws = Vec::with_capacity(clients);
        for list in &lists {
            // Whoever is full draws too, so that what others draw does not depend on it.
            let drawn: f64 = stream.sample(gamma);
            let is_full = list.len() * clients >= total;
            draws.push(if is_full { 0.0 } else { drawn });
        }
        let sum: f64 = draws.iter().sum();
        let mut reached = 0.0;
        let mut start = 0;
        for (client, draw) in draws.iter().enumerate() {
            reached += draw;
            // Tiny alphas can make all draws vanish; the class then goes to the last client.
            let share = if sum > 0.0 { reached / sum } else { 0.0 };
            let is_last = client + 1 == clients;
            let part = (share * samples.len() as f64) as usize;
            let end = if is_last { samples.len() } else { part };
            lists[client].extend(&samples[start..end]);
            start = end;
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn split(clients: usize, alpha: f64) -> Result<Partition, PartitionError> {
        let labels: Vec<u32> = (0..2000).map(|i| i % 10).collect();
        let pool = Pool {
            count: labels.len(),
            labels: &labels,
            classes: 10,
            owners: None,
        };
        Hetero {
            clients,
            prior: Prior {
                partition_alpha: alpha,
                min_require_size: 10,
            },
        }
        .split(&pool, &mut Seed(1).stream(Purpose::Partition))
    }

    #[test]
    fn nothing_is_lost_and_everybody_has_enough() {
        let partition = split(20, 0.5).expect("divisible");
        let lists = partition.lists();
        assert_eq!(lists.iter().map(|list| list.len()).sum::<usize>(), 2000);
        assert!(lists.iter().all(|list| list.len() >= 10));
    }

    #[test]
    fn smaller_alpha_is_more_skewed() {
        // Sample `i` is of class `i mod 10`.
        let share = |list: &[u32]| {
            let mut counts = [0; 10];
            list.iter()
                .for_each(|sample| counts[*sample as usize % 10] += 1);
            *counts.iter().max().expect("ten") as f64 / list.len() as f64
        };
        let largest_class = |alpha| {
            let partition = split(10, alpha).expect("divisible");
            let shares = partition.lists().into_iter().map(|list| share(&list));
            shares.sum::<f64>() / 10.0
        };
        assert!(largest_class(0.2) > 2.0 * largest_class(100.0));
    }

    #[test]
    fn hopeless_wishes_end_with_an_error() {
        assert!(matches!(
            split(190, 0.01),
            Err(PartitionError::Unlucky {
                attempts: ATTEMPTS,
                ..
            })
        ));
        assert!(matches!(split(201, 0.5), Err(PartitionError::TooFewSamples { least: 10, .. })));
    }
}
