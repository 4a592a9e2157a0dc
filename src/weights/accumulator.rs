//! Where clients' changes are added up.

use super::{Piece, SumError, Units};
use crate::ids::ClientId;

/// Adds up what clients change.
///
/// Law: whatever the order, what is added comes to the same bits.
pub trait Accumulator {
    /// Adds all pieces of a client, or nothing.
    ///
    /// # Errors
    /// Values that are not finite, out of range, or of another length; the sum is then as it was.
    fn add_pieces(&mut self, client: ClientId, pieces: &[Piece<'_>]) -> Result<(), SumError>;

    /// Adds another part of the same cohort.
    fn merge(&mut self, part: &Units);

    /// Adds one client's change with a weight in fixed-point units; see [`ExactSum`](super::ExactSum).
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
