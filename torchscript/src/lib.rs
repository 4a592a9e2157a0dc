//! TorchScript modules (`torch.jit.save`) that compute with tensors of the caller: parameters and
//! buffers are told by name, and set before each pass. So a module's weights may be views of one
//! flat buffer, like those of any model.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use tch::Tensor;

/// What libtorch says of a module that it cannot load or run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

/// A tensor of a module.
#[derive(Debug)]
pub struct Named {
    /// Where it is, such as `layers.0.weight`.
    pub name: String,
    /// What it is as it was saved.
    pub tensor: Tensor,
    /// Whether it is a parameter, not a buffer.
    pub parameter: bool,
}

/// A module, on the CPU as it is loaded; it computes where the tensors are that it is given.
#[derive(Debug)]
pub struct Module(*mut c_void);

// SAFETY: a module is no thread's own; it is used by one at a time.
unsafe impl Send for Module {}

/// Libtorch's generator is one per process: whoever draws from it must have seeded it, and draw
/// alone.
static DRAWING: Mutex<()> = Mutex::new(());

type Text = *mut c_char;
type Tell = extern "C" fn(*mut c_void, *const c_char, *mut c_void, bool);

unsafe extern "C" {
    fn fedmpi_script_load(bytes: *const c_char, length: usize, into: *mut *mut c_void) -> Text;
    fn fedmpi_script_free(module: *mut c_void);
    fn fedmpi_script_tensors(module: *mut c_void, to: *mut c_void, tell: Tell) -> Text;
    fn fedmpi_script_set(module: *mut c_void, path: *const c_char, tensor: *const c_void) -> Text;
    fn fedmpi_script_reset(module: *mut c_void, beside: *const c_void) -> Text;
    fn fedmpi_script_forward(
        module: *mut c_void,
        input: *const c_void,
        training: bool,
        seed: u64,
        output: *mut *mut c_void,
    ) -> Text;
    fn fedmpi_libtorch_about() -> Text;
}

impl Module {
    /// The module of a file's bytes.
    ///
    /// # Errors
    /// Bytes that are no TorchScript, or of a version that libtorch does not read.
    pub fn load(bytes: &[u8]) -> Result<Module, Fault> {
        let mut module = ptr::null_mut();
        // SAFETY: the bytes are read only during the call.
        said(unsafe { fedmpi_script_load(bytes.as_ptr().cast(), bytes.len(), &mut module) })?;
        Ok(Module(module))
    }

    /// Its parameters, and the buffers that training moves, in the module's order. Whole numbers, and
    /// what is not finite, are constants.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn tensors(&self) -> Result<Vec<Named>, Fault> {
        extern "C" fn tell(
            to: *mut c_void,
            name: *const c_char,
            tensor: *mut c_void,
            parameter: bool,
        ) {
            // SAFETY: `to` is the list below, the name a text, and the tensor ours from now on.
            let (all, name, tensor) = unsafe {
                (
                    &mut *to.cast::<Vec<Named>>(),
                    CStr::from_ptr(name),
                    Tensor::from_ptr(tensor.cast()),
                )
            };
            all.push(Named {
                name: name.to_string_lossy().into_owned(),
                tensor,
                parameter,
            });
        }
        let mut all: Vec<Named> = Vec::new();
        // SAFETY: the list outlives the call.
        said(unsafe { fedmpi_script_tensors(self.0, (&raw mut all).cast(), tell) })?;
        Ok(all)
    }

    /// Has it compute with this tensor, shared and not copied, from now on.
    ///
    /// # Errors
    /// A name that it has not.
    pub fn set(&self, name: &str, tensor: &Tensor) -> Result<(), Fault> {
        let path = CString::new(name).map_err(|error| Fault(error.to_string()))?;
        // SAFETY: libtorch shares what the tensor holds; the pointers are read only during the
        // call.
        said(unsafe { fedmpi_script_set(self.0, path.as_ptr(), tensor.as_ptr().cast()) })
    }

    /// Whatever it has changed of itself besides [`Module::tensors`], such as how often it was
    /// called, is as it was saved again, on the device of this tensor.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn reset(&self, beside: &Tensor) -> Result<(), Fault> {
        // SAFETY: the pointers are read only during the call.
        said(unsafe { fedmpi_script_reset(self.0, beside.as_ptr().cast()) })
    }

    /// What it gives for a batch: as in training, random numbers drawn from the seed, or as it is
    /// used, where they are always the same.
    ///
    /// # Errors
    /// What libtorch says of inputs that it does not take, and of outputs that are no tensor.
    pub fn forward(&self, input: &Tensor, training: Option<u64>) -> Result<Tensor, Fault> {
        let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = ptr::null_mut();
        let (input, seed) = (input.as_ptr().cast(), training.unwrap_or_default());
        // SAFETY: the output is ours once nothing is said.
        unsafe {
            said(fedmpi_script_forward(self.0, input, training.is_some(), seed, &mut output))?;
            Ok(Tensor::from_ptr(output.cast()))
        }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { fedmpi_script_free(self.0) }
    }
}

/// What the libtorch of this process says of itself, in lines: its version, how it was built, what
/// it computes with.
pub fn about_libtorch() -> String {
    // SAFETY: nothing is given.
    taken(unsafe { fedmpi_libtorch_about() })
}

/// A text of `strdup`, which is ours to free.
fn taken(text: Text) -> String {
    // SAFETY: whoever made it has forgotten it.
    unsafe {
        let words = CStr::from_ptr(text).to_string_lossy().into_owned();
        free(text.cast());
        words
    }
}

/// What was said by a call, in a line.
fn said(text: Text) -> Result<(), Fault> {
    if text.is_null() {
        return Ok(());
    }
    let words = taken(text);
    // What was wrong stands at the end of where it was.
    let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = words
        .lines()
        .rev()
        .find(|line| line.contains("Error: "))
        .or(lines.next())
        .unwrap_or("no reason is given");
    Err(Fault(
        line.split(". This is an internal")
            .next()
            .unwrap_or(line)
            .to_owned(),
    ))
}

unsafe extern "C" {
    fn free(text: *mut c_void);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_something_else_are_refused_in_a_line() {
        let fault = Module::load(b"not a module")
            .expect_err("refused")
            .to_string();
        assert!(!fault.is_empty() && !fault.contains('\n'), "{fault}");
    }
}
