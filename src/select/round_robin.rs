//! `round_robin`: everybody takes part equally often.

use super::{Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;

/// Round `r` takes the clients from `r * wanted` on, counting in a circle.
pub struct RoundRobin;

impl Selector for RoundRobin {
    fn select(&mut self, round: Round, pool: &Pool<'_>, wanted: usize, _: &mut Stream) -> Vec<ClientId> {
        let start = (u64::from(round.0) * wanted as u64 % pool.clients as u64) as usize;
        in_order((start..start + wanted.min(pool.clients)).map(|turn| ClientId::from(turn % pool.clients)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn the_circle_closes() {
        let pool = Pool { clients: 5, samples: &|_| 1 };
        let mut stream = Seed(0).stream(Purpose::Select);
        let mut cohort = |round| RoundRobin.select(Round(round), &pool, 2, &mut stream);
        assert_eq!(cohort(1), [ClientId(2), ClientId(3)]);
        assert_eq!(cohort(2), [ClientId(0), ClientId(4)]);
    }
}
