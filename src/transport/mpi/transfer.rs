//! Numbers on their way: announced lengths are checked against memory, vectors travel in chunks
//! below MPI's count limit, and what takes too long ends the job.

use super::abort;
use super::raw::{self, Broken, Request};
use crate::ids::Rank;
use crate::shelf::Shelf;
use crate::stop::exit;
use crate::transport::TransportError;
use bytemuck::Pod;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) const NUMBERS: i32 = 2;

/// Bytes per message; MPI counts are C ints.
pub(super) const CHUNK: usize = 1 << 30;

/// Checks an announced number of values against what memory can hold.
fn length<T>(from: Rank, count: u64) -> Result<usize, TransportError> {
    let too_large = TransportError::TooLarge { from, count };
    let Ok(length) = usize::try_from(count) else { return Err(too_large) };
    match Vec::<T>::new().try_reserve_exact(length) {
        Ok(()) => Ok(length),
        Err(_) => Err(too_large),
    }
}

/// Receives a vector of so many numbers; none when its sender is lost.
pub(super) fn numbers<T: Pod + Default>(
    world: &SimpleCommunicator,
    from: Rank,
    count: u64,
    shelf: &mut Shelf<T>,
    patience: Option<Duration>,
) -> Result<Option<Arc<Vec<T>>>, TransportError> {
    let mut whole = Ok(());
    let all = shelf.filled(length::<T>(from, count)?, |all| {
        whole = receive(world, from, NUMBERS, all, patience)
    });
    Ok(whole.ok().map(|()| all))
}

/// Receives numbers of which the length is known.
pub(super) fn receive<T: Pod>(
    world: &SimpleCommunicator,
    from: Rank,
    tag: i32,
    numbers: &mut [T],
    patience: Option<Duration>,
) -> Result<(), Broken> {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(numbers);
    bytes.chunks_mut(CHUNK).try_for_each(|chunk| {
        // SAFETY: the request ends here.
        let request = unsafe { raw::receive(world.as_raw(), from.0 as i32, tag, chunk) }?;
        finish(world, request, patience, || {})
    })
}

/// Waits for what is on its way, or being summed. The peers are at it, so nobody else wants the
/// core. When that takes too long the job ends here: what MPI may still write to cannot be left.
pub(super) fn finish(
    world: &SimpleCommunicator,
    mut request: Request,
    patience: Option<Duration>,
    mut watch: impl FnMut(),
) -> Result<(), Broken> {
    let began = Instant::now();
    loop {
        if let ControlFlow::Break(ended) = request.ended() {
            return ended;
        }
        if let Some(most) = patience
            && began.elapsed() > most
        {
            log::error!(
                "a transfer did not end in {most:?}: some rank hangs (hint: look at the hosts)"
            );
            log::logger().flush();
            abort(world, exit::FAILED);
        }
        watch();
        thread::yield_now();
    }
}
