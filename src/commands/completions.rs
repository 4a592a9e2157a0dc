//! `fedmpi completions`: what makes a shell complete.

use super::say;
use crate::cli::{self, Shell};
use crate::config::KINDS;
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::aot::{Shell as Known, generate};

/// Prints the script for a shell.
pub(super) fn run(shell: Shell) -> Result<()> {
    let known = match shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    let mut script = Vec::new();
    generate(known, &mut with_parts(cli::grammar()), "fedmpi", &mut script);
    say(String::from_utf8_lossy(&script))
}

/// Settings that choose among parts take their names, in every command.
fn with_parts(command: Command) -> Command {
    command.mut_args(named).mut_subcommands(with_parts)
}

fn named(argument: Arg) -> Arg {
    let setting = argument.get_id().to_string();
    let kinds = KINDS.iter().filter(|kind| kind.setting() == setting);
    let names: Vec<&str> = kinds
        .flat_map(|kind| kind.parts())
        .map(|part| part.name)
        .collect();
    if names.is_empty() {
        argument
    } else {
        argument.value_parser(PossibleValuesParser::new(names))
    }
}
