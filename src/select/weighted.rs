//! `weighted`: large clients more often. Each client draws a key `u^(1 / samples)`, the largest
//! keys win (Efraimidis and Spirakis 2006): one pass, without replacement.

use super::{Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::Rng;

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
    let key = |client: ClientId| {
        (stream.random::<f64>().ln() / (pool.samples)(client).max(1) as f64, client)
    };
    let mut keys: Vec<(f64, ClientId)> = (0..pool.len())
        .map(|place| pool.at(place))
        .map(key)
        .collect();
    let wanted = wanted.min(keys.len());
    if wanted < keys.len() {
        keys.select_nth_unstable_by(wanted, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }
    keys[..wanted].iter().map(|(_, client)| *client).collect()
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
