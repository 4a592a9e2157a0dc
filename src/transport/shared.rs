//! Sums of ranks that are threads of one process.

use crate::ids::ClientId;
use crate::weights::{Accumulator, ExactSum, Piece, SumError, Units};
use std::sync::{Arc, Mutex, MutexGuard};

/// A sum that all ranks of a process add to, each client's change as a whole.
#[derive(Clone, Debug)]
pub struct SharedSum(Arc<Mutex<ExactSum>>);

impl SharedSum {
    /// Empty sums over vectors of so many values each.
    pub fn of(lengths: &[usize]) -> Vec<SharedSum> {
        let empty = |&length: &usize| ExactSum::new(length, 1);
        let sums = lengths.iter().map(empty);
        sums.map(|sum| SharedSum(Arc::new(Mutex::new(sum))))
            .collect()
    }

    /// The sum itself, while nobody else adds to it.
    ///
    /// # Panics
    /// When another thread has, while it added: nobody knows what the sum is then.
    pub fn lock(&self) -> MutexGuard<'_, ExactSum> {
        self.0.lock().expect("all changes were added as a whole")
    }
}

impl Accumulator for SharedSum {
    fn add_pieces(&mut self, client: ClientId, pieces: &[Piece<'_>]) -> Result<(), SumError> {
        self.lock().add_pieces(client, pieces)
    }

    fn merge(&mut self, part: &Units) {
        self.lock().merge(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn threads_add_up_to_what_one_would() {
        let global = [0.5f32, -2.0, 1e-8];
        let update = |client: u32| [0.1f32, -3.0, 7.5].map(|value| value * (client + 1) as f32);
        let mut alone = ExactSum::new(3, 1);
        let shared = SharedSum::of(&[3]).remove(0);
        for client in 0..40 {
            alone
                .add_share(ClientId(client), 1e9, &global, &update(client))
                .expect("finite");
        }
        thread::scope(|scope| {
            for first in 0..4 {
                let mut shared = shared.clone();
                scope.spawn(move || {
                    for client in (first..40).step_by(4) {
                        shared
                            .add_share(ClientId(client), 1e9, &global, &update(client))
                            .expect("finite");
                    }
                    // What cannot be added leaves no trace.
                    let broken = [1.0, f32::NAN, 1.0];
                    let refused = shared.add_share(ClientId(first), 1e9, &global, &broken);
                    assert!(matches!(refused, Err(SumError::NotFinite { position: 1, .. })));
                });
            }
        });
        assert_eq!(shared.lock().units(), alone.units());
    }
}
