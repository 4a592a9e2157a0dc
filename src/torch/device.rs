//! Devices, and numbers on their way there. CUDA's library is opened only when a rank is mapped to
//! a GPU, so that one binary serves CPU and GPU nodes.

use crate::hosts::Seat;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use tch::kind::Element;
use tch::{Cuda, Device, TchError, Tensor, no_grad};

/// The device of a seat.
pub fn device(seat: Seat) -> Device {
    match seat {
        Seat::Cpu => Device::Cpu,
        Seat::Gpu(index) => Device::Cuda(index),
    }
}

/// A device as users write it.
pub(super) fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

/// What libtorch says, without where in its code.
pub(super) fn first_line(error: TchError) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The file that this process has libtorch from.
pub fn libtorch() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let mut files = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| &line[at..]));
    files
        .find(|file| file.ends_with("/libtorch_cpu.so"))
        .map(PathBuf::from)
}

/// Number of GPUs of this host, at least one. Opens CUDA's library.
///
/// # Errors
/// Why libtorch's CUDA library cannot be opened, or why it finds no GPU.
pub fn gpus() -> Result<usize, String> {
    static CUDA: OnceLock<Result<(Option<Library>, Library), String>> = OnceLock::new();
    let opened = CUDA.get_or_init(|| {
        let built_ins = open_built_ins();
        // SAFETY: libtorch's own library; its initialisers only register kernels.
        let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
        let hint = |error: libloading::Error| {
            format!("{error} (hint: scripts/setup.sh on a host with a GPU installs it)")
        };
        library.map(|library| (built_ins, library)).map_err(hint)
    });
    match opened {
        Ok(_) => counted(),
        Err(reason) => Err(reason.clone()),
    }
}

/// NVRTC, by which cuDNN and libtorch compile kernels at run time, asks for its built-ins by name
/// alone. In the wheels they lie where no one looks, so whoever uses these opens them first;
/// `import torch` does too.
fn open_built_ins() -> Option<Library> {
    let folder = libtorch()?.parent()?.join("../../nvidia/cu13/lib");
    let file = folder.join("libnvrtc-builtins.so.13.0");
    // SAFETY: NVIDIA's own library, which holds data.
    let library = unsafe { Library::open(Some(&file), RTLD_NOW | RTLD_GLOBAL) };
    library
        .inspect_err(|error| log::debug!("NVRTC is left to find its built-ins: {error}"))
        .ok()
}

/// Number of GPUs by libtorch; if there is none, CUDA's runtime knows why.
fn counted() -> Result<usize, String> {
    type Count = unsafe extern "C" fn(*mut c_int) -> c_int;
    type Text = unsafe extern "C" fn(c_int) -> *const c_char;
    let usable = Cuda::device_count().max(0) as usize;
    if usable > 0 {
        return Ok(usable);
    }
    let library = Library::this();
    let missing = |error: libloading::Error| error.to_string();
    let mut there = 0;
    // SAFETY: functions of CUDA's runtime, which libtorch's CUDA library brings along, with the
    // signatures of its header. The text is a constant of that library, which stays open.
    unsafe {
        let count = library
            .get::<Count>(b"cudaGetDeviceCount\0")
            .map_err(missing)?;
        let text = library
            .get::<Text>(b"cudaGetErrorString\0")
            .map_err(missing)?;
        let code = count(&mut there);
        if code != 0 {
            return Err(CStr::from_ptr(text(code)).to_string_lossy().into_owned());
        }
    }
    // libtorch looks for its CUDA part once, when something first asks for it.
    Err(format!(
        "CUDA finds {there} GPUs and libtorch none of them: \
         it was asked before its CUDA library was open"
    ))
}

/// Bytes that are free on a GPU; none on other devices, or when CUDA does not say.
pub(super) fn free_bytes(device: Device) -> Option<usize> {
    let Device::Cuda(index) = device else { return None };
    let library = Library::this();
    let (mut free, mut total) = (0, 0);
    // SAFETY: functions of CUDA's runtime, which libtorch's CUDA library brings along, with the
    // signatures of its header. The device stays the thread's, which uses no other: to go back
    // to GPU 0 would open a context there, with hundreds of megabytes for each rank.
    let code = unsafe {
        let set = library
            .get::<unsafe extern "C" fn(c_int) -> c_int>(b"cudaSetDevice\0")
            .ok()?;
        let info = library
            .get::<unsafe extern "C" fn(*mut usize, *mut usize) -> c_int>(b"cudaMemGetInfo\0")
            .ok()?;
        set(index as c_int) | info(&mut free, &mut total)
    };
    (code == 0).then_some(free)
}

/// What a GPU is called, as `NVIDIA H100 80GB HBM3`; none of other devices, or when CUDA does not
/// say.
pub fn gpu_name(device: Device) -> Option<String> {
    /// `cudaDeviceProp`, which begins with the name; it is about 1 KiB.
    #[repr(C, align(16))]
    struct Properties {
        name: [u8; 256],
        others: [u8; 16 << 10],
    }
    let Device::Cuda(index) = device else { return None };
    let mut facts = Properties {
        name: [0; 256],
        others: [0; 16 << 10],
    };
    // SAFETY: a function of CUDA's runtime, which libtorch's CUDA library brings along; it writes
    // less than there is room for.
    let code = unsafe {
        type Ask = unsafe extern "C" fn(*mut Properties, c_int) -> c_int;
        Library::this()
            .get::<Ask>(b"cudaGetDeviceProperties\0")
            .ok()?(&mut facts, index as c_int)
    };
    let name = CStr::from_bytes_until_nul(&facts.name)
        .ok()
        .filter(|_| code == 0)?;
    Some(name.to_string_lossy().into_owned())
}

/// A copy of numbers on a device.
///
/// # Errors
/// When the device has no room for it.
pub(super) fn upload<T: Element>(
    numbers: &[T],
    sizes: &[i64],
    device: Device,
) -> Result<Tensor, TchError> {
    match device {
        Device::Cpu => Tensor::f_from_slice(numbers)?.f_view(sizes),
        _ => borrowed(numbers, sizes)?.f_to_device(device),
    }
}

/// Overwrites a tensor of any device with as many numbers.
pub(super) fn overwrite<T: Element>(tensor: &mut Tensor, numbers: &[T]) {
    let view = borrowed(numbers, &tensor.size()).expect("as many numbers as the tensor holds");
    no_grad(|| tensor.copy_(&view));
}

/// Numbers as a tensor, where they are. It must not outlive them.
fn borrowed<T: Element>(numbers: &[T], sizes: &[i64]) -> Result<Tensor, TchError> {
    assert_eq!(
        numbers.len() as i64,
        sizes.iter().product::<i64>(),
        "as many numbers as the sizes say"
    );
    let strides: Vec<i64> = (0..sizes.len())
        .map(|axis| sizes[axis + 1..].iter().product())
        .collect();
    // SAFETY: the memory holds as many numbers as the sizes say, and both callers copy them and
    // drop the tensor.
    unsafe { Tensor::f_from_blob(numbers.as_ptr().cast(), sizes, &strides, T::KIND, Device::Cpu) }
}

/// libtorch's `at::Context`, of which only its address is known here.
type Context = *mut c_void;

// tch has no names for these settings. They are libtorch's own (2.11), by the names that its
// compiler gives them: the linker looks for them at build time, so that another libtorch is refused
// then and not on a GPU.
unsafe extern "C" {
    #[link_name = "_ZN2at13globalContextEv"]
    fn global_context() -> Context;
    #[link_name = "_ZN2at7Context21setDeterministicCuDNNEb"]
    fn set_deterministic_cudnn(context: Context, on: bool);
    #[link_name = "_ZN2at7Context17setAllowTF32CuDNNEb"]
    fn set_allow_tf32_cudnn(context: Context, on: bool);
    #[link_name = "_ZN2at7Context18setAllowTF32CuBLASEb"]
    fn set_allow_tf32_cublas(context: Context, on: bool);
}

/// Lets GPUs compute like CPUs: convolutions with all bits of a float instead of TF32's ten, by
/// kernels that give the same bits every time.
pub(super) fn exact() {
    // SAFETY: `at::globalContext()` and setters of one flag, with the signatures of libtorch's
    // header.
    unsafe {
        let context = global_context();
        set_deterministic_cudnn(context, true);
        set_allow_tf32_cudnn(context, false);
        set_allow_tf32_cublas(context, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_arrive_as_they_are() {
        let numbers = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut tensor = upload(&numbers, &[2, 3], Device::Cpu).expect("room");
        assert_eq!((tensor.size(), tensor.double_value(&[1, 0])), (vec![2, 3], 4.0));
        overwrite(&mut tensor, &[6.0f32, 5.0, 4.0, 3.0, 2.0, 1.0]);
        assert_eq!((tensor.double_value(&[0, 1]), numbers[1]), (5.0, 2.0));
        assert_eq!(free_bytes(Device::Cpu), None);
    }

    #[test]
    fn libtorch_is_found_where_it_is() {
        let file = libtorch().expect("this test uses it");
        assert!(file.is_file(), "{}", file.display());
    }

    #[test]
    fn libtorch_knows_the_settings() {
        let deterministic = || unsafe {
            type Get = unsafe extern "C" fn(Context) -> bool;
            let library = Library::this();
            library
                .get::<Get>(b"_ZNK2at7Context18deterministicCuDNNEv\0")
                .expect("libtorch")(global_context())
        };
        exact();
        assert!(deterministic());
    }
}
