//! The whole program: what is asked for, and who answers it.

use crate::cli::{self, Asked};
use crate::{commands, launch, shelf, stop};
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the program as the arguments of this process say; gives its exit code. Call once, first of all.
pub fn main() -> ExitCode {
    // cuBLAS chooses its kernels by the size of its workspace, which a user's shell may set on one host only.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CUBLAS_WORKSPACE_CONFIG", ":4096:8") };
    shelf::keep_freed_memory();
    stop::remember_panics();
    match cli::asked(std::env::args_os()) {
        Asked::Help(text) => tell(&mut io::stdout(), &text, stop::exit::DONE),
        Asked::Refusal(text) => tell(&mut io::stderr(), &text, stop::exit::REFUSED),
        Asked::Work(cli) => match cli.command {
            Some(command) => answer(command),
            None => commands::train(cli.flags),
        },
    }
}

/// Runs a command other than training: once, whatever the number of ranks, unless it is one for all ranks.
fn answer(command: cli::Command) -> ExitCode {
    if !is_first() && !command.is_of_every_rank() {
        return stop::exit::DONE.into();
    }
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let (fault, code) = match stop::catch(|| commands::run(command)) {
        Ok(Ok(code)) => return ExitCode::from(code),
        Ok(Err(error)) => (format!("{error:#}"), stop::exit::REFUSED),
        Err(panic) => (panic, stop::exit::FAILED),
    };
    eprintln!("error: {fault}");
    ExitCode::from(code)
}

/// Whether this is the process that speaks for the job: there may be no job.
fn is_first() -> bool {
    launch::launched_rank().unwrap_or(0) == 0
}

/// Says something once, whatever the number of ranks.
fn tell(out: &mut dyn Write, text: &str, code: u8) -> ExitCode {
    if is_first() {
        // Whoever stops reading has read enough.
        let _ = out.write_all(text.as_bytes());
    }
    code.into()
}
