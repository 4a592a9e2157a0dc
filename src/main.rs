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
    use fedmpi::stop::exit;
    use std::process::ExitCode;

    // cuBLAS chooses its kernels by the size of its workspace, which a user's shell may set on one host only.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CUBLAS_WORKSPACE_CONFIG", ":4096:8") };
    fedmpi::shelf::keep_freed_memory();
    fedmpi::stop::remember_panics();
    let command = match cli::asked(std::env::args_os()) {
        cli::Asked::Tell(text, code) => return tell(&text, code),
        cli::Asked::Work(cli) => match cli.command {
            Some(command) => command,
            None => return boot::train(cli.flags),
        },
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let (fault, code) = match fedmpi::stop::catch(|| cli::run(command)) {
        Ok(Ok(code)) => return ExitCode::from(code),
        Ok(Err(error)) => (format!("{error:#}"), exit::REFUSED),
        Err(panic) => (panic, exit::FAILED),
    };
    eprintln!("error: {fault}");
    ExitCode::from(code)
}

/// Says something once, whatever the number of ranks.
#[cfg(all(feature = "mpi", feature = "torch"))]
fn tell(text: &str, code: u8) -> std::process::ExitCode {
    use std::io::Write;

    if fedmpi::launch::launched_rank().unwrap_or(0) == 0 {
        // Whoever stops reading has read enough.
        let _ = match code {
            fedmpi::stop::exit::DONE => write!(std::io::stdout(), "{text}"),
            _ => write!(std::io::stderr(), "{text}"),
        };
    }
    code.into()
}

#[cfg(not(all(feature = "mpi", feature = "torch")))]
fn main() {
    eprintln!("this build has no training: build with the features `mpi` and `torch`");
}
