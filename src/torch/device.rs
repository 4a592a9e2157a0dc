//! Devices. CUDA's library is opened only when a rank is mapped to a GPU, so that one binary serves
//! CPU and GPU nodes.

use crate::config::{DeviceChoice, Seat};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::sync::OnceLock;
use tch::{Cuda, Device};

/// A device that is not there.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DeviceError {
    /// The host has fewer GPUs than the mapping says.
    #[error("mapped to cuda:{index}, but this host has {found} GPUs (hint: mend the GPU mapping, or --device cpu)")]
    Missing {
        /// Mapped index.
        index: usize,
        /// GPUs there are.
        found: usize,
    },
    /// CUDA cannot be used at all.
    #[error("mapped to cuda:{index}, but CUDA cannot be used: {reason} (hint: --device cpu, or auto to fall back)")]
    NoCuda {
        /// Mapped index.
        index: usize,
        /// Why not.
        reason: String,
    },
}

/// The device of a seat. With `auto` a host without any usable GPU trains on its CPU.
///
/// # Errors
/// A seat on a GPU that is not there.
pub fn open(seat: Seat, choice: DeviceChoice) -> Result<Device, DeviceError> {
    let Seat::Gpu(index) = seat else { return Ok(Device::Cpu) };
    match (gpus(), choice) {
        (_, DeviceChoice::Cpu) => Ok(Device::Cpu),
        (Ok(found), _) if index < found => Ok(Device::Cuda(index)),
        (Ok(found), _) if found > 0 => Err(DeviceError::Missing { index, found }),
        (_, DeviceChoice::Auto) => {
            log::warn!("mapped to cuda:{index}, but this host has no usable GPU: training on the CPU");
            Ok(Device::Cpu)
        }
        (Ok(found), DeviceChoice::Mapped) => Err(DeviceError::Missing { index, found }),
        (Err(reason), DeviceChoice::Mapped) => Err(DeviceError::NoCuda { index, reason }),
    }
}

/// Number of GPUs of this host.
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
