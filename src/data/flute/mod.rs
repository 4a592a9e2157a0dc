//! FLUTE's files of users, in all their shapes: JSON or HDF5, told apart by how they begin.
//!
//! * `user_data.USER.x`, a list of samples; labels, where there are any, in `user_data_label.USER`;
//! * `user_data.USER`, directly the list of samples: its pictures in JSON, and its texts for masked
//!   words, which are JSON in a file that is called `.txt`.
//!
//! A user of one sample may have its label without a list, as `semisupervision` writes it.
//!
//! Users come in the order of `users`. `num_samples` may be longer than that, and is not looked at:
//! the samples are counted.

mod form;
mod nested;
mod numbers;
mod pieces;
mod sentences;
mod texts;
mod tokens;

use super::DataError;
use super::h5::Node;
use super::places;
use crate::files;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Display;
use std::io::Read;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

pub use numbers::Numbered;
pub use texts::Texts;

/// How an HDF5 file begins.
const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A file: samples of each user, and their labels where it has them.
enum Blob<T> {
    Json(Json<T>),
    Hdf5(Node),
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Json<T> {
    users: Vec<String>,
    user_data: BTreeMap<String, Own<T>>,
    #[serde(default)]
    user_data_label: BTreeMap<String, Labels>,
}

/// A user's labels, or the only one.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a user's labels are none: they must be a number or a list of them"
)]
enum Labels {
    One(f64),
    Each(Vec<f64>),
}

impl Labels {
    fn all(self) -> Vec<f64> {
        match self {
            Labels::One(label) => vec![label],
            Labels::Each(labels) => labels,
        }
    }
}

/// A user's samples, which are under `x` or there directly.
struct Own<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Own<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Own<T>, D::Error> {
        deserializer.deserialize_any(OfUser(PhantomData))
    }
}

struct OfUser<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfUser<T> {
    type Value = Own<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a user's samples, in a list or under `x`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Own<T>, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(list)).map(Own)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Own<T>, A::Error> {
        let mut samples = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "x" => samples = Some(map.next_value()?),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        samples.map(Own).ok_or_else(|| Error::missing_field("x"))
    }
}

/// A file of a set: what is named, with the ending that is there.
fn file(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let [hdf5, json, text] = ["hdf5", "json", "txt"].map(|end| format!("{name}.{end}"));
    places::file(folder, &[name, &hdf5, &json, &text])
}

/// What is wrong with a file's content, and a remedy.
fn fault(path: &Path, reason: impl Display, hint: &str) -> DataError {
    DataError::Own {
        path: path.to_owned(),
        reason: format!("{reason} (hint: {hint})"),
    }
}

/// JSON of another form is not mended by fetching it again; torn JSON is.
fn unfit(path: &Path, error: &serde_json::Error) -> DataError {
    match error.classify() {
        Category::Data => fault(
            path,
            error,
            "docs/data.md says which form FLUTE's files have; --dataset says what is in them",
        ),
        _ => DataError::damaged(path, error.to_string()),
    }
}

impl<T: DeserializeOwned> Blob<T> {
    fn open(path: &Path) -> Result<Blob<T>, DataError> {
        let mut start = Vec::new();
        let file = files::open(path).map_err(DataError::unread(path))?;
        file.take(SIGNATURE.len() as u64)
            .read_to_end(&mut start)
            .map_err(DataError::unread(path))?;
        if start == SIGNATURE {
            return Ok(Blob::Hdf5(Node::open(path)?));
        }
        let bytes = files::bytes(path).map_err(DataError::unread(path))?;
        let json = serde_json::from_slice(&bytes).map_err(|error| unfit(path, &error))?;
        Ok(Blob::Json(json))
    }
}

/// Refuses a user that comes twice.
fn once(users: &[String], path: &Path) -> Result<(), DataError> {
    let mut seen = BTreeSet::new();
    match users.iter().find(|user| !seen.insert(*user)) {
        Some(user) => Err(fault(
            path,
            format!("user `{user}` comes twice"),
            "each of `users` has a name of its own",
        )),
        None if users.is_empty() => {
            Err(fault(path, "it has no users", "`users` is the list of their names"))
        }
        None => Ok(()),
    }
}
