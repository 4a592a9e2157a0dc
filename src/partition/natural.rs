//! `natural`: the data set knows its owners.

use super::{Partition, PartitionError, Partitioner, Pool, Sees};
use crate::seed::Stream;

/// The owners that the data comes with.
pub struct Natural {
    /// As many must there be.
    pub clients: usize,
}

impl Partitioner for Natural {
    fn sees(&self, _: bool) -> Sees {
        Sees::Owners
    }

    fn split(&self, pool: &Pool<'_>, _: &mut Stream) -> Result<Partition, PartitionError> {
        let starts = pool.owners.ok_or(PartitionError::NoOwners)?;
        let found = starts.len() - 1;
        if found != self.clients {
            return Err(PartitionError::OtherOwners {
                found,
                wanted: self.clients,
            });
        }
        Ok(Partition::in_order(starts.to_vec()))
    }
}
