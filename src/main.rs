//! `fedmpi`: federated learning on clusters over MPI.

#[cfg(feature = "jemalloc")]
mod allocator;

fn main() -> std::process::ExitCode {
    fedmpi::main()
}
