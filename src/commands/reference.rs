//! `fedmpi list --markdown`: every setting of a run and of every part as one page, made of the
//! tables that the program itself goes by. `docs/settings.md` is that page.

use super::list::kinds;
use crate::config::{Config, Flags};
use crate::part::{AnyKind, Described, Param};
use anyhow::Result;
use clap::{Arg, Args};

const HEAD: &str = "\
# Settings

All that a run can be told: on the command line as `--NAME VALUE`, in a `--cf` file as `NAME: VALUE`. A flag wins over the
file, which wins over the default. Parts have settings of their own, which are said with the part
(`--server_step adam:server_lr=0.01`, in YAML `{name: adam, server_lr: 0.01}`) or alone (`--server_lr 0.01`).

This page is what `fedmpi list --markdown` prints; a test keeps it equal.
";

/// The page.
pub(super) fn page() -> Result<String> {
    let parts: String = kinds().into_iter().map(section).collect();
    Ok(format!("{HEAD}\n## Of a run\n\n{}\n## Parts\n{parts}", settings()?))
}

/// Settings of the run itself, in the order of the walk.
fn settings() -> Result<String> {
    let defaults = serde_json::to_value(Config::default())?;
    let command = Flags::augment_args(clap::Command::new("fedmpi"));
    let known = |argument: &&Arg| defaults.get(argument.get_id().as_str()).is_some();
    let lines: String = command.get_arguments().filter(known).map(setting).collect();
    Ok(format!("| setting | takes | default | what |\n|---|---|---|---|\n{lines}"))
}

fn setting(argument: &Arg) -> String {
    let units = argument.get_value_names().unwrap_or_default();
    let units: Vec<&str> = units.iter().map(|unit| unit.as_str()).collect();
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (about, default) = help.rsplit_once(" [default: ").unwrap_or((&help, ""));
    // The parts are on the page.
    let about = about.split("; `fedmpi list").next().unwrap_or(about);
    row(&[
        &code(argument.get_id().as_str()),
        &units.join(" "),
        default.trim_end_matches(']'),
        about,
    ])
}

/// A kind's parts, and a table of those settings that they have.
fn section(kind: &dyn AnyKind) -> String {
    let parts = kind.parts();
    let names: String = parts.iter().map(part).collect();
    let settings: String = parts
        .iter()
        .flat_map(|part| part.params.iter().map(|param| of_part(part, param)))
        .collect();
    let head = format!(
        "\n### {}: `{}`\n\n| part | what |\n|---|---|\n{names}",
        kind.about(),
        kind.setting()
    );
    if settings.is_empty() {
        return head;
    }
    format!("{head}\n| of | setting | takes | default | what |\n|---|---|---|---|---|\n{settings}")
}

fn part(part: &Described) -> String {
    let others = match part.aliases {
        [] => String::new(),
        names => format!(
            " (also {})",
            names
                .iter()
                .map(|name| code(name))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    row(&[&(code(part.name) + &others), part.about])
}

fn of_part(part: &Described, param: &Param) -> String {
    let default = if param.default.is_empty() {
        "none"
    } else {
        param.default
    };
    row(&[
        &code(part.name),
        &code(param.name),
        param.unit,
        default,
        param.about,
    ])
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

/// A line of a table; what would end a cell is told as text.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| cell.replace('|', "\\|").replace('<', "\\<"))
        .collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NAMES;
    use std::{env, fs};

    #[test]
    fn every_setting_is_there() {
        let page = page().expect("made");
        let parts = kinds().into_iter().flat_map(|kind| kind.parts());
        let of_parts = parts.flat_map(|part| part.params).map(|param| param.name);
        for name in NAMES.iter().copied().chain(of_parts) {
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    /// `FEDMPI_NEW_DOCS=1 cargo test --release --lib settings` writes it.
    #[test]
    fn the_page_of_settings_is_what_the_program_prints() {
        let page = page().expect("made");
        if env::var_os("FEDMPI_NEW_DOCS").is_some() {
            fs::write("docs/settings.md", &page).expect("writable");
        }
        let hint = "it is stale (hint: fedmpi list --markdown >docs/settings.md)";
        assert_eq!(fs::read_to_string("docs/settings.md").expect("a page"), page, "{hint}");
    }
}
