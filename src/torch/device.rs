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

/// Lets GPUs compute like CPUs: convolutions with all bits of a float instead of TF32's ten, by kernels that
/// give the same bits every time. tch has no names for these settings; libtorch's own are those of 2.11.
pub(super) fn exact() -> Result<(), libloading::Error> {
    type Context = *mut std::ffi::c_void;
    let settings: [(&[u8], bool); 3] = [
        (b"_ZN2at7Context21setDeterministicCuDNNEb\0", true),
        (b"_ZN2at7Context17setAllowTF32CuDNNEb\0", false),
        (b"_ZN2at7Context18setAllowTF32CuBLASEb\0", false),
    ];
    let library = Library::this();
    // SAFETY: `at::globalContext()` and setters of one flag, with the signatures of libtorch's header.
    unsafe {
        let context = library.get::<unsafe extern "C" fn() -> Context>(b"_ZN2at13globalContextEv\0")?();
        settings.iter().try_for_each(|(name, on)| {
            library.get::<unsafe extern "C" fn(Context, bool)>(name).map(|set| set(context, *on))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_knows_the_settings() {
        let deterministic = || unsafe {
            type Get = unsafe extern "C" fn(*mut std::ffi::c_void) -> bool;
            let library = Library::this();
            let context = library.get::<unsafe extern "C" fn() -> _>(b"_ZN2at13globalContextEv\0").expect("libtorch")();
            library.get::<Get>(b"_ZNK2at7Context18deterministicCuDNNEv\0").expect("libtorch")(context)
        };
        exact().expect("libtorch 2.11");
        assert!(deterministic());
    }
}
