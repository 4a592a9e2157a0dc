//! Who owns how much of what, counted.

use super::Plan;
use crate::ids::ClientId;
use crate::partition::Mix;

impl Plan {
    /// Samples of each client and of each class; classes are counted where samples are held here
    /// and have them.
    pub fn mix(&self) -> Mix {
        Mix {
            samples: self
                .partition
                .ids()
                .map(|client| self.samples(client))
                .collect(),
            classes: self
                .partition
                .ids()
                .map(|client| self.class_counts(client))
                .collect(),
        }
    }

    /// How many samples of each class a client has; nothing where samples have none, or are not
    /// held.
    fn class_counts(&self, client: ClientId) -> Vec<u64> {
        let Some(labels) = self.dataset.train.classes() else { return Vec::new() };
        let mut counts = vec![0; self.dataset.facts.task.outputs()];
        for &sample in self.partition.of(client).iter() {
            counts[labels[sample as usize] as usize] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_sample_is_of_a_client_and_a_class() {
        let config = Config {
            client_num_in_total: 7,
            client_num_per_round: 1,
            ..Config::default()
        };
        let plan = Plan::resolve(config).expect("sound");
        let mix = plan.mix();
        assert_eq!(mix.samples.len(), 7);
        for (samples, counts) in mix.samples.iter().zip(&mix.classes) {
            assert_eq!(*samples, counts.iter().sum::<u64>());
        }
    }
}
