//! CUDA graphs: work on a GPU that is recorded once and from then on launched as a whole. A step of
//! a small model is some fifty kernels of a few microseconds, and to launch them one by one takes
//! the CPU longer than they run.
//!
//! The recorder is libtorch's own, since only that tells libtorch's allocator to keep what the work
//! uses apart. It is looked up by name on a host with a GPU, like the runtime of CUDA: a libtorch
//! that names it otherwise computes without graphs.

use crate::stop::catch;
use libloading::os::unix::Library;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;

/// CUDA's `cudaStream_t`; null is the stream that libtorch computes on unless told otherwise.
type Stream = *mut c_void;

/// libtorch's `c10::cuda::CUDAStream`: kind and number of its device, and which of its streams.
#[repr(C)]
#[derive(Clone, Copy)]
struct Named {
    device: [i8; 2],
    stream: i64,
}

/// libtorch's `c10::MempoolId_t`: memory that graphs have to themselves.
#[repr(C)]
#[derive(Clone, Copy)]
struct Pool(u64, u64);

/// Room for libtorch's `at::cuda::CUDAGraph`, of which that takes a quarter.
type Room = [u128; 64];

/// `cudaStreamNonBlocking`, `cudaStreamCaptureModeRelaxed` and `cudaStreamCaptureStatusActive`.
const NON_BLOCKING: c_uint = 1;
const RELAXED: c_int = 2;
const ACTIVE: c_int = 1;

macro_rules! calls {
    ($($name:ident: fn($($kind:ty),*) $(-> $result:ty)? = $symbol:literal;)*) => {
        /// What is called of CUDA's runtime and of libtorch 2.11.
        #[derive(Clone, Copy)]
        struct Calls {
            $($name: unsafe extern "C" fn($($kind),*) $(-> $result)?,)*
        }

        impl Calls {
            /// Looks all of them up in what this process has opened.
            fn find() -> Result<Calls, String> {
                let library = Library::this();
                // SAFETY: functions under their compilers' names, with the signatures of their
                // headers.
                unsafe {
                    Ok(Calls {
                        $($name: *library.get($symbol.as_bytes()).map_err(|error| error.to_string())?,)*
                    })
                }
            }
        }
    };
}

calls! {
    set_device: fn(c_int) -> c_int = "cudaSetDevice";
    synchronize: fn() -> c_int = "cudaDeviceSynchronize";
    create_stream: fn(*mut Stream, c_uint) -> c_int = "cudaStreamCreateWithFlags";
    status: fn(Stream, *mut c_int) -> c_int = "cudaStreamIsCapturing";
    abandon: fn(Stream, *mut *mut c_void) -> c_int = "cudaStreamEndCapture";
    launch: fn(*mut c_void, Stream) -> c_int = "cudaGraphLaunch";
    text: fn(c_int) -> *const c_char = "cudaGetErrorString";
    forget: fn() -> c_int = "cudaGetLastError";
    name: fn(Stream, i8) -> Named = "_ZN3c104cuda21getStreamFromExternalEP11CUstream_sta";
    current: fn(i8) -> Named = "_ZN3c104cuda20getCurrentCUDAStreamEa";
    use_stream: fn(Named) = "_ZN3c104cuda20setCurrentCUDAStreamENS0_10CUDAStreamE";
    new_pool: fn() -> Pool = "_ZN2at4cuda17graph_pool_handleEv";
    make: fn(*mut Room, bool) = "_ZN2at4cuda9CUDAGraphC1Eb";
    begin: fn(*mut Room, Pool, c_int)
        = "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode";
    end: fn(*mut Room) = "_ZN2at4cuda9CUDAGraph11capture_endEv";
    executable: fn(*mut Room) -> *mut c_void = "_ZN2at4cuda9CUDAGraph19raw_cuda_graph_execEv";
    unmake: fn(*mut Room) = "_ZN2at4cuda9CUDAGraphD1Ev";
}

impl Calls {
    /// What a code of CUDA's runtime says. The runtime forgets it: libtorch would take it for the
    /// outcome of its next launch.
    fn check(&self, code: c_int) -> Result<(), String> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: a plain call, and a constant of CUDA's runtime.
        let text = unsafe {
            (self.forget)();
            CStr::from_ptr((self.text)(code))
        };
        Err(text.to_string_lossy().into_owned())
    }
}

/// Where graphs of one GPU are recorded: a stream beside the one that all else goes through.
pub struct Studio {
    calls: Calls,
    device: c_int,
    stream: Stream,
    pool: Pool,
}

impl Studio {
    /// A studio on a GPU.
    ///
    /// # Errors
    /// What is missing, or what CUDA's runtime says.
    pub fn new(device: usize) -> Result<Studio, String> {
        let calls = Calls::find()?;
        let device = device as c_int;
        let mut stream = null_mut();
        // SAFETY: plain calls; the stream stays as long as the process.
        unsafe {
            calls.check((calls.set_device)(device))?;
            calls.check((calls.create_stream)(&mut stream, NON_BLOCKING))?;
            let pool = (calls.new_pool)();
            Ok(Studio {
                calls,
                device,
                stream,
                pool,
            })
        }
    }

    /// Does work on the studio's stream, after all that was asked of the GPU so far, and waits for
    /// it. Whoever records it later must have done so: libraries settle at first how they work.
    ///
    /// # Errors
    /// What CUDA's runtime says.
    pub fn rehearse<T>(&self, work: impl FnOnce() -> T) -> Result<T, String> {
        self.wait()?;
        let done = self.aside(work);
        self.wait()?;
        Ok(done)
    }

    /// Records work, without doing it. What it gives lies where each launch of the graph leaves its
    /// results.
    ///
    /// # Errors
    /// Why it cannot be recorded.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> Result<(Graph, T), String> {
        self.wait()?;
        let calls = self.calls;
        let mut recorder: Box<Room> = Box::new([0; 64]);
        let place: *mut Room = &mut *recorder;
        self.aside(|| {
            let mut status = 0;
            // SAFETY: the recorder is made where there is room for it and does not move.
            unsafe {
                (calls.make)(place, false);
                (calls.begin)(place, self.pool, RELAXED);
            }
            let given = catch(work);
            // SAFETY: the stream that is being recorded. Of a recording that something has spoiled
            // libtorch would throw, which nobody here can catch: so that is ended without it, and
            // the recorder left as it is.
            unsafe {
                let code = (calls.status)(self.stream, &mut status);
                if given.is_err() || code != 0 || status != ACTIVE {
                    (calls.abandon)(self.stream, &mut null_mut());
                    (calls.forget)();
                    Box::leak(recorder);
                    given?;
                    calls.check(code)?;
                    return Err("the GPU cannot record it".to_owned());
                }
                (calls.end)(place);
            }
            let graph = Graph {
                calls,
                device: self.device,
                recorder,
            };
            given.map(|given| (graph, given))
        })
    }

    /// Waits for all that was asked of the GPU.
    fn wait(&self) -> Result<(), String> {
        // SAFETY: plain calls.
        unsafe {
            self.calls.check((self.calls.set_device)(self.device))?;
            self.calls.check((self.calls.synchronize)())
        }
    }

    /// Lets this thread ask for work on the studio's stream.
    fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Gives the thread its stream back, after a panic too.
        struct Back(Calls, Named);
        impl Drop for Back {
            fn drop(&mut self) {
                // SAFETY: the stream that the thread had.
                unsafe { (self.0.use_stream)(self.1) }
            }
        }
        // SAFETY: streams of the device, which live as long as the process.
        let _back = unsafe {
            let before = (self.calls.current)(self.device as i8);
            (self.calls.use_stream)((self.calls.name)(self.stream, self.device as i8));
            Back(self.calls, before)
        };
        work()
    }
}

/// Recorded work.
pub struct Graph {
    calls: Calls,
    device: c_int,
    recorder: Box<Room>,
}

impl Graph {
    /// Has the work done after all that was asked of the GPU so far.
    ///
    /// # Errors
    /// What CUDA's runtime says.
    pub fn launch(&mut self) -> Result<(), String> {
        // SAFETY: a graph that was recorded on this device.
        unsafe {
            self.calls.check((self.calls.set_device)(self.device))?;
            let work = (self.calls.executable)(&mut *self.recorder);
            self.calls.check((self.calls.launch)(work, null_mut()))
        }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made by `make`, and not used again.
        unsafe { (self.calls.unmake)(&mut *self.recorder) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::device::gpus;

    #[test]
    fn without_a_gpu_there_is_a_reason() {
        assert_eq!(Studio::new(0).is_err(), gpus().is_err());
    }
}
