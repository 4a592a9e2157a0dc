//! Devices. CUDA's library is opened only when a rank is mapped to a GPU, so that one binary serves
//! CPU and GPU nodes.

use crate::config::Seat;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::sync::OnceLock;
use tch::{Cuda, Device};

/// The device of a seat.
pub fn device(seat: Seat) -> Device {
    match seat {
        Seat::Cpu => Device::Cpu,
        Seat::Gpu(index) => Device::Cuda(index),
    }
}

/// Number of GPUs of this host. Opens CUDA's library.
///
/// # Errors
/// Why libtorch's CUDA library cannot be opened.
pub fn gpus() -> Result<usize, String> {
    static CUDA: OnceLock<Result<Library, String>> = OnceLock::new();
    let opened = CUDA.get_or_init(|| {
        // SAFETY: libtorch's own library; its initialisers only register kernels.
        let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
        library.map_err(|error| error.to_string())
    });
    match opened {
        Ok(_) => Ok(Cuda::device_count().max(0) as usize),
        Err(reason) => Err(reason.clone()),
    }
}
