//! `lognormal`: IID samples in unequal amounts (FedLab's `lognormal_unbalance_split`): a client
//! owns in proportion to `exp(sigma N(0, 1))`, and one sample at least.

use super::sizes::{amounts, cut, lognormal};
use super::{Partition, PartitionError, Partitioner, Pool, shuffled};
use crate::part;
use crate::part::Range;
use crate::seed::Stream;

part! {
    /// Its settings.
    pub Spread {
        unbalance_sgm: f64 = "0.3", "SIGMA", Range::between(0.0, 10.0), "spread of the logarithm of clients' amounts; 0 makes them equal";
    }
}

/// Sizes by a log-normal law, dealt at random.
pub struct Unbalanced {
    /// Among how many.
    pub clients: usize,
    /// How unequally.
    pub spread: Spread,
}

impl Partitioner for Unbalanced {
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let order = shuffled(pool, self.clients, 1, stream)?;
        let shares = lognormal(self.clients, self.spread.unbalance_sgm, stream);
        Ok(Partition::new(&cut(&order, &amounts(order.len(), &shares, 1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn sizes(unbalance_sgm: f64) -> Vec<usize> {
        let pool = Pool {
            count: 100_000,
            labels: &[],
            classes: 1,
            owners: None,
        };
        let partition = Unbalanced {
            clients: 1000,
            spread: Spread { unbalance_sgm },
        }
        .split(&pool, &mut Seed(2).stream(Purpose::Partition))
        .expect("enough");
        partition.lists().iter().map(|list| list.len()).collect()
    }

    #[test]
    fn logarithms_of_sizes_spread_as_wanted() {
        assert!(sizes(0.0).iter().all(|size| *size == 100));
        let logs: Vec<f64> = sizes(0.5).iter().map(|size| (*size as f64).ln()).collect();
        let mean = logs.iter().sum::<f64>() / 1000.0;
        let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 1000.0).sqrt();
        assert!((deviation - 0.5).abs() < 0.05, "{deviation}");
        let extreme = sizes(10.0);
        assert!(extreme.iter().all(|size| *size >= 1) && extreme.iter().any(|size| *size > 30_000));
    }
}
