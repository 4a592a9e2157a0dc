//! Data of one's own: arrays, tables, images and text from files as people have them. Each format
//! is a file here and a line in the table of data sets; all end in [`rows`], so that users, test
//! shares and standardisation mean the same everywhere. Faults name the file, the place and a
//! remedy.

mod array;
pub mod arrays;
mod cached;
mod distinct;
mod encode;
pub mod images;
mod learn;
mod named;
mod npz;
mod parquet;
mod passages;
mod rows;
mod said;
mod standard;
mod table;
pub mod tables;
mod taken;
mod tensors;
pub mod text;
mod vocabulary;

use super::DataError;
use std::fs;
use std::path::{Path, PathBuf};

/// A fault of a user's file or folder; the reason ends with a hint.
fn fault(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::Own {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// Warns of what is no fault, and keeps it for `data.json`.
fn tell(notes: &mut Vec<String>, note: String) {
    log::warn!("{note}");
    notes.push(note);
}

/// The files of a folder whose names end so, by name.
fn files_of(folder: &Path, ends: &[&str]) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = inside(folder)?;
    paths.retain(|path| has_end(path, ends));
    Ok(paths)
}

/// What is in a folder, by name.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::unread(folder))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(DataError::unread(folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Whether a file or folder is none of a user's: it is hidden, or what macOS puts into archives.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name == "__MACOSX"
}

/// Whether a file's name ends so, whatever the case; hidden files never do.
fn has_end(path: &Path, ends: &[&str]) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    !is_hidden(path) && ends.iter().any(|end| name.ends_with(end))
}
