//! `quantity`: IID samples in amounts by one Dirichlet draw over clients (Li et al. 2022, quantity
//! skew; FedLab's `dirichlet_unbalance_split`), which is repeated until every client has enough.

use super::dirichlet::Prior;
use super::sizes::{ATTEMPTS, amounts, cut, dirichlet};
use super::{Partition, PartitionError, Partitioner, Pool, shuffled};
use crate::seed::Stream;

/// Sizes by a Dirichlet draw, dealt at random.
pub struct Quantity {
    /// Among how many.
    pub clients: usize,
    /// How evenly.
    pub prior: Prior,
}

impl Partitioner for Quantity {
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let (clients, alpha) = (self.clients, self.prior.partition_alpha);
        let least = self.prior.least();
        let order = shuffled(pool, clients, least, stream)?;
        let mut draws =
            (0..ATTEMPTS).map(|_| amounts(order.len(), &dirichlet(clients, alpha, stream), 0));
        let drawn = draws.find(|amounts| amounts.iter().all(|amount| *amount >= least));
        match drawn {
            Some(amounts) => Ok(Partition::new(&cut(&order, &amounts))),
            None => Err(PartitionError::Unlucky {
                alpha,
                clients,
                least,
                attempts: ATTEMPTS,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn sizes(clients: usize, partition_alpha: f64) -> Result<Vec<usize>, PartitionError> {
        let pool = Pool {
            count: 10_000,
            labels: &[],
            classes: 1,
            owners: None,
        };
        let quantity = Quantity {
            clients,
            prior: Prior {
                partition_alpha,
                min_require_size: 10,
            },
        };
        let partition = quantity.split(&pool, &mut Seed(2).stream(Purpose::Partition))?;
        Ok(partition.lists().iter().map(|list| list.len()).collect())
    }

    #[test]
    fn amounts_are_more_unequal_for_smaller_alphas() {
        let spread = |alpha| {
            let sizes = sizes(10, alpha).expect("divisible");
            *sizes.iter().max().expect("ten") as f64 / *sizes.iter().min().expect("ten") as f64
        };
        assert!(spread(1e6) < 1.1 && spread(1.0) > 3.0);
        assert!(matches!(
            sizes(100, 0.01),
            Err(PartitionError::Unlucky {
                attempts: ATTEMPTS,
                ..
            })
        ));
        assert!(matches!(sizes(1001, 0.5), Err(PartitionError::TooFewSamples { least: 10, .. })));
    }
}
