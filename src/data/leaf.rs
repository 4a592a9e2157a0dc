//! LEAF's JSON (Caldas et al. 2018): folders `train` and `test` with any number of files, each with `users` and `user_data`,
//! a pair of lists `x` and `y` for each user. Users are clients, in the order of the files; all must come to the same
//! users in both folders, as LEAF itself demands.

use super::{Column, DataError, Dataset, Samples, Source, Train};
use crate::files as door;
use crate::task::{Facts, Input, Task};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Pixels of an image.
const PIXELS: usize = 784;
/// Digits.
const DIGITS: usize = 10;
/// Digits, capital and small letters.
const CHARACTERS: usize = 62;
/// Characters of a row of text.
const LENGTH: usize = 80;
/// LEAF's characters; a token is the place in it.
const ALPHABET: &str = "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz}";

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

/// FEMNIST: images of 28x28 from 0 (ink) to 1 (paper), as LEAF has them, and 62 classes.
pub fn femnist(source: &Source<'_>) -> Result<Dataset, DataError> {
    images(source, source.folder, CHARACTERS)
}

/// FedML's MNIST: standardised already, pixel by pixel, in the folder `MNIST` or the one that is named.
pub fn mnist(source: &Source<'_>) -> Result<Dataset, DataError> {
    let inner = source.folder.join("MNIST");
    images(source, if inner.is_dir() { &inner } else { source.folder }, DIGITS)
}

/// Images of 28x28 as the files have them; classes may be written as floats.
fn images(source: &Source<'_>, folder: &Path, classes: usize) -> Result<Dataset, DataError> {
    let facts = Facts::classes(&[1, 28, 28], classes);
    let image = |x: Vec<f32>, y: f64| {
        let is_class = y >= 0.0 && y.fract() == 0.0 && y < classes as f64;
        let fault = match (x.len(), x.iter().all(|value| value.is_finite()), is_class) {
            (PIXELS, true, true) => return Ok((x, vec![y as u32])),
            (PIXELS, true, false) => format!("class {y} is none of 0 to {}", classes - 1),
            (PIXELS, false, _) => "a pixel is no finite number".to_owned(),
            (found, ..) => format!("an image has {found} pixels, not {PIXELS}"),
        };
        Err(fault)
    };
    let made = |samples: Vec<(Vec<f32>, Vec<u32>)>| {
        let (inputs, targets): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        Samples { inputs: Column::floats(inputs.concat(), PIXELS), targets: Column::integers(targets.concat(), 1) }
    };
    read(source, folder, facts, image, made)
}

/// Shakespeare: the next character after each row of 80.
pub fn shakespeare(source: &Source<'_>) -> Result<Dataset, DataError> {
    let vocabulary = ALPHABET.chars().count();
    let task = Task::Next { vocabulary, ignore: None };
    let facts = Facts { shape: vec![LENGTH], task, input: Input::Tokens, targets: 1 };
    let row = |x: String, y: String| {
        let (x, y) = (tokens(&x)?, tokens(&y)?);
        match (x.len(), y.len()) {
            (LENGTH, 1) => Ok((x, y)),
            (found, next) => Err(format!("{found} characters and {next} next ones, where {LENGTH} and 1 belong")),
        }
    };
    let made = |samples: Vec<(Vec<u32>, Vec<u32>)>| {
        let (inputs, targets): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        Samples { inputs: Column::integers(inputs.concat(), LENGTH), targets: Column::integers(targets.concat(), 1) }
    };
    read(source, source.folder, facts, row, made)
}

/// Places of characters in the alphabet.
fn tokens(text: &str) -> Result<Vec<u32>, String> {
    let token = |character: char| {
        let place = ALPHABET.chars().position(|known| known == character);
        place
            .map(|place| place as u32)
            .ok_or(format!("character {character:?} is not one of LEAF's {}", ALPHABET.len()))
    };
    text.chars().map(token).collect()
}

/// Reads both folders. `sample` makes a sample of an x and a y, or says what is wrong; `made` makes columns of them.
fn read<X, Y, S>(
    source: &Source<'_>,
    folder: &Path,
    facts: Facts,
    sample: impl Fn(X, Y) -> Result<S, String>,
    made: impl Fn(Vec<S>) -> Samples,
) -> Result<Dataset, DataError>
where
    File<X, Y>: for<'de> Deserialize<'de>,
{
    let part = |name: &str| -> Result<(Vec<usize>, Samples), DataError> {
        let (mut users, mut starts, mut samples) = (BTreeSet::new(), vec![0], Vec::new());
        for path in files(&folder.join(name))? {
            let fault = |reason: String| DataError::Format { path: path.clone(), reason };
            let bytes = door::bytes(&path)
                .map_err(|error| DataError::Read { path: path.clone(), reason: error.to_string() })?;
            let mut file: File<X, Y> = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
            for user in file.users {
                let own = file.user_data.remove(&user).ok_or(fault(format!("user `{user}` has no data")))?;
                if own.x.is_empty() || own.x.len() != own.y.len() {
                    return Err(fault(format!("user `{user}` has {} x and {} y", own.x.len(), own.y.len())));
                }
                for (row, (x, y)) in own.x.into_iter().zip(own.y).enumerate() {
                    samples.push(sample(x, y).map_err(|reason| fault(format!("user `{user}`, row {row}: {reason}")))?);
                }
                if let Some(user) = users.replace(user) {
                    return Err(fault(format!("user `{user}` comes twice")));
                }
                starts.push(samples.len());
            }
        }
        Ok((starts, made(samples)))
    };
    let (_, test) = part("test")?;
    let (train, owners) = match source.test_only {
        true => (made(Vec::new()), None),
        false => {
            let (starts, train) = part("train")?;
            (train, Some(starts))
        }
    };
    Ok(Dataset { facts, train: Train::Stored(train), test, owners, ..Dataset::default() })
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unread = |reason: String| DataError::Read { path: folder.to_owned(), reason };
    let entries = fs::read_dir(folder).map_err(|error| unread(error.to_string()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    if files.is_empty() { Err(unread("there is no .json file".to_owned())) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn written(train: &str, test: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("train", train), ("test", test)] {
            fs::create_dir(folder.path().join(name)).expect("writable");
            fs::write(folder.path().join(name).join("all.json"), text).expect("writable");
        }
        folder
    }

    fn source(folder: &Path) -> Source<'_> {
        Source { folder, clients: 2, seed: Seed(0), test_only: false }
    }

    fn text(users: &[(&str, &str, &str)]) -> String {
        let names: Vec<String> = users.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
        let data: Vec<String> =
            users.iter().map(|(name, x, y)| format!("\"{name}\": {{\"x\": [{x}], \"y\": [{y}]}}")).collect();
        format!("{{\"users\": [{}], \"num_samples\": [], \"user_data\": {{{}}}}}", names.join(","), data.join(","))
    }

    #[test]
    fn text_becomes_tokens_and_users_own_their_rows() {
        let row = format!("\"{}\"", "To be or".repeat(10));
        let folder = written(
            &text(&[("HAMLET", &format!("{row},{row}"), "\"a\",\"b\""), ("GHOST", &row, "\"}\"")]),
            &text(&[("HAMLET", &row, "\"a\"")]),
        );
        let set = shakespeare(&source(folder.path())).expect("well-formed");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!((set.owners, train.targets.classes()), (Some(vec![0, 2, 3]), Some(&[53, 54, 79][..])));
        let mut first = Vec::new();
        train.inputs.gather_integers(&[2], &mut first);
        assert_eq!((first.len(), &first[..3]), (80, &tokens("To ").expect("known")[..]));
    }

    #[test]
    fn faults_name_file_user_and_row() {
        let good = format!("\"{}\"", "x".repeat(80));
        let refused = |x: &str, y: &str| {
            let folder = written(&text(&[("A", x, y)]), &text(&[("A", &good, "\"a\"")]));
            shakespeare(&source(folder.path())).expect_err("refused").to_string()
        };
        assert!(refused("\"short\"", "\"a\"").contains("user `A`, row 0: 5 characters"));
        assert!(refused(&good, "\"~\"").contains("'~' is not one of LEAF's 80"));
        assert!(refused(&good, "").contains("1 x and 0 y"));
        assert!(refused("7", "\"a\"").contains("all.json"));
        let folder = tempfile::tempdir().expect("a folder");
        assert!(shakespeare(&source(folder.path())).expect_err("nothing there").to_string().contains("test"));
    }
}
