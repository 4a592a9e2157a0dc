//! The calls to NCCL and to CUDA's driver. Both libraries are opened at run time. A communicator
//! never blocks inside NCCL: it is asked how far it is, so that a peer that has gone silent is
//! noticed.

use super::Fault;
use crate::weights::Held;
use cudarc::driver::{result as cuda, sys as driver};
use cudarc::nccl::sys::{
    ncclComm_t, ncclConfig_t, ncclDataType_t, ncclRedOp_t, ncclResult_t, ncclUniqueId,
};
use libloading::os::unix::Library;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// The name that NVIDIA's packages and libtorch's wheels give it. cudarc 0.19 does not look for it,
/// which is why its loader is not used.
const NAME: &str = "libnccl.so.2";

/// How long GPUs may take to find each other.
const JOIN: Duration = Duration::from_secs(60);

// Codes stay plain integers: a newer library may return one that no enum here knows.
const SUCCESS: c_int = ncclResult_t::ncclSuccess as c_int;
const IN_PROGRESS: c_int = ncclResult_t::ncclInProgress as c_int;

type GetVersion = unsafe extern "C" fn(*mut c_int) -> c_int;
type GetUniqueId = unsafe extern "C" fn(*mut ncclUniqueId) -> c_int;
type GetLastError = unsafe extern "C" fn(ncclComm_t) -> *const c_char;
type Init =
    unsafe extern "C" fn(*mut ncclComm_t, c_int, ncclUniqueId, c_int, *mut ncclConfig_t) -> c_int;
type GetAsyncError = unsafe extern "C" fn(ncclComm_t, *mut c_int) -> c_int;
type AllReduce = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    usize,
    c_uint,
    c_uint,
    ncclComm_t,
    *mut c_void,
) -> c_int;

/// What names a communicator that is about to be joined.
pub type Id = [c_char; 128];

/// NCCL's functions.
#[derive(Clone, Copy)]
pub struct Nccl {
    version: GetVersion,
    unique_id: GetUniqueId,
    last_error: GetLastError,
    init: Init,
    state: GetAsyncError,
    all_reduce: AllReduce,
}

impl Nccl {
    /// Opens the library, once; it stays open, since it keeps threads.
    pub fn open() -> Result<Nccl, Fault> {
        static OPENED: OnceLock<Result<(Nccl, Library), Fault>> = OnceLock::new();
        // SAFETY: NVIDIA's library under its versioned name, with the signatures of its header.
        let opened = OPENED.get_or_init(|| unsafe {
            let opened = Library::new(NAME).and_then(|library| Ok((Nccl::of(&library)?, library)));
            let (nccl, library) = opened.map_err(|error| Fault(error.to_string()))?;
            // cudarc panics without the driver.
            if !driver::is_culib_present() {
                return Err(Fault("CUDA's driver library cannot be opened".to_owned()));
            }
            Ok((nccl, library))
        });
        opened.as_ref().map(|(nccl, _)| *nccl).map_err(Fault::clone)
    }

    unsafe fn of(library: &Library) -> Result<Nccl, libloading::Error> {
        unsafe {
            Ok(Nccl {
                version: *library.get(b"ncclGetVersion\0")?,
                unique_id: *library.get(b"ncclGetUniqueId\0")?,
                last_error: *library.get(b"ncclGetLastError\0")?,
                init: *library.get(b"ncclCommInitRankConfig\0")?,
                state: *library.get(b"ncclCommGetAsyncError\0")?,
                all_reduce: *library.get(b"ncclAllReduce\0")?,
            })
        }
    }

    /// Its version, as `2.28.9`.
    pub fn version(&self) -> String {
        let mut version = 0;
        // SAFETY: a plain call.
        unsafe { (self.version)(&mut version) };
        format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
    }

    /// Names a new communicator; its first rank does.
    pub fn unique_id(&self) -> Result<Id, Fault> {
        let mut id = ncclUniqueId { internal: [0; 128] };
        // SAFETY: the call fills the id.
        let code = unsafe { (self.unique_id)(&mut id) };
        if code == SUCCESS {
            Ok(id.internal)
        } else {
            Err(self.fault("ncclGetUniqueId", code))
        }
    }

    fn fault(&self, call: &str, code: c_int) -> Fault {
        // SAFETY: a string that lives until the next fault, or null.
        let text = unsafe {
            let text = (self.last_error)(null_mut());
            if text.is_null() {
                String::new()
            } else {
                CStr::from_ptr(text).to_string_lossy().trim().to_owned()
            }
        };
        Fault(format!("{call} returned {code}{}{text}", if text.is_empty() { "" } else { ": " }))
    }
}

/// A GPU that this thread computes on.
pub struct Gpu {
    context: driver::CUcontext,
    /// What no other GPU is called, on any host.
    pub name: String,
}

impl Gpu {
    /// The GPU of this number on this host, made current.
    pub fn prepare(ordinal: usize) -> Result<Gpu, Fault> {
        cuda::init()?;
        let device = cuda::device::get(ordinal as c_int)?;
        // SAFETY: the device's own context, which libtorch uses too and which lives as long as the
        // process.
        let context = unsafe {
            let context = cuda::primary_ctx::retain(device)?;
            cuda::ctx::set_current(context)?;
            context
        };
        let name = cuda::device::get_uuid(device)?
            .bytes
            .iter()
            .map(|byte| format!("{:02x}", *byte as u8))
            .collect();
        Ok(Gpu { context, name })
    }
}

/// GPUs that sum together, as seen by one of them. Used by the thread that made it. At an orderly
/// end it is left to the process's own: a peer may still be reading the last sum from here. So it
/// is after a fault, which ends the job.
pub struct Communicator {
    nccl: Nccl,
    raw: ncclComm_t,
    gpu: Gpu,
    limit: Duration,
}

impl Communicator {
    /// Becomes number `place` of `count`, on this GPU. All must join, within [`JOIN`]; later a sum
    /// may take as long as `limit`.
    pub fn join(
        nccl: Nccl,
        gpu: Gpu,
        id: Id,
        place: usize,
        count: usize,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let mut joined = Communicator {
            nccl,
            raw: null_mut(),
            gpu,
            limit: JOIN,
        };
        let (id, mut config) = (ncclUniqueId { internal: id }, settings());
        // SAFETY: the handle is set by the call.
        let code = unsafe {
            (nccl.init)(&mut joined.raw, count as c_int, id, place as c_int, &mut config)
        };
        joined.settle("ncclCommInitRankConfig", code)?;
        Ok(Communicator { limit, ..joined })
    }

    /// Sums what all hold on their GPUs, in place, and copies the sum to `sum`.
    pub fn all_reduce(&mut self, held: Held, sum: &mut [i64]) -> Result<(), Fault> {
        const CALL: &str = "ncclAllReduce";
        // libtorch computes on the device's default stream, so what it has begun comes first.
        let (here, default) = (held.address as *mut c_void, null_mut());
        let (kind, add) = (ncclDataType_t::ncclInt64 as c_uint, ncclRedOp_t::ncclSum as c_uint);
        // SAFETY: the holder keeps its memory until this returns.
        let code = unsafe {
            cuda::ctx::set_current(self.gpu.context)?;
            (self.nccl.all_reduce)(here, here, held.length, kind, add, self.raw, default)
        };
        self.settle(CALL, code)?;
        self.wait(CALL, || {
            // SAFETY: a plain call on the default stream.
            match unsafe { driver::cuStreamQuery(null_mut()) } {
                driver::CUresult::CUDA_ERROR_NOT_READY => Ok(false),
                code => Ok(code.result().map(|()| true)?),
            }
        })?;
        // SAFETY: both are as long as the holder says.
        Ok(unsafe { cuda::memcpy_dtoh_sync(&mut sum[..held.length], held.address) }?)
    }

    /// Until a call that may have returned early has done its work on the host.
    fn settle(&self, call: &str, code: c_int) -> Result<(), Fault> {
        match code {
            SUCCESS => Ok(()),
            IN_PROGRESS => self.wait(call, || Ok(self.state(call)? == SUCCESS)),
            code => Err(self.nccl.fault(call, code)),
        }
    }

    fn wait(&self, call: &str, ended: impl Fn() -> Result<bool, Fault>) -> Result<(), Fault> {
        let began = Instant::now();
        while !ended()? {
            self.state(call)?;
            if began.elapsed() > self.limit {
                return Err(Fault(format!(
                    "{call} did not end in {:?}: some rank hangs",
                    self.limit
                )));
            }
            thread::yield_now();
        }
        Ok(())
    }

    /// How the communicator is.
    fn state(&self, call: &str) -> Result<c_int, Fault> {
        let mut state = SUCCESS;
        // SAFETY: the handle is live.
        let code = unsafe { (self.nccl.state)(self.raw, &mut state) };
        match (code, state) {
            (SUCCESS, SUCCESS | IN_PROGRESS) => Ok(state),
            (SUCCESS, fault) | (fault, _) => Err(self.nccl.fault(call, fault)),
        }
    }
}

/// Calls return at once; all else as NCCL likes it.
fn settings() -> ncclConfig_t {
    // The header's initialiser.
    const UNSET: c_int = c_int::MIN;
    ncclConfig_t {
        size: size_of::<ncclConfig_t>(),
        magic: 0xcafe_beef,
        version: 22_809,
        blocking: 0,
        cgaClusterSize: UNSET,
        minCTAs: UNSET,
        maxCTAs: UNSET,
        netName: null(),
        splitShare: UNSET,
        trafficClass: UNSET,
        commName: null(),
        collnetEnable: UNSET,
        CTAPolicy: UNSET,
        shrinkShare: UNSET,
        nvlsCTAs: UNSET,
        nChannelsPerNetPeer: UNSET,
        nvlinkCentricSched: UNSET,
    }
}

impl From<cuda::DriverError> for Fault {
    fn from(error: cuda::DriverError) -> Fault {
        Fault(format!("CUDA's driver: {error}"))
    }
}
