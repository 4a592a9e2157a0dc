//! `homo`: every client draws from the same pot.

use super::{Partition, PartitionError, Partitioner, Pool, Settings, deal, shuffled};
use crate::seed::Stream;

/// Equal parts of shuffled samples; the first clients get one more when it does not come out even.
pub struct Homo(pub Settings);

impl Partitioner for Homo {
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let order = shuffled(pool, self.0.clients, 1, stream)?;
        Ok(Partition::new(&deal(&order, self.0.clients)))
    }
}
