//! `homo`: every client draws from the same pot.

use super::{Partition, PartitionError, Partitioner, Pool, Settings, deal};
use crate::seed::Stream;
use rand::seq::SliceRandom;

/// Equal parts of shuffled samples; the first clients get one more when it does not come out even.
pub struct Homo(pub Settings);

impl Partitioner for Homo {
    fn split(&self, pool: &Pool<'_>, stream: &mut Stream) -> Result<Partition, PartitionError> {
        let (clients, samples) = (self.0.clients, pool.labels.len());
        if clients > samples {
            return Err(PartitionError::TooManyClients { clients, samples });
        }
        let mut order: Vec<u32> = (0..samples as u32).collect();
        order.shuffle(stream);
        Ok(Partition::new(&deal(&order, clients)))
    }
}
