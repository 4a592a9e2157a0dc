//! CINIC-10 (Darlow et al. 2018): 90,000 pictures of 32x32 each in `train` and `test`, a folder of
//! PNG files for each class; `valid` is left alone, as FedML does.

use super::{Augment, Pictures};
use crate::data::decode::{self, Form};
use crate::data::places::holder;
use crate::data::{About, DataError, Dataset, Source, Train};
use crate::task::Facts;
use std::fs;
use std::path::{Path, PathBuf};

const SIDE: usize = 32;
const WIDTH: usize = 3 * SIDE * SIDE;

/// Ten classes, in the order of their folders' names, standardised by the means and deviations of
/// its training pixels.
pub fn cinic(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    let places = ["CINIC-10", "cinic-10", "cinic10", ""];
    let folder = holder(source.folder, &places, "test", |path| path.join("test").is_dir())?;
    let classes: Vec<String> = inside(&folder.join("test"))?
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| name(path))
        .collect();
    if classes.len() < 2 {
        let reason = format!("it has {} folders of classes", classes.len());
        return Err(DataError::Read {
            path: folder.join("test"),
            reason,
        });
    }
    let standard = augment.standard([0.4789, 0.4723, 0.4305], [0.2421, 0.2383, 0.2587]);
    let test = read(&folder.join("test"), &classes)?;
    let train = if source.test_only {
        Pictures::default()
    } else {
        read(&folder.join("train"), &classes)?
    };
    let facts = Facts::classes(&[3, SIDE, SIDE], classes.len());
    let about = About {
        classes,
        ..About::default()
    };
    let set = Dataset {
        facts,
        train: Train::Stored(train.samples(WIDTH, standard.clone())),
        test: test.samples(WIDTH, standard),
        about,
        ..Dataset::default()
    };
    Ok(set.changed(augment))
}

/// The pictures of a part, class by class.
fn read(folder: &Path, classes: &[String]) -> Result<Pictures, DataError> {
    let mut pictures = Pictures::default();
    for (class, name) in (0..).zip(classes) {
        let paths = inside(&folder.join(name))?;
        let form = Form {
            coloured: true,
            size: None,
        };
        let decoded = decode::pictures(&paths, form)?;
        for (path, found) in paths.iter().zip(decoded) {
            let [height, width] = found.size;
            if found.size != [SIDE, SIDE] {
                let reason = format!("it is {height}x{width}, not {SIDE}x{SIDE}");
                return Err(DataError::damaged(path, reason));
            }
            pictures.push(&found.bytes, class);
        }
    }
    Ok(pictures)
}

/// What is in a folder, by name; without what is hidden.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).map_err(DataError::unread(folder))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| !name(path).starts_with('.')).collect();
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_hides_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source {
            test_only: true,
            ..Source::of(folder.path())
        };
        let refused = || {
            let read = cinic(&source, Augment::default());
            read.expect_err("refused").to_string()
        };
        fs::create_dir_all(folder.path().join("CINIC-10")).expect("writable");
        assert!(refused().contains("nor below CINIC-10, cinic-10 or cinic10"), "{}", refused());
        fs::create_dir_all(folder.path().join("cinic10/test/cat")).expect("writable");
        assert!(refused().contains("cinic10/test: it has 1 folders"), "{}", refused());
    }
}
