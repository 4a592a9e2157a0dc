//! Google Landmarks by their photographers (Hsu et al. 2020), as FedML has them: `gld23k` with 233
//! users and 203 classes, `gld160k` with 1,262 and 2,028. `data_user_dict/SET_user_dict_train.csv`
//! and `..._test.csv` name user, picture and class, or the lists as Google publishes them; the
//! pictures are JPEG files in `images`.

use super::{Augment, Pictures};
use crate::data::decode::{self, Form};
use crate::data::places::{file, found};
use crate::data::{DataError, Dataset, Source, Train};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

part! {
    /// Settings of Landmarks.
    pub Landmarks {
        lists: String = "gld23k", "SET", Range::ANY, "gld23k or gld160k: what its lists are called";
        side: usize = "224", "PIXELS", Range::between(8.0, 1024.0), "pictures are scaled to squares of this side";
    }
}

/// What the lists of each set are called where they are published, and the folder in their
/// archives.
const PUBLISHED: &[(&str, &str, [&str; 2])] = &[
    ("gld23k", "landmarks-user-23k/", ["mini_gld_train_split.csv", "mini_gld_test.csv"]),
    ("gld160k", "landmarks-user-160k/", ["federated_train.csv", "test.csv"]),
];

/// A line of a list; the test list names no users.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    user_id: String,
    image_id: String,
    class: u16,
}

impl Landmarks {
    /// Reads both lists and their pictures. Users come in the order of their numbers or names.
    pub fn dataset(&self, source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
        let (train, test) = (self.list(source, "train")?, self.list(source, "test")?);
        let classes = train
            .iter()
            .chain(&test)
            .map(|line| usize::from(line.class) + 1)
            .max()
            .unwrap_or_default();
        let (width, standard) = (3 * self.side * self.side, augment.standard([0.5; 3], [0.5; 3]));
        let images = found(source.folder, &["images/", ""]);
        let mut stored = Pictures::default();
        let mut starts = vec![0];
        for own in by_user(&train).into_values().filter(|_| !source.test_only) {
            self.add(&own, &images, &mut stored)?;
            starts.push(stored.len());
        }
        let mut evaluated = Pictures::default();
        self.add(&test.iter().collect::<Vec<&Line>>(), &images, &mut evaluated)?;
        Ok(Dataset {
            facts: Facts::classes(&[3, self.side, self.side], classes),
            train: Train::Stored(stored.samples(width, standard.clone())),
            test: evaluated.samples(width, standard),
            owners: (!source.test_only).then_some(starts),
            ..Dataset::default()
        }
        .changed(augment))
    }

    /// The list of a part: FedML's of the users, else the one that it downloads today.
    fn path(&self, folder: &Path, part: &str) -> Result<PathBuf, DataError> {
        let name = format!("{}_user_dict_{part}.csv", self.lists);
        let mut paths = vec![format!("data_user_dict/{name}"), name];
        let published = PUBLISHED.iter().find(|(lists, ..)| *lists == self.lists);
        if let Some((_, inner, [train, test])) = published {
            let name = if part == "train" { train } else { test };
            let places = ["", "datasets/", inner, &format!("datasets/{inner}")];
            paths.extend(places.map(|place| format!("{place}{name}")));
        }
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        file(folder, &paths)
    }

    fn list(&self, source: &Source<'_>, part: &str) -> Result<Vec<Line>, DataError> {
        let path = self.path(source.folder, part)?;
        let file = files::open(&path).map_err(DataError::unread(&path))?;
        let lines: Result<Vec<Line>, csv::Error> =
            csv::Reader::from_reader(file).into_deserialize().collect();
        let lines = lines.map_err(|error| DataError::damaged(&path, error.to_string()))?;
        if lines.is_empty() {
            return Err(DataError::damaged(&path, "it has no lines"));
        }
        Ok(lines)
    }

    fn add(
        &self,
        lines: &[&Line],
        images: &Path,
        pictures: &mut Pictures,
    ) -> Result<(), DataError> {
        let paths: Vec<PathBuf> = lines
            .iter()
            .map(|line| images.join(format!("{}.jpg", line.image_id)))
            .collect();
        let form = Form {
            coloured: true,
            size: Some([self.side; 2]),
        };
        let decoded = decode::pictures(&paths, form)?;
        for (found, line) in decoded.iter().zip(lines) {
            pictures.push(&found.bytes, u32::from(line.class));
        }
        Ok(())
    }
}

/// The lines of each user: numbers in their order, then names.
fn by_user(lines: &[Line]) -> BTreeMap<(u64, &str), Vec<&Line>> {
    let mut users: BTreeMap<(u64, &str), Vec<&Line>> = BTreeMap::new();
    for line in lines {
        let number = line.user_id.parse().unwrap_or(u64::MAX);
        users.entry((number, &line.user_id)).or_default().push(line);
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_as_fedml_and_google_call_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let path = |lists: &str, part: &str| {
            let landmarks = Landmarks {
                lists: lists.to_owned(),
                side: 8,
            };
            let path = landmarks.path(folder, part);
            path.map_err(|error| error.to_string())
        };
        let missing = path("gld23k", "test").expect_err("refused");
        let first = "data_user_dict/gld23k_user_dict_test.csv: no such file, nor is";
        assert!(missing.contains(first) && missing.contains("mini_gld_test.csv"), "{missing}");
        // What comes later here is sought earlier.
        for (lists, part, name) in [
            ("gld23k", "train", "mini_gld_train_split.csv"),
            ("gld160k", "train", "datasets/landmarks-user-160k/federated_train.csv"),
            ("gld160k", "test", "test.csv"),
            ("gld23k", "train", "data_user_dict/gld23k_user_dict_train.csv"),
        ] {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("writable");
            std::fs::write(&file, "").expect("writable");
            assert_eq!(path(lists, part), Ok(file));
        }
    }
}
