//! `weighted`: large clients more often. Each client draws a key `u^(1 / samples)`, the largest
//! keys win (Efraimidis and Spirakis 2006): one pass, without replacement.

use super::{Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::Rng;
use std::cmp::Ordering;

/// Clients likely in proportion to their samples.
pub struct Weighted;

impl Selector for Weighted {
    fn select(
        &mut self,
        _: Round,
        pool: &Pool<'_>,
        wanted: usize,
        stream: &mut Stream,
    ) -> Vec<ClientId> {
        in_order(draw(pool, wanted, stream))
    }
}

/// `wanted` distinct clients by samples, in no order.
pub fn draw(pool: &Pool<'_>, wanted: usize, stream: &mut Stream) -> Vec<ClientId> {
    let mut keys: Vec<Key> = pool
        .clients()
        .map(|client| Key::draw(client, (pool.samples)(client), stream))
        .collect();
    let wanted = wanted.min(keys.len());
    if wanted < keys.len() {
        keys.select_nth_unstable_by(wanted, Key::largest_first);
    }
    keys[..wanted].iter().map(|key| key.client).collect()
}

/// What a client has drawn.
struct Key {
    logarithm: f64,
    client: ClientId,
}

impl Key {
    /// The logarithm of `u^(1 / samples)`, for `u` from 0 to below 1.
    fn draw(client: ClientId, samples: u64, stream: &mut Stream) -> Key {
        Key {
            logarithm: stream.random::<f64>().ln() / samples.max(1) as f64,
            client,
        }
    }

    /// Of equal keys the lower id wins.
    fn largest_first(&self, other: &Key) -> Ordering {
        other
            .logarithm
            .total_cmp(&self.logarithm)
            .then(self.client.cmp(&other.client))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Members;
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn a_client_with_three_times_the_samples_comes_three_times_as_often() {
        let pool = Pool {
            members: Members::All(4),
            samples: &|client| if client.0 == 2 { 3 } else { 1 },
        };
        let hits = (0..6000).filter(|&round| {
            let mut stream = Seed(3).for_round(Purpose::Select, Round(round));
            Weighted.select(Round(round), &pool, 1, &mut stream) == [ClientId(2)]
        });
        let share = hits.count() as f64 / 6000.0;
        assert!((share - 0.5).abs() < 0.03, "{share}");
    }
}
