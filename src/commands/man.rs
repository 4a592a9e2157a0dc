//! `fedmpi man`: the manual, a page for each command, made from the same words as the help.

use super::say;
use crate::cli;
use crate::files;
use crate::ids::counted;
use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::Path;

/// Writes the pages into a folder, which is made if it is not there.
pub(super) fn run(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    for (name, page) in &pages {
        let file = folder.join(format!("{name}.1"));
        files::write_named(&file, page)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let (count, first) = (counted(pages.len(), "page"), folder.join("fedmpi.1"));
    say(format_args!(
        "{count} in {} (man -l {} shows the first)",
        folder.display(),
        first.display()
    ))
}

/// The page of a command and of those below it, by name.
fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    pages.push((name.to_owned(), page));
    let mut below = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    below.try_for_each(|command| collect(command, pages))
}
