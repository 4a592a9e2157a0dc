//! `natural`: the data set knows its owners.

use super::{PartitionError, Partitioner, Pool, Settings};
use crate::seed::Stream;

/// The owners that the data comes with.
pub struct Natural(pub Settings);

impl Partitioner for Natural {
    fn split(&self, pool: &Pool<'_>, _: &mut Stream) -> Result<Vec<Vec<u32>>, PartitionError> {
        let owners = pool.owners.ok_or(PartitionError::NoOwners)?;
        if owners.len() != self.0.clients {
            return Err(PartitionError::OtherOwners { found: owners.len(), wanted: self.0.clients });
        }
        Ok(owners.iter().map(|rows| (rows.start as u32..rows.end as u32).collect()).collect())
    }
}
