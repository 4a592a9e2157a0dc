//! Data of one's own: arrays, tables, images and text from files as people have them. Each format is a file here and a line
//! in the table of data sets; all end in [`rows`], so that users, test shares and standardisation mean the same everywhere.
//! Faults name the file, the place and a remedy.

mod array;
pub mod arrays;
mod learn;
mod npz;
mod rows;
mod standard;
mod tensors;
mod users;

use super::DataError;
use std::path::Path;

/// A fault of a user's file or folder; the reason ends with a hint.
fn fault(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::Own { path: path.to_owned(), reason: reason.into() }
}
