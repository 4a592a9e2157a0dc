//! Which machines take part, and which GPU each rank gets: host files and GPU mappings, as people
//! write them.

mod gpu_mapping;
mod hostfile;
mod name;

pub use gpu_mapping::{GpuMapping, MappingError, Seat, seats_table};
pub use hostfile::{Dialect, HostFile, HostFileError};
pub use name::{HostName, HostNameError};
