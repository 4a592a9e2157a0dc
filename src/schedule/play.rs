//! A round on workers that are not there: the real orders, by a clock that nobody waits for.

use super::Dispatch;
use crate::ids::{ClientId, Rank};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// What came of a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Played {
    /// Seconds until the last training ends.
    pub makespan: f64,
    /// Who trained whom, and in how many seconds, as they ended.
    pub trained: Vec<(Rank, ClientId, f64)>,
    /// Workers that trained anybody.
    pub busy: usize,
}

/// Plays a round. A worker trains what it was sent in its order, each after a `pause`; `seconds`
/// says how long a worker takes for a client.
///
/// ```
/// use fedmpi::{ids::{ClientId, Rank}, schedule::{Dispatch, play}};
/// let clients = [vec![ClientId(0), ClientId(1)], vec![ClientId(2)]];
/// let planned = Dispatch::planned([Rank(1), Rank(2)].into_iter().zip(clients).collect());
/// let played = play(planned, 0.5, |_, client| f64::from(client.0 + 1));
/// assert_eq!((played.makespan, played.busy), (4.0, 2)); // 0.5 + 1 + 0.5 + 2, beside 0.5 + 3
/// ```
pub fn play(mut dispatch: Dispatch, pause: f64, seconds: impl Fn(Rank, ClientId) -> f64) -> Played {
    let (mut played, mut floor) = (Played::default(), Floor::default());
    let (mut batches, mut freed) = (dispatch.open(), None);
    loop {
        let mut turn: BTreeSet<Rank> = freed.into_iter().collect();
        for batch in batches {
            turn.insert(batch.rank);
            floor
                .waiting
                .entry(batch.rank)
                .or_default()
                .extend(batch.clients);
        }
        turn.into_iter()
            .for_each(|rank| floor.begin(rank, played.makespan + pause, &seconds));
        let Some(Reverse((end, rank, client))) = floor.training.pop() else { break };
        floor.busy.remove(&rank);
        played.makespan = f64::from_bits(end);
        let taken = seconds(rank, client);
        played.trained.push((rank, client, taken));
        (batches, freed) = (dispatch.next(rank, client, taken), Some(rank));
    }
    played.busy = floor.waiting.len();
    played
}

/// The workers of a round.
#[derive(Default)]
struct Floor {
    // Clients that each was sent and has not begun.
    waiting: BTreeMap<Rank, VecDeque<ClientId>>,
    busy: BTreeSet<Rank>,
    // Who trains whom, by the end of it. Times from 0 up are in the order of their bits.
    training: BinaryHeap<Reverse<(u64, Rank, ClientId)>>,
}

impl Floor {
    /// A worker that has nothing in hand begins with the next client that waits there.
    fn begin(&mut self, rank: Rank, now: f64, seconds: &impl Fn(Rank, ClientId) -> f64) {
        if self.busy.contains(&rank) {
            return;
        }
        if let Some(client) = self.waiting.get_mut(&rank).and_then(VecDeque::pop_front) {
            self.training
                .push(Reverse(((now + seconds(rank, client)).to_bits(), rank, client)));
            self.busy.insert(rank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CostModel;
    use super::super::tests::{jobs, ranks};
    use super::*;

    #[test]
    fn orders_follow_what_was_trained() {
        let sizes = [8, 4, 4, 2, 2];
        let pull = Dispatch::pull(&jobs(&sizes), &ranks(2), &CostModel::default());
        let played = play(pull, 0.0, |_, client| sizes[client.index()] as f64);
        assert_eq!((played.makespan, played.trained.len(), played.busy), (10.0, 5, 2));
        // The second worker turns out to take twice as long, and gets less.
        let pull = Dispatch::pull(&jobs(&sizes), &ranks(2), &CostModel::default());
        let played =
            play(pull, 0.0, |rank, client| f64::from(rank.0) * sizes[client.index()] as f64);
        assert!(played.makespan <= 16.0, "{played:?}");
        assert_eq!(play(Dispatch::planned(Vec::new()), 1.0, |_, _| 1.0), Played::default());
    }
}
