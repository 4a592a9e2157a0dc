//! `fedml`: the cohorts that FedML has, so that runs can be compared client by client.
//!
//! Its code seeds numpy's legacy generator by the round, from 0, and takes the first of a
//! permutation of all clients; where everybody takes part nothing is drawn. The seed of the run has
//! no say.

use super::{Draw, Pool, Selector, in_order};
use crate::ids::{ClientId, Round};
use crate::seed::Stream;
use rand_mt::Mt;

/// No settings.
pub struct FedMl;

impl Selector for FedMl {
    fn select(
        &mut self,
        round: Round,
        pool: &Pool<'_>,
        wanted: usize,
        _: &mut Stream,
    ) -> Vec<ClientId> {
        let mut places: Vec<usize> = (0..pool.len()).collect();
        if wanted < places.len() {
            shuffle(&mut places, &mut Mt::new(round.0));
            places.truncate(wanted);
        }
        in_order(places.into_iter().map(|place| pool.at(place)))
    }

    fn draw(&self) -> Draw {
        Draw::Blind
    }
}

/// numpy's legacy shuffle: from the end, each place is swapped with one that is not behind it.
fn shuffle(places: &mut [usize], generator: &mut Mt) {
    for last in (1..places.len()).rev() {
        places.swap(last, below(last, generator));
    }
}

/// From 0 to `most`, all equally likely: as many bits as it takes, until they fit.
fn below(most: usize, generator: &mut Mt) -> usize {
    let mask = (most + 1).next_power_of_two() - 1;
    loop {
        let drawn = generator.next_u32() as usize & mask;
        if drawn <= most {
            return drawn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Members;
    use super::*;
    use crate::seed::{Purpose, Seed};

    /// `numpy.random.seed(round); sorted(numpy.random.choice(range(clients), wanted,
    /// replace=False))`, numpy 2.4.6.
    const GOLDEN: &[(u32, usize, usize, &[u32])] = &[
        (0, 10, 4, &[2, 4, 8, 9]),
        (1, 10, 4, &[2, 4, 6, 9]),
        (2, 1000, 10, &[37, 272, 286, 295, 658, 682, 726, 846, 880, 924]),
        (49, 1000, 4, &[318, 498, 718, 794]),
        (7, 5, 5, &[0, 1, 2, 3, 4]),
        (3, 3400, 10, &[250, 1224, 1235, 1364, 1515, 2038, 2039, 2664, 3058, 3356]),
        (4294967295, 6, 2, &[1, 4]),
    ];

    #[test]
    fn cohorts_are_those_that_numpy_draws() {
        let mut stream = Seed(0).stream(Purpose::Select);
        for &(round, clients, wanted, cohort) in GOLDEN {
            let pool = Pool {
                members: Members::All(clients),
                samples: &|_| 1,
            };
            let chosen = FedMl.select(Round(round), &pool, wanted, &mut stream);
            let wanted: Vec<ClientId> = cohort.iter().copied().map(ClientId).collect();
            assert_eq!(chosen, wanted, "round {round} of {clients}");
        }
    }
}
