//! User-level failure mitigation: what an MPI offers beyond the standard to go on without lost
//! ranks. Looked up at run time, so that one binary serves every MPI.

use super::raw::{Broken, Request, outcome, start};
use crate::ids::Rank;
use libloading::os::unix::Library;
use mpi::ffi::{self, MPI_Comm, MPI_Group, MPI_Request};
use std::env;

type Failed = unsafe extern "C" fn(MPI_Comm, *mut MPI_Group) -> i32;
type Acknowledge = unsafe extern "C" fn(MPI_Comm, i32, *mut i32) -> i32;
type Revoke = unsafe extern "C" fn(MPI_Comm) -> i32;
type Shrink = unsafe extern "C" fn(MPI_Comm, *mut MPI_Comm) -> i32;
type Agree = unsafe extern "C" fn(MPI_Comm, *mut i32, *mut MPI_Request) -> i32;

/// The operations of an MPI that was started to survive.
#[derive(Clone, Copy)]
pub struct Ulfm {
    failed: Failed,
    acknowledge: Acknowledge,
    revoke: Revoke,
    shrink: Shrink,
    agree: Agree,
}

impl Ulfm {
    /// None unless the job was started by `mpirun --with-ft ulfm` of an Open MPI that has it.
    pub fn find() -> Option<Ulfm> {
        let wanted = env::var("OMPI_MCA_mpi_ft_enable").ok()?;
        if ["0", "false"].contains(&wanted.as_str()) {
            return None;
        }
        let library = Library::this();
        // SAFETY: these are the signatures of the ULFM specification.
        unsafe {
            Some(Ulfm {
                failed: *library.get::<Failed>(b"MPIX_Comm_get_failed").ok()?,
                acknowledge: *library.get::<Acknowledge>(b"MPIX_Comm_ack_failed").ok()?,
                revoke: *library.get::<Revoke>(b"MPIX_Comm_revoke").ok()?,
                shrink: *library.get::<Shrink>(b"MPIX_Comm_shrink").ok()?,
                agree: *library.get::<Agree>(b"MPIX_Comm_iagree").ok()?,
            })
        }
    }

    /// The ranks of `comm` that are known to be lost, by their rank in it.
    pub fn failed(&self, comm: MPI_Comm) -> Vec<i32> {
        // SAFETY: both groups are made here and freed here.
        unsafe {
            let (mut failed, mut all, mut count) =
                (ffi::RSMPI_GROUP_NULL, ffi::RSMPI_GROUP_NULL, 0);
            if outcome((self.failed)(comm, &mut failed)).is_err() {
                return Vec::new();
            }
            ffi::MPI_Group_size(failed, &mut count);
            let mut ranks = vec![0; count as usize];
            if count > 0 {
                let places: Vec<i32> = (0..count).collect();
                ffi::MPI_Comm_group(comm, &mut all);
                ffi::MPI_Group_translate_ranks(
                    failed,
                    count,
                    places.as_ptr(),
                    all,
                    ranks.as_mut_ptr(),
                );
                ffi::MPI_Group_free(&mut all);
            }
            ffi::MPI_Group_free(&mut failed);
            ranks
        }
    }

    /// Takes note of all losses, so that messages of anybody are received again.
    pub fn acknowledge(&self, comm: MPI_Comm) {
        let mut count = 0;
        // SAFETY: a plain call.
        unsafe { (self.acknowledge)(comm, i32::MAX, &mut count) };
    }

    /// Ends whatever is under way on `comm`, on every rank.
    pub fn revoke(&self, comm: MPI_Comm) {
        // SAFETY: a plain call.
        unsafe { (self.revoke)(comm) };
    }

    /// Starts to find out whether `flag` is up on every rank that is left: then it still is when
    /// the request has ended, on all. That it ends with an error tells of losses, which are
    /// seen elsewhere.
    ///
    /// # Safety
    /// The flag stays where it is until the request has ended.
    pub unsafe fn agree(&self, comm: MPI_Comm, flag: &mut i32) -> Result<Request, Broken> {
        start(|request| unsafe { (self.agree)(comm, flag, request) })
    }

    /// A communicator of those that are left.
    pub fn shrink(&self, comm: MPI_Comm) -> MPI_Comm {
        // SAFETY: the handle is set by the call.
        unsafe {
            let mut left = ffi::RSMPI_COMM_NULL;
            (self.shrink)(comm, &mut left);
            left
        }
    }
}

/// The ranks of `all` that are not in `left`.
pub fn missing(all: MPI_Comm, left: MPI_Comm) -> Vec<Rank> {
    // SAFETY: both groups are made here and freed here.
    unsafe {
        let (mut whole, mut part, mut size) = (ffi::RSMPI_GROUP_NULL, ffi::RSMPI_GROUP_NULL, 0);
        ffi::MPI_Comm_size(all, &mut size);
        ffi::MPI_Comm_group(all, &mut whole);
        ffi::MPI_Comm_group(left, &mut part);
        let ranks: Vec<i32> = (0..size).collect();
        let mut places = vec![0; ranks.len()];
        ffi::MPI_Group_translate_ranks(whole, size, ranks.as_ptr(), part, places.as_mut_ptr());
        ffi::MPI_Group_free(&mut whole);
        ffi::MPI_Group_free(&mut part);
        let gone = |rank: &i32| places[*rank as usize] == ffi::RSMPI_UNDEFINED;
        ranks
            .into_iter()
            .filter(gone)
            .map(|rank| Rank::from(rank as usize))
            .collect()
    }
}

/// Ranks that were lost, each told once.
#[derive(Default)]
pub struct Losses {
    known: Vec<Rank>,
    told: usize,
}

impl Losses {
    /// Takes in what MPI knows now.
    pub fn look(&mut self, ulfm: &Ulfm, comm: MPI_Comm) {
        let failed = ulfm.failed(comm);
        if failed.len() > self.known.len() {
            ulfm.acknowledge(comm);
            let new = failed.into_iter().map(|rank| Rank::from(rank as usize));
            let new: Vec<Rank> = new.filter(|rank| !self.known.contains(rank)).collect();
            self.known.extend(new);
        }
    }

    /// Whether a rank is lost.
    pub fn has(&self, rank: Rank) -> bool {
        self.known.contains(&rank)
    }

    /// The next one that was not told yet.
    pub fn tell(&mut self) -> Option<Rank> {
        let next = self.known.get(self.told).copied();
        self.told += usize::from(next.is_some());
        next
    }
}
