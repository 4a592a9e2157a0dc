//! `fedmpi`: federated learning on clusters over MPI.

#[cfg(all(feature = "mpi", feature = "torch"))]
mod bench;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod boot;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod cli;
#[cfg(all(feature = "mpi", feature = "torch"))]
mod doctor;

#[cfg(all(feature = "mpi", feature = "torch"))]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    fedmpi::stop::remember_panics();
    let parsed = cli::parse(std::env::args());
    let command = match parsed {
        Ok(cli::Cli { command: Some(command), .. }) => command,
        Ok(cli::Cli { flags, .. }) => return boot::train(Ok(flags)),
        Err(error) if error.use_stderr() => return boot::train(Err(error)),
        // Help and version need no MPI.
        Err(error) => error.exit(),
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match cli::run(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(boot::REFUSED)
        }
    }
}

#[cfg(not(all(feature = "mpi", feature = "torch")))]
fn main() {
    eprintln!("this build has no training: build with the features `mpi` and `torch`");
}
