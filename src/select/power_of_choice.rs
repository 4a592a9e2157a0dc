//! `power_of_choice`: prefer clients whose loss is large (Cho, Wang and Joshi 2022, the variant
//! `rpow-d` that uses the loss of a client's last training instead of asking it anew).

use super::{Pool, Selector, in_order, weighted};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand::seq::SliceRandom;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Candidates for each place in the cohort.
const CHOICE: usize = 2;

/// Remembers the last loss of every client that has trained; those that have not come first.
#[derive(Default)]
pub struct PowerOfChoice {
    losses: BTreeMap<ClientId, f64>,
}

impl Selector for PowerOfChoice {
    fn select(
        &mut self,
        _: Round,
        pool: &Pool<'_>,
        wanted: usize,
        stream: &mut Stream,
    ) -> Vec<ClientId> {
        let mut candidates = weighted::draw(pool, CHOICE * wanted, stream);
        let loss = |client: &ClientId| self.losses.get(client).copied().unwrap_or(f64::INFINITY);
        // Among equals, as all are that have not trained yet, the lot decides.
        candidates.sort_unstable();
        candidates.shuffle(stream);
        candidates.sort_by(|a, b| loss(b).total_cmp(&loss(a)));
        candidates.truncate(wanted);
        in_order(candidates)
    }

    fn learn(&mut self, client: ClientId, loss: f64) {
        self.losses.insert(client, loss);
    }

    fn state(&self) -> serde_json::Value {
        // Bits, since JSON has no infinity.
        self.losses
            .iter()
            .map(|(client, loss)| serde_json::json!([client, loss.to_bits()]))
            .collect()
    }

    fn restore(&mut self, state: &serde_json::Value) -> serde_json::Result<()> {
        let pairs = Vec::<(ClientId, u64)>::deserialize(state)?;
        self.losses = pairs
            .into_iter()
            .map(|(client, bits)| (client, f64::from_bits(bits)))
            .collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Members;
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn the_unknown_then_the_worst_are_chosen() {
        let mut selector = PowerOfChoice::default();
        [(0, 0.1), (1, 0.9), (3, 0.5)]
            .into_iter()
            .for_each(|(client, loss)| selector.learn(ClientId(client), loss));
        let pool = Pool {
            members: Members::All(4),
            samples: &|_| 1,
        };
        let cohort = selector.select(Round(0), &pool, 2, &mut Seed(0).stream(Purpose::Select));
        assert_eq!(cohort, [ClientId(1), ClientId(2)]);
    }

    #[test]
    fn low_ids_are_not_preferred_while_nobody_has_trained() {
        let pool = Pool {
            members: Members::All(100),
            samples: &|_| 1,
        };
        let low = (0..200).flat_map(|round| {
            let mut stream = Seed(0).for_round(Purpose::Select, Round(round));
            PowerOfChoice::default().select(Round(round), &pool, 10, &mut stream)
        });
        // 1,000 of 2,000 with a deviation of 22.
        let low = low.filter(|client| client.0 < 50).count();
        assert!((900..1100).contains(&low), "{low}");
    }
}
