//! Where clients' changes are added up: a sum of one's own, or one that other threads add to as
//! well.

use super::{ExactSum, Piece, SumError};
use crate::ids::ClientId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Adds up what clients change.
pub trait Accumulator {
    /// Adds all pieces of a client, or nothing.
    ///
    /// # Errors
    /// Values that are not finite, out of range, or of another length; the sum is then as it was.
    fn add_pieces(&mut self, client: ClientId, pieces: &[Piece<'_>]) -> Result<(), SumError>;

    /// Adds one client's change with a weight in fixed-point units; see [`ExactSum::share`].
    ///
    /// # Errors
    /// As [`Accumulator::add_pieces`].
    fn add_share(
        &mut self,
        client: ClientId,
        share: f64,
        global: &[f32],
        update: &[f32],
    ) -> Result<(), SumError> {
        let piece = Piece {
            share,
            start: 0,
            new: update,
            old: Some(global),
        };
        self.add_pieces(client, &[piece])
    }
}

/// A sum that all threads of a process add to, each client's change as a whole. Integers commute,
/// so it does not matter who comes first.
#[derive(Clone, Debug)]
pub struct SharedSum(Arc<Mutex<ExactSum>>);

impl SharedSum {
    /// An empty sum over vectors of `length` values.
    pub fn new(length: usize) -> SharedSum {
        SharedSum(Arc::new(Mutex::new(ExactSum::new(length, 1))))
    }

    /// The sum itself, while nobody else adds to it.
    pub fn lock(&self) -> MutexGuard<'_, ExactSum> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accumulator for SharedSum {
    fn add_pieces(&mut self, client: ClientId, pieces: &[Piece<'_>]) -> Result<(), SumError> {
        self.lock().add_pieces(client, pieces)
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
        let shared = SharedSum::new(3);
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
