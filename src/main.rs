//! `fedmpi`: federated learning on clusters over MPI.

fn main() -> std::process::ExitCode {
    fedmpi::main()
}
