//! LEAF's JSON (Caldas et al. 2018): folders `train` and `test` with any number of files, each with
//! `users` and `user_data`, a pair of lists `x` and `y` for each user. Users are clients, in the
//! order of the files; all must come to the same users in both folders, as LEAF itself demands.

mod images;
mod synthetic;
mod texts;

use super::places::holder;
use super::{Column, DataError, Samples, Source};
use crate::files as door;
use serde::Deserialize;
use serde_json::error::Category;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub use images::{celeba, femnist, mnist};
pub use synthetic::Synthetic;
pub use texts::{Counts, Known, reddit, sent140, shakespeare};

/// A file as it lies there.
#[derive(Deserialize)]
struct File<X, Y> {
    users: Vec<String>,
    user_data: BTreeMap<String, Owned<X, Y>>,
}

/// What a user has.
#[derive(Deserialize)]
struct Owned<X, Y> {
    x: Vec<X>,
    y: Vec<Y>,
}

/// Both folders: samples, and where each user's begin.
struct Parts<S> {
    train: Part<S>,
    test: Part<S>,
}

/// A folder.
struct Part<S> {
    samples: Vec<S>,
    starts: Vec<usize>,
}

impl<S> Default for Part<S> {
    fn default() -> Part<S> {
        Part {
            samples: Vec::new(),
            starts: vec![0],
        }
    }
}

/// Folders of a set that may have `train` and `test`: the one that is named, LEAF's `data` in it,
/// and the set's own folder below a common one.
fn folders<N: std::fmt::Display>(names: &[N]) -> Vec<String> {
    let own = names
        .iter()
        .flat_map(|name| [name.to_string(), format!("{name}/data")]);
    ["", "data"]
        .map(str::to_owned)
        .into_iter()
        .chain(own)
        .collect()
}

/// Whether a folder has such files.
pub fn is_here(folder: &Path) -> bool {
    files(&folder.join("test")).is_ok()
}

/// The first of these places that has test files.
fn place(folder: &Path, places: &[String]) -> Result<PathBuf, DataError> {
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    holder(folder, &places, "test/*.json", is_here)
}

/// Reads both folders, or only the test one. `samples` makes samples of an x and a y, or says what
/// is wrong.
fn read<X, Y, S>(
    folder: &Path,
    test_only: bool,
    samples: impl Fn(X, Y) -> Result<Vec<S>, String>,
) -> Result<Parts<S>, DataError>
where
    File<X, Y>: for<'de> Deserialize<'de>,
{
    let test = Part::read(&folder.join("test"), &samples)?;
    let train = if test_only {
        Part::default()
    } else {
        Part::read(&folder.join("train"), &samples)?
    };
    Ok(Parts { train, test })
}

impl<S> Part<S> {
    fn read<X, Y>(
        folder: &Path,
        samples: impl Fn(X, Y) -> Result<Vec<S>, String>,
    ) -> Result<Part<S>, DataError>
    where
        File<X, Y>: for<'de> Deserialize<'de>,
    {
        let (mut part, mut users) = (Part::default(), BTreeSet::new());
        for path in files(folder)? {
            part.add(&path, &mut users, &samples)?;
        }
        Ok(part)
    }

    /// Adds a file.
    fn add<X, Y>(
        &mut self,
        path: &Path,
        users: &mut BTreeSet<String>,
        samples: impl Fn(X, Y) -> Result<Vec<S>, String>,
    ) -> Result<(), DataError>
    where
        File<X, Y>: for<'de> Deserialize<'de>,
    {
        let fault = |reason: String| DataError::Own {
            path: path.to_owned(),
            reason: format!(
                "{reason} (hint: --dataset names another set, or the file is of another form; \
                 docs/data.md says which files each has)"
            ),
        };
        let bytes = door::bytes(path).map_err(DataError::unread(path))?;
        let mut file: File<X, Y> =
            serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
                Category::Data => fault(error.to_string()),
                _ => DataError::damaged(path, error.to_string()),
            })?;
        for user in file.users {
            let own = file
                .user_data
                .remove(&user)
                .ok_or_else(|| fault(format!("user `{user}` has no data")))?;
            let (x_count, y_count) = (own.x.len(), own.y.len());
            if x_count == 0 || x_count != y_count {
                return Err(fault(format!("user `{user}` has {x_count} x and {y_count} y")));
            }
            for (row, (x, y)) in own.x.into_iter().zip(own.y).enumerate() {
                let made = samples(x, y)
                    .map_err(|reason| fault(format!("user `{user}`, row {row}: {reason}")))?;
                self.samples.extend(made);
            }
            if let Some(user) = users.replace(user) {
                return Err(fault(format!("user `{user}` comes twice")));
            }
            self.starts.push(self.samples.len());
        }
        Ok(())
    }
}

impl Part<(Vec<f32>, u32)> {
    /// Rows of so many numbers, and their classes.
    fn rows(self, width: usize) -> Samples {
        let (inputs, targets): (Vec<_>, Vec<_>) = self.samples.into_iter().unzip();
        Samples {
            inputs: Column::floats(inputs.concat(), width),
            targets: Column::integers(targets, 1),
        }
    }
}

impl<S> Parts<S> {
    /// Where each user's training samples begin, and the end; nothing without training samples.
    fn owners(&self) -> Option<Vec<usize>> {
        (self.train.starts.len() > 1).then(|| self.train.starts.clone())
    }

    /// Without what is trained on, where only the test part is wanted.
    fn wanted(self, source: &Source<'_>) -> Parts<S> {
        match source.test_only {
            true => Parts {
                train: Part::default(),
                ..self
            },
            false => self,
        }
    }
}

/// A class, which may be written as a float.
fn class(y: f64, classes: usize) -> Result<u32, String> {
    match y >= 0.0 && y.fract() == 0.0 && y < classes as f64 {
        true => Ok(y as u32),
        false => Err(format!("class {y} is none of 0 to {}", classes - 1)),
    }
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::unread(folder))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(DataError::Read {
            path: folder.to_owned(),
            reason: "there is no .json file".to_owned(),
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_in_the_folder_or_where_leaf_and_fedml_put_them() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let places = folders(&["femnist"]);
        let refused = place(root, &places).expect_err("refused").to_string();
        assert!(refused.contains("nor below data, femnist or femnist/data of"), "{refused}");
        let last_wins = ["femnist/data", "femnist", "data", ""];
        // An empty folder hides nothing.
        fs::create_dir_all(root.join("test")).expect("writable");
        for inner in last_wins {
            let folder = root.join(inner);
            fs::create_dir_all(folder.join("test")).expect("writable");
            fs::write(folder.join("test/all.json"), "[]").expect("writable");
            let found = place(root, &places).expect("there");
            assert_eq!(found.canonicalize().ok(), folder.canonicalize().ok());
        }
        let read = |text: &str| {
            fs::write(root.join("test/all.json"), text).expect("writable");
            let sample = |x: f32, y: f64| Ok(vec![(x, class(y, 2)?)]);
            let parts: Result<Parts<(f32, u32)>, DataError> = read(root, true, sample);
            parts.map(|_| ()).expect_err("refused").to_string()
        };
        assert!(read("{\"users\": [").contains("fetch the file again"));
        assert!(!read("[1]").contains("fetch the file again"));
        let wrong = read(r#"{"users": ["a"], "user_data": {"a": {"x": [1], "y": [2]}}}"#);
        assert!(wrong.contains("class 2 is none of 0 to 1 (hint: --dataset"), "{wrong}");
    }
}
