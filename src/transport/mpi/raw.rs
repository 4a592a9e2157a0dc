//! The MPI calls whose outcome matters once a peer may be lost: rsmpi takes every call for a
//! success.

use mpi::ffi::{self, MPI_Comm, MPI_Message, MPI_Request, MPI_Status};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::process;

/// A call that MPI could not complete: a peer is gone, or the communicator was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What a call returned.
pub fn outcome(code: i32) -> Result<(), Broken> {
    if code == ffi::MPI_SUCCESS as i32 {
        Ok(())
    } else {
        Err(Broken)
    }
}

/// Something under way. MPI uses its buffer until it has ended; until then it may be forgotten,
/// with its buffer, but not dropped.
pub struct Request(MPI_Request);

impl Request {
    /// How it ended, if it has.
    pub fn ended(&mut self) -> ControlFlow<Result<(), Broken>> {
        let mut flag = 0;
        // SAFETY: the request is live or null, and MPI nulls it when it has ended well.
        let code = unsafe { ffi::MPI_Test(&mut self.0, &mut flag, ffi::RSMPI_STATUS_IGNORE) };
        match outcome(code) {
            Err(broken) => {
                self.0 = none();
                ControlFlow::Break(Err(broken))
            }
            Ok(()) if flag != 0 => ControlFlow::Break(Ok(())),
            Ok(()) => ControlFlow::Continue(()),
        }
    }
}

impl Drop for Request {
    /// Whoever drops one that is under way frees memory that MPI still reads or writes: better no
    /// process than another one's bytes.
    fn drop(&mut self) {
        if self.0 != none() {
            log::error!("a message was given up while it was under way");
            log::logger().flush();
            process::abort();
        }
    }
}

/// No request.
fn none() -> MPI_Request {
    // SAFETY: the constant is set by MPI's own header.
    unsafe { ffi::RSMPI_REQUEST_NULL }
}

/// A call that gives a request.
pub fn start(call: impl FnOnce(*mut MPI_Request) -> i32) -> Result<Request, Broken> {
    let mut request = none();
    outcome(call(&mut request)).map(|()| Request(request))
}

/// Starts to send `bytes`.
///
/// # Safety
/// The bytes stay where they are until the request has ended.
pub unsafe fn send(comm: MPI_Comm, to: i32, tag: i32, bytes: &[u8]) -> Result<Request, Broken> {
    let (count, kind) = (bytes.len() as i32, unsafe { ffi::RSMPI_UINT8_T });
    start(|request| unsafe {
        ffi::MPI_Isend(bytes.as_ptr().cast(), count, kind, to, tag, comm, request)
    })
}

/// Starts to receive into `bytes`.
///
/// # Safety
/// As [`send`].
pub unsafe fn receive(
    comm: MPI_Comm,
    from: i32,
    tag: i32,
    bytes: &mut [u8],
) -> Result<Request, Broken> {
    let (count, kind) = (bytes.len() as i32, unsafe { ffi::RSMPI_UINT8_T });
    start(|request| unsafe {
        ffi::MPI_Irecv(bytes.as_mut_ptr().cast(), count, kind, from, tag, comm, request)
    })
}

/// Starts to sum over all ranks.
///
/// # Safety
/// As [`send`], for both slices, which are of equal length on every rank.
pub unsafe fn all_reduce(comm: MPI_Comm, mine: &[i64], sum: &mut [i64]) -> Result<Request, Broken> {
    let (count, kind, add) = unsafe { (mine.len() as i32, ffi::RSMPI_INT64_T, ffi::RSMPI_SUM) };
    let (mine, sum) = (mine.as_ptr().cast(), sum.as_mut_ptr().cast());
    start(|request| unsafe { ffi::MPI_Iallreduce(mine, sum, count, kind, add, comm, request) })
}

/// A message that has come in and waits to be received.
pub struct Waiting {
    /// Its sender.
    pub from: i32,
    /// Its length.
    pub bytes: usize,
    message: MPI_Message,
}

impl Waiting {
    /// Receives it; none when its sender was lost on the way.
    pub fn take(mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0u8; self.bytes];
        // SAFETY: the buffer has the length that was announced.
        let code = unsafe {
            let (place, kind) = (bytes.as_mut_ptr().cast(), ffi::RSMPI_UINT8_T);
            ffi::MPI_Mrecv(
                place,
                self.bytes as i32,
                kind,
                &mut self.message,
                ffi::RSMPI_STATUS_IGNORE,
            )
        };
        outcome(code).ok().map(|()| bytes)
    }
}

/// The next message of anybody under `tag`, if one is there.
pub fn look(comm: MPI_Comm, tag: i32) -> Option<Waiting> {
    let mut status = MaybeUninit::<MPI_Status>::uninit();
    // SAFETY: message and status are set when the call succeeds and the flag is up.
    unsafe {
        let (mut flag, mut message) = (0, ffi::RSMPI_MESSAGE_NULL);
        let any = ffi::RSMPI_ANY_SOURCE;
        let code = ffi::MPI_Improbe(any, tag, comm, &mut flag, &mut message, status.as_mut_ptr());
        if outcome(code).is_err() || flag == 0 {
            return None;
        }
        let status = status.assume_init();
        let mut bytes = 0;
        ffi::MPI_Get_count(&status, ffi::RSMPI_UINT8_T, &mut bytes);
        Some(Waiting {
            from: status.MPI_SOURCE,
            bytes: bytes.max(0) as usize,
            message,
        })
    }
}
