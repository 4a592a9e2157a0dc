//! `homo`: every client draws from the same pot.

use super::{Partition, PartitionError, Partitioner, Pool, deal, shuffled};
use crate::seed::Stream;

/// Equal parts of shuffled samples; the first clients get one more when it does not come out even.
pub struct Homo {
    /// How many parts.
    pub clients: usize,
}

impl Partitioner for Homo {
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let order = shuffled(pool, self.clients, 1, stream)?;
        Ok(Partition::new(&deal(&order, self.clients)))
    }
}
