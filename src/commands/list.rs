//! `fedmpi list`: the parts that can be chosen, and their settings.

use super::say;
use crate::config::{KINDS, wrapped};
use crate::part::{AnyKind, Described, Param, suggest};
use crate::record;
use anyhow::{Error, Result, bail};

/// Where texts begin.
const COLUMN: usize = 19;

/// Prints all parts, those of a kind, or a part with its settings.
pub(super) fn run(kind: Option<&str>, name: Option<&str>) -> Result<()> {
    say(list(kind, name)?)
}

/// Every kind of parts.
pub(super) fn kinds() -> Vec<&'static dyn AnyKind> {
    let mut kinds = KINDS.to_vec();
    kinds.push(&record::KIND);
    kinds
}

fn list(kind: Option<&str>, name: Option<&str>) -> Result<String> {
    let Some(wanted) = kind else {
        return Ok(kinds()
            .iter()
            .map(|kind| section(*kind, &kind.parts(), false))
            .collect());
    };
    let found = called(wanted)?;
    match name {
        Some(name) => part(&found, name),
        None => Ok(found
            .iter()
            .map(|kind| section(*kind, &kind.parts(), true))
            .collect()),
    }
}

/// The kinds that a setting chooses among.
fn called(setting: &str) -> Result<Vec<&'static dyn AnyKind>> {
    let wanted = setting.trim_start_matches('-').replace('-', "_");
    let (found, others): (Vec<_>, Vec<_>) = kinds()
        .into_iter()
        .partition(|kind| kind.setting() == wanted);
    if found.is_empty() {
        let hint = suggest(&wanted, others.iter().map(|kind| kind.setting()));
        bail!("there is no kind of parts `{wanted}` (hint: {hint})");
    }
    Ok(found)
}

/// A part of these kinds: a rule without rounds and a method of rounds may bear one name.
fn part(kinds: &[&dyn AnyKind], name: &str) -> Result<String> {
    let (mut text, mut refusal) = (String::new(), None);
    for kind in kinds {
        match kind.described(name) {
            Ok(part) => text += &section(*kind, &[part], true),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        Some(error) if text.is_empty() => Err(Error::from(error)),
        _ => Ok(text),
    }
}

fn section(kind: &dyn AnyKind, parts: &[Described], with_settings: bool) -> String {
    let mut text = format!("{} (--{})\n", kind.about(), kind.setting());
    for part in parts {
        text += &row(2, &format!("{:<16}", part.name), part.about);
        if with_settings {
            text += &settings(part);
        }
    }
    text
}

/// A name and what is said of it, in lines of a screen; below the name if that is long.
fn row(indent: usize, name: &str, about: &str) -> String {
    let head = format!("{:indent$}{name} ", "");
    let about = wrapped(about, COLUMN, COLUMN);
    if head.chars().count() <= COLUMN {
        return format!("{head:<COLUMN$}{}\n", about.trim_start());
    }
    format!("{}\n{about}\n", head.trim_end())
}

/// A part's other names, and a line for each setting.
fn settings(part: &Described) -> String {
    let mut text = String::new();
    if !part.aliases.is_empty() {
        text += &format!(
            "{}\n",
            wrapped(&format!("also called {}", part.aliases.join(", ")), COLUMN, COLUMN)
        );
    }
    for Param {
        name,
        unit,
        default,
        about,
        ..
    } in part.params
    {
        let default = if default.is_empty() { "none" } else { default };
        text += &row(4, &format!("{name} {unit}"), &format!("{about} [default: {default}]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_either_spelling_and_shown_with_their_settings() {
        assert!(list(None, None).expect("all").contains("(--delay)"));
        let text = list(Some("--server-step"), Some("adam")).expect("known");
        assert!(
            list(None, None)
                .expect("all")
                .lines()
                .chain(text.lines())
                .all(|line| line.chars().count() <= 80)
        );
        assert!(text.lines().count() > 2 && text.contains("[default: "), "{text}");
        let refusal = list(Some("server_stap"), None)
            .expect_err("unknown")
            .to_string();
        assert!(refusal.contains("hint: ") && refusal.contains("server_step"), "{refusal}");
    }
}
