//! The whole program: what is asked for, and who answers it.

use crate::cli::{self, Asked};
use crate::commands::{self, Unheard, is_first, refuse_once, tell};
use crate::{start, stop};
use std::process::ExitCode;

/// Runs the program as the arguments of this process say; gives its exit code. Call once, first of
/// all.
pub fn main() -> ExitCode {
    // cuBLAS chooses its kernels by the size of its workspace, which a user's shell may set on one
    // host only. SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CUBLAS_WORKSPACE_CONFIG", ":4096:8") };
    stop::remember_panics();
    match cli::asked(std::env::args_os()) {
        Asked::Help(text) => {
            if is_first() {
                tell(text);
            }
            stop::exit::DONE.into()
        }
        Asked::Version(whole) => {
            if is_first() {
                tell(commands::version(whole));
            }
            stop::exit::DONE.into()
        }
        Asked::Refusal(text) => {
            refuse_once(text);
            stop::exit::REFUSED.into()
        }
        Asked::Work(cli) => match cli.command {
            Some(command) => answer(command),
            None => commands::train(cli.flags),
        },
    }
}

/// Runs a command other than training: once, whatever the number of ranks, unless it is one for all
/// ranks.
fn answer(command: cli::Command) -> ExitCode {
    if !is_first() && !command.is_of_every_rank() {
        return stop::exit::DONE.into();
    }
    start::start_log(start::Speaker::Command);
    let (fault, code) = match stop::catch(|| commands::run(command)) {
        Ok(Ok(code)) => return ExitCode::from(code),
        Ok(Err(error)) if error.is::<Unheard>() => (error.to_string(), stop::exit::FAILED),
        Ok(Err(error)) => (format!("{error:#}"), stop::exit::REFUSED),
        Err(panic) => (panic, stop::exit::FAILED),
    };
    refuse_once(format_args!("error: {fault}"));
    ExitCode::from(code)
}
