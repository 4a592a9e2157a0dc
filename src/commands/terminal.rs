//! The terminal that a command's answer goes to, if it goes to one.

use ratatui::crossterm::terminal::size;
use std::env;
use std::io::{self, IsTerminal};

/// Columns that every terminal has; what is no terminal gets as many.
pub(super) const COLUMNS: u16 = 80;

/// Whether the answer goes to a terminal on which anything but lines can be written.
pub(super) fn is_there() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// The columns of the terminal that the answer goes to.
pub(super) fn columns() -> u16 {
    let known = io::stdout().is_terminal().then(size).and_then(Result::ok);
    known.map_or(COLUMNS, |(columns, _)| columns).max(1)
}
