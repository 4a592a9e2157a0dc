//! Ranks as MPI processes. Only the thread that made [`Mpi`] may use it.

mod patience;
mod raw;
mod survival;
mod transfer;
mod ulfm;
mod wire;

use super::World;
use crate::ids::Rank;
use crate::stop::{self, exit};
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::mem::ManuallyDrop;
use ulfm::Ulfm;

pub use wire::Wire;

/// The MPI library, as it says itself; needs no initialisation.
pub fn library_version() -> String {
    let text = mpi::environment::library_version().unwrap_or_default();
    text.split(['\0', '\n'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// MPI, from initialisation to finalisation.
pub struct Mpi {
    world: SimpleCommunicator,
    universe: ManuallyDrop<Universe>,
}

impl Mpi {
    /// Initialises MPI; `None` when that was done before in this process.
    pub fn start() -> Option<Mpi> {
        let universe = mpi::initialize()?;
        Some(Mpi {
            world: universe.world(),
            universe: ManuallyDrop::new(universe),
        })
    }

    /// Ranks in the job.
    pub fn size(&self) -> usize {
        self.world.size() as usize
    }

    /// Ends every rank of the job at once.
    pub fn abort(&self, code: u8) -> ! {
        abort(&self.world, code)
    }

    /// Whether the job goes on without ranks that it loses.
    pub fn survives(&self) -> bool {
        Ulfm::find().is_some()
    }

    /// Whether this rank is the lowest that is left of a job that survives losses.
    pub fn is_lowest_left(&self) -> bool {
        Ulfm::find().is_some_and(|ulfm| {
            let failed = ulfm.failed(self.world.as_raw());
            (0..self.world.rank()).all(|rank| failed.contains(&rank))
        })
    }

    /// Does a rank's whole work. When it fails or panics, says why and ends the job on every rank,
    /// so that none waits for ever.
    pub fn run<E: std::fmt::Display>(&self, work: impl FnOnce(&Mpi) -> Result<(), E>) {
        let fault = match stop::catch(|| work(self)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic,
        };
        log::error!("{fault}");
        log::logger().flush();
        self.abort(exit::FAILED)
    }

    /// Waits for all ranks.
    pub fn barrier(&self) {
        self.world.barrier();
    }

    /// A round's traffic as bare sends and receives, to measure against: `weights` to every worker,
    /// `units` back from each.
    pub fn bare_exchange(&self, weights: &mut [f32], units: &mut [i64]) {
        let peers =
            |ranks: std::ops::Range<i32>| ranks.map(|rank| self.world.process_at_rank(rank));
        match self.world.rank() {
            0 => {
                peers(1..self.world.size()).for_each(|peer| peer.send(weights));
                peers(1..self.world.size()).for_each(|peer| _ = peer.receive_into(units));
            }
            _ => {
                peers(0..1).for_each(|peer| _ = peer.receive_into(weights));
                peers(0..1).for_each(|peer| peer.send(units));
            }
        }
    }

    /// Every rank sends as many bytes to every other as it gets from it.
    pub fn bare_all_to_all(&self, mine: &[u8], theirs: &mut [u8]) {
        self.world.all_to_all_into(mine, theirs);
    }

    /// There and back between the server and one other rank; the rest have nothing to do.
    pub fn bare_echo(&self, rank: Rank, bytes: &mut [u8]) {
        let (server, other) =
            (self.world.process_at_rank(0), self.world.process_at_rank(rank.0 as mpi::Rank));
        if self.rank() == Rank::SERVER {
            other.send(bytes);
            other.receive_into(bytes);
        } else if self.rank() == rank {
            server.receive_into(bytes);
            server.send(bytes);
        }
    }

    /// A round's collective sum as a bare operation.
    pub fn bare_all_reduce(&self, mine: &[i64], sum: &mut [i64]) {
        self.world
            .all_reduce_into(mine, sum, SystemOperation::sum());
    }

    /// The transport between the ranks. Every rank must ask for it.
    pub fn transport(&self) -> Wire<'_> {
        Wire::new(&self.world)
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        // With ULFM the end of MPI waits for lost ranks at times, and ranks may leave without it.
        if Ulfm::find().is_none() {
            // SAFETY: this is the only place, and it is reached once.
            unsafe { ManuallyDrop::drop(&mut self.universe) };
        }
    }
}

/// Ends the job. With ULFM an abort would end nobody; the others see that this rank is gone. Alone
/// there is nobody else.
fn abort(world: &SimpleCommunicator, code: u8) -> ! {
    if world.size() == 1 || Ulfm::find().is_some() {
        // SAFETY: nothing of this process is asked to run on, which is the point: threads may train
        // yet, and in the middle of what an orderly end takes from under them.
        unsafe { libc::_exit(code.into()) }
    }
    world.abort(code.into())
}

impl World for Mpi {
    fn rank(&self) -> Rank {
        Rank::from(self.world.rank() as usize)
    }

    fn tell(&self, text: &str) -> Vec<String> {
        let (mine, mut most) = (text.len() as u64, 0u64);
        self.world
            .all_reduce_into(&mine, &mut most, SystemOperation::max());
        let most = (most as usize).max(1);
        let mut mine = text.as_bytes().to_vec();
        mine.resize(most, b' ');
        let mut all = vec![0u8; most * self.size()];
        self.world.all_gather_into(&mine[..], &mut all[..]);
        all.chunks(most)
            .map(|told| String::from_utf8_lossy(told).trim_end().to_owned())
            .collect()
    }

    fn first_failure(&self, failed: bool) -> Option<Rank> {
        let mine = if failed { self.world.rank() } else { i32::MAX };
        let mut lowest = i32::MAX;
        self.world
            .all_reduce_into(&mine, &mut lowest, SystemOperation::min());
        (lowest != i32::MAX).then(|| Rank::from(lowest as usize))
    }
}
