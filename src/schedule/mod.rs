//! Stage 4, schedule: which worker trains whom, and in what order?

mod balanced;

use crate::ids::{ClientId, Rank};

/// One client of a cohort and the samples it will train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whom to train.
    pub client: ClientId,
    /// How much there is to train on.
    pub samples: u64,
}

/// Divides a cohort among workers.
///
/// Law: every client appears exactly once, on one of the workers; depends only on the arguments.
pub trait Scheduler {
    /// For each worker, in the order given, its clients in the order of training.
    fn assign(&mut self, cohort: &[Job], workers: &[Rank]) -> Vec<(Rank, Vec<ClientId>)>;
}

pub use balanced::Balanced;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_client_is_assigned_once(sizes in prop::collection::vec(1u64..1000, 0..60), workers in 1usize..9) {
            let cohort: Vec<Job> =
                sizes.iter().enumerate().map(|(i, &samples)| Job { client: ClientId::from(i), samples }).collect();
            let ranks: Vec<Rank> = (1..=workers).map(Rank::from).collect();
            let assigned = Balanced.assign(&cohort, &ranks);
            prop_assert_eq!(assigned.iter().map(|(rank, _)| *rank).collect::<Vec<_>>(), ranks);
            let mut clients: Vec<ClientId> = assigned.into_iter().flat_map(|(_, clients)| clients).collect();
            clients.sort_unstable();
            prop_assert_eq!(clients, cohort.iter().map(|job| job.client).collect::<Vec<_>>());
        }
    }
}
