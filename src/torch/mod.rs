//! Training with libtorch: the only users of `tch`.
//!
//! A rank holds one model as one flat tensor, one optimizer and its data; clients take turns.

mod batches;
mod device;
pub mod models;
mod noise;
mod optimizer;
mod params;
mod sum;
mod task;
mod trainer;

pub use device::{device, gpus, libtorch};
pub use noise::Noise;
pub use trainer::TorchTrainer;
