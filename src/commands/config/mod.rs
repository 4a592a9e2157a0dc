//! `fedmpi config`: what a training would be told, by whom, and in what it differs; and what it may
//! be told.

mod diff;
mod print;
mod schema;

use super::say;
use crate::cli::ConfigArgs;
use crate::config::{Config, Flags, Traced, keys, systems};
use crate::record::find;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Answers the one question that was asked.
pub(super) fn run(arguments: &ConfigArgs) -> Result<()> {
    let ConfigArgs {
        from,
        diff,
        keys: system,
        flags,
        ..
    } = arguments;
    say(match (from, diff, system) {
        (Some(file), ..) => translated(file, flags)?,
        (_, Some(files), _) => differing(files, flags)?,
        (.., Some(name)) => {
            keys(name).with_context(|| format!("`{name}` is none of {}", systems().join(", ")))?
        }
        _ if arguments.print => print::lines(&Traced::of(flags)?)?,
        _ => serde_json::to_string_pretty(&schema::schema()?)?,
    })
}

/// A config as of these flags over a file, or over what a run was told; a run may be named as
/// everywhere.
fn over(file: &Path, flags: &Flags) -> Result<Config> {
    let cf = find(file).unwrap_or_else(|_| file.to_owned());
    Ok(Config::resolve(&Flags {
        cf: Some(cf),
        ..flags.clone()
    })?)
}

fn differing(files: &[PathBuf], flags: &Flags) -> Result<String> {
    match files {
        [] => unusual(&Config::resolve(flags)?),
        [file] => unusual(&over(file, flags)?),
        [one, other, ..] => {
            Ok(diff::table([one, other], [&over(one, flags)?, &over(other, flags)?])?)
        }
    }
}

/// What differs from the defaults, as a `--cf` file.
fn unusual(config: &Config) -> Result<String> {
    let settings = config.unusual()?;
    if settings.is_empty() {
        return Ok("# every setting has its default".to_owned());
    }
    Ok(serde_yaml::to_string(&settings)?)
}

/// A file of another system as one of ours, under what became of each of its keys.
fn translated(file: &Path, flags: &Flags) -> Result<String> {
    let config = over(file, flags)?;
    let mut head = String::new();
    if !config.translation.is_empty() {
        let table = config.translation.table();
        head = table
            .lines()
            .map(|line| format!("# {line}").trim_end().to_owned() + "\n")
            .collect();
    }
    Ok(head + &unusual(&config)?)
}
