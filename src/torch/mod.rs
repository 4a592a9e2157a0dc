//! Training with libtorch: the only users of `tch`.
//!
//! A rank holds one model as one flat tensor, one optimizer and its data; clients take turns.

mod about;
mod batches;
mod device;
mod graph;
mod optimizer;
pub(crate) mod params;
mod precision;
mod recorder;
mod sight;
mod sum;
pub(crate) mod task;
mod trainer;
mod visit;

pub use about::About;
pub use device::{device, gpu_name, gpus, libtorch};
pub use trainer::{TorchTrainer, layout};
