//! Going on without a rank that is lost. Sums have a communicator of their own: who learns of a
//! loss during a sum revokes it, all agree whether the sum is whole, and go on with those that are
//! left.

use super::abort;
use super::raw::{Broken, outcome};
use super::transfer::finish;
use super::ulfm::{self, Losses, Ulfm};
use crate::stop::exit;
use crate::transport::TransportError;
use mpi::ffi::{self, MPI_Comm};
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::time::Duration;

/// What it takes to go on without a rank.
pub(super) struct Survival {
    pub(super) ulfm: Ulfm,
    pub(super) losses: Losses,
    // Of all ranks that were left when the last sum ended.
    pub(super) sums: MPI_Comm,
}

impl Survival {
    /// Prepares for losses, if this MPI can survive them. Every rank must call it.
    pub(super) fn begin(world: &SimpleCommunicator) -> Option<Survival> {
        let ulfm = Ulfm::find()?;
        // SAFETY: plain calls on a live communicator; the new one inherits its error handler.
        let sums = unsafe {
            let mut sums = ffi::RSMPI_COMM_NULL;
            ffi::MPI_Comm_set_errhandler(world.as_raw(), ffi::RSMPI_ERRORS_RETURN);
            if outcome(ffi::MPI_Comm_dup(world.as_raw(), &mut sums)).is_err() {
                log::error!("a rank was lost before training began");
                log::logger().flush();
                abort(world, exit::FAILED);
            }
            sums
        };
        Some(Survival {
            ulfm,
            losses: Losses::default(),
            sums,
        })
    }

    /// Ends the sum under way when a rank is lost, so that nobody waits for it.
    pub(super) fn watch(&self) {
        if !self.ulfm.failed(self.sums).is_empty() {
            self.ulfm.revoke(self.sums);
        }
    }

    /// All that are left agree whether a sum is whole, and leave the others out of the next one.
    pub(super) fn settle(
        &mut self,
        world: &SimpleCommunicator,
        mine: Result<(), Broken>,
        patience: Option<Duration>,
    ) -> Result<(), TransportError> {
        let mut whole = i32::from(mine.is_ok());
        // SAFETY: the request ends here.
        let agreed = unsafe { self.ulfm.agree(self.sums, &mut whole) };
        let _ = agreed.and_then(|request| finish(world, request, patience, || {}));
        if whole != 0 {
            return Ok(());
        }
        self.ulfm.revoke(self.sums);
        let left = self.ulfm.shrink(self.sums);
        // SAFETY: nothing is under way on it any more, and nobody else has the handle.
        unsafe { ffi::MPI_Comm_free(&mut self.sums) };
        self.sums = left;
        Err(TransportError::Interrupted {
            lost: ulfm::missing(world.as_raw(), left),
        })
    }
}
