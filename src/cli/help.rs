//! Help for people: the flags that everybody needs, under the stages of the walk, and how to see
//! the rest.

use crate::config::wrapped;
use clap::{Arg, Command};

/// What is shown of the flags of a training.
const SHOWN: [(&str, &[&str]); 5] = [
    (
        "Data and partition",
        &[
            "dataset",
            "data_dir",
            "client_num_in_total",
            "partition_method",
        ],
    ),
    ("Rounds", &["client_num_per_round", "comm_round", "seed"]),
    ("Training", &["model", "client_optimizer", "lr", "epochs", "batch_size"]),
    ("Method", &["aggregator", "mode"]),
    ("Run", &["cf", "out_dir", "resume", "gpu_mapping_file"]),
];

/// Commands that everybody needs; of the others only the names are shown.
const COMMANDS: &str = "new check launch watch report sweep doctor list";

const HEAD: &str = "\
Federated learning over MPI: rank 0 is the server, every other rank a worker.

Usage: mpirun -np 3 fedmpi [FLAGS]      trains (fedmpi --workers 2: no mpirun)
       fedmpi launch -np 3 -- [FLAGS]   the same, started again when it fails
";

const TAIL: &str = "
All flags: fedmpi --help all. Parts and their settings: fedmpi list [KIND].
A flag wins over the --cf file, which wins over the default.
Exit codes: 0 done, 1 failed, 2 refused before training, 3 stopped by a signal.
";

/// Width of a terminal that everybody has.
const WIDTH: usize = 80;
/// Where texts begin.
const COLUMN: usize = 34;

/// The help that fits on two screens.
pub fn short(command: &Command) -> String {
    let mut text = HEAD.to_owned();
    for (title, names) in SHOWN {
        text += &format!("\n{title}\n");
        for name in names {
            let argument = command
                .get_arguments()
                .find(|argument| argument.get_id() == name);
            let argument = argument.expect("help shows flags that there are");
            text += &line(&format!("--{name} {}", unit(argument)), &about(argument));
        }
    }
    text += "\nCommands (fedmpi COMMAND --help)\n";
    let (mut shown, mut others) = (String::new(), Vec::new());
    for command in command.get_subcommands() {
        if command.is_hide_set() {
            continue;
        }
        let name = command.get_name();
        if !COMMANDS.split(' ').any(|known| known == name) {
            others.push(name);
            continue;
        }
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        shown += &line(name, &clause(&about, WIDTH - COLUMN));
    }
    text += &format!("{shown}{}\n", wrapped(&format!("others: {}", others.join(", ")), 2, 4));
    text + TAIL
}

/// All flags, as clap shows them.
pub fn all(command: &mut Command) -> String {
    command.render_long_help().to_string()
}

/// What commands take beside the flags of a training.
const OWN: [&str; 10] = [
    "np",
    "full",
    "partition_report",
    "folder",
    "print",
    "diff",
    "from",
    "schema",
    "keys",
    "help",
];

/// A command's own help says little of the training's flags, of which it takes all.
pub fn hide_training(command: Command) -> Command {
    command
        .after_help("Takes all flags of a training too: fedmpi --help all")
        .mut_args(|argument| {
            let own = OWN.contains(&argument.get_id().as_str());
            argument.hide(!own)
        })
}

fn unit(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a flag is about, and its default.
fn about(argument: &Arg) -> String {
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (words, default) = help.split_once(" [default: ").unwrap_or((&help, "none]"));
    // Settings of parts begin with whose they are.
    let words = words
        .split_once(": ")
        .filter(|(whose, _)| whose.starts_with("Of "))
        .map_or(words, |(_, rest)| rest);
    let default = default.trim_end_matches(']');
    let short = default.split([':', ',', ' ']).next().unwrap_or(default);
    format!("{} [{short}]", clause(words, WIDTH - COLUMN - " []".len() - short.chars().count()))
}

/// The first clause, or the first part of it where there is no room for all.
fn clause(text: &str, room: usize) -> String {
    let words = text
        .split([';', '.', ':', '('])
        .next()
        .unwrap_or_default()
        .trim();
    let words = if words.chars().count() > room {
        words.split(',').next().unwrap_or(words)
    } else {
        words
    };
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn line(left: &str, right: &str) -> String {
    format!("  {left:<width$}{right}\n", width = COLUMN - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_two_screens_and_says_where_the_rest_is() {
        let text = short(&super::super::command());
        assert!(text.lines().count() <= 48, "{} lines", text.lines().count());
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(
            text.contains("--lr RATE")
                && text.contains("Learning rate")
                && text.contains("fedmpi --help all")
        );
        let all = all(&mut super::super::command());
        assert!(all.contains("--keep_checkpoints") && all.contains("--server_momentum"));
    }
}
