//! `round_robin`: everybody takes part equally often.

use super::{Draw, Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use serde::Deserialize;

/// The next members of the pool, counting in a circle.
#[derive(Default)]
pub struct RoundRobin {
    // The id from which on the circle goes on.
    next: usize,
    // Where the last choice began.
    before: usize,
}

impl Selector for RoundRobin {
    fn select(
        &mut self,
        _: Round,
        pool: &Pool<'_>,
        wanted: usize,
        _: &mut Stream,
    ) -> Vec<ClientId> {
        let start = pool.place_of(self.next);
        let turns = start..start + wanted.min(pool.len());
        let chosen: Vec<ClientId> = turns.map(|turn| pool.at(turn % pool.len())).collect();
        self.before = self.next;
        self.next = chosen.last().map_or(self.next, |last| last.index() + 1);
        in_order(chosen)
    }

    fn draw(&self) -> Draw {
        Draw::Blind
    }

    fn undo(&mut self) {
        self.next = self.before;
    }

    fn state(&self) -> serde_json::Value {
        self.next.into()
    }

    fn restore(&mut self, state: &serde_json::Value) -> serde_json::Result<()> {
        self.next = usize::deserialize(state)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Members;
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn the_circle_closes_and_goes_on_where_it_was_saved() {
        let mut stream = Seed(0).stream(Purpose::Select);
        let mut circle = RoundRobin::default();
        let mut cohort = |circle: &mut RoundRobin, members| {
            let pool = Pool {
                members,
                samples: &|_| 1,
            };
            circle.select(Round(0), &pool, 2, &mut stream)
        };
        assert_eq!(cohort(&mut circle, Members::All(5)), [ClientId(0), ClientId(1)]);
        // Client 2 is in training.
        let idle = [0, 1, 3, 4].map(ClientId);
        assert_eq!(cohort(&mut circle, Members::Some(&idle)), [ClientId(3), ClientId(4)]);
        let mut other = RoundRobin::default();
        other.restore(&circle.state()).expect("its own state");
        assert!(other.restore(&serde_json::Value::Null).is_err());
        assert_eq!(cohort(&mut other, Members::All(5)), [ClientId(0), ClientId(1)]);
    }
}
