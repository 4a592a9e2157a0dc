//! What clients cost so far, counted as the journal grows.

use crate::event::Trained;
use crate::ids::ClientId;
use crate::record::History;
use std::collections::BTreeMap;

/// The sums of every client's trainings.
#[derive(Default)]
pub(super) struct Tally {
    // What has been counted.
    starts: usize,
    trained: usize,
    arrived: usize,
    efforts: BTreeMap<ClientId, Effort>,
}

/// What a client's trainings took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Effort {
    /// How many.
    pub(super) times: u32,
    /// Seconds of all.
    pub(super) seconds: f64,
    /// Samples in the last; 0 in async mode, which does not tell.
    pub(super) samples: u64,
    /// Loss in the last.
    pub(super) loss: f64,
}

impl Effort {
    /// Mean seconds.
    pub(super) fn mean(&self) -> f64 {
        self.seconds / f64::from(self.times.max(1))
    }

    fn add(&mut self, samples: u64, loss: f64, seconds: f64) {
        *self = Effort {
            times: self.times + 1,
            seconds: self.seconds + seconds,
            samples,
            loss,
        };
    }
}

impl Tally {
    /// Counts what is new; all of it when the run went on from an earlier round.
    pub(super) fn take_in(&mut self, history: &History) {
        let (trained, arrived) = (history.trained.len(), history.arrived.len());
        if self.starts != history.starts.len() || trained < self.trained || arrived < self.arrived {
            *self = Tally {
                starts: history.starts.len(),
                ..Tally::default()
            };
        }
        for Trained {
            client,
            samples,
            loss,
            seconds,
            ..
        } in &history.trained[self.trained..]
        {
            self.efforts
                .entry(*client)
                .or_default()
                .add(*samples, *loss, *seconds);
        }
        for update in &history.arrived[self.arrived..] {
            self.efforts
                .entry(update.client)
                .or_default()
                .add(0, update.loss, update.seconds);
        }
        (self.trained, self.arrived) = (trained, arrived);
    }

    /// Clients by mean seconds, the slowest first.
    pub(super) fn slowest(&self, most: usize) -> Vec<(ClientId, Effort)> {
        let mut all: Vec<(ClientId, Effort)> = self
            .efforts
            .iter()
            .map(|(client, effort)| (*client, *effort))
            .collect();
        all.sort_by(|(_, one), (_, other)| other.mean().total_cmp(&one.mean()));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Started;

    #[test]
    fn clients_are_counted_once_and_anew_when_the_run_goes_on() {
        let mut history = History {
            starts: vec![Started::default()],
            ..History::default()
        };
        let train = |client, seconds| Trained {
            client: ClientId(client),
            seconds,
            samples: 6,
            ..Trained::default()
        };
        history.trained = vec![train(1, 1.0), train(2, 4.0)];
        let mut tally = Tally::default();
        tally.take_in(&history);
        history.trained.extend([train(1, 2.0), train(3, 0.5)]);
        tally.take_in(&history);
        tally.take_in(&history);
        let slowest = tally.slowest(2);
        assert_eq!(
            slowest
                .iter()
                .map(|(client, effort)| (client.0, effort.mean()))
                .collect::<Vec<_>>(),
            [(2, 4.0), (1, 1.5)]
        );
        history.trained.truncate(2);
        history.starts.push(Started::default());
        tally.take_in(&history);
        assert_eq!(tally.slowest(9).len(), 2);
    }
}
