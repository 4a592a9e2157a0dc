//! `fedmpi hostfile`: a host file in the dialect of another launcher.

use super::{places, say};
use crate::hosts::Dialect;
use anyhow::Result;
use std::path::Path;

/// Prints the file in that dialect.
pub(super) fn run(to: Dialect, file: &Path) -> Result<()> {
    say(places::read_hosts(file)?.write(to))
}
