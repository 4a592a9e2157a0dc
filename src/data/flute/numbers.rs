//! Numbers and their classes: pictures of any size with three colours last, which become planes of
//! bytes, and rows of numbers such as heart beats, a channel each. In HDF5 numbers may be texts.

use super::nested::Nested;
use super::{Blob, Json, Own, fault, file, once};
use crate::data::h5::Node;
use crate::data::pictures::planes;
use crate::data::{Augment, Column, DataError, Dataset, Numbers, Samples, Source, Standard, Train};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use std::path::Path;

part! {
    /// Settings of FLUTE's files of numbers and classes.
    pub Numbered {
        train_file: String = "train_data", "FILE", Range::ANY, "training file in --data_dir, with or without its ending";
        test_file: String = "test_data", "FILE", Range::ANY, "test file in --data_dir, with or without its ending";
        classes: usize = "0", "CLASSES", Range::COUNT_OR_NONE, "classes that there are; 0: one more than the largest of both files";
    }
}

/// What a file comes to.
#[derive(Debug, Default, PartialEq)]
struct Rows {
    // Of a sample, as it lies there.
    shape: Vec<usize>,
    values: Vec<f32>,
    classes: Vec<u32>,
    starts: Vec<usize>,
}

impl Numbered {
    /// Reads both files.
    pub fn dataset(&self, source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
        let [train_path, test_path] =
            [&self.train_file, &self.test_file].map(|name| file(source.folder, name));
        let (train, test) = (Rows::read(&train_path)?, Rows::read(&test_path)?);
        if train.shape != test.shape {
            let reason = format!(
                "a sample is {:?}, and {:?} in {}",
                test.shape,
                train.shape,
                train_path.display()
            );
            return Err(fault(&test_path, reason));
        }
        let largest = train
            .classes
            .iter()
            .chain(&test.classes)
            .copied()
            .max()
            .unwrap_or_default();
        let classes = if self.classes > 0 {
            self.classes
        } else {
            largest as usize + 1
        };
        if largest as usize >= classes {
            return Err(fault(
                &train_path,
                format!("class {largest} is none of {classes}, here or in the test file"),
            ));
        }
        let shape = facing(&test.shape);
        let owners = (!source.test_only).then(|| train.starts.clone());
        let standard = augment.standard([0.5; 3], [0.5; 3]);
        let train = if source.test_only {
            Samples::default()
        } else {
            train.samples(&standard, &train_path)?
        };
        let (facts, test) = (Facts::classes(&shape, classes), test.samples(&standard, &test_path)?);
        Ok(Dataset {
            facts,
            train: Train::Stored(train),
            test,
            owners,
            ..Dataset::default()
        }
        .changed(augment))
    }
}

/// Whether a sample is pixels of three colours side by side.
fn is_picture(shape: &[usize]) -> bool {
    matches!(shape, &[_, _, 3])
}

/// The shape of a sample as models take it: channels first.
fn facing(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [height, width, 3] => vec![3, height, width],
        [length] => vec![1, length],
        _ => shape.to_vec(),
    }
}

fn byte(value: &f32) -> Option<u8> {
    match value {
        0.0..=255.0 => Some(value.round() as u8),
        _ => None,
    }
}

impl Rows {
    fn samples(self, standard: &Standard, path: &Path) -> Result<Samples, DataError> {
        let width = self.shape.iter().product();
        let targets = Column::integers(self.classes, 1);
        if !is_picture(&self.shape) {
            return Ok(Samples {
                inputs: Column::floats(self.values, width),
                targets,
            });
        }
        let bytes: Option<Vec<u8>> = self.values.iter().map(byte).collect();
        let bytes = bytes.ok_or_else(|| fault(path, "a pixel is not from 0 to 255".to_owned()))?;
        let turned: Vec<u8> = bytes
            .chunks_exact(width)
            .flat_map(|row| planes(row, 3))
            .collect();
        Ok(Samples {
            inputs: Column::new(Numbers::Bytes(turned.into(), standard.clone()), width),
            targets,
        })
    }

    fn read(path: &Path) -> Result<Rows, DataError> {
        let mut rows = Rows {
            starts: vec![0],
            ..Rows::default()
        };
        match Blob::<Nested>::open(path)? {
            Blob::Json(json) => rows.add_json(json, path)?,
            Blob::Hdf5(root) => rows.add_hdf5(&root, path)?,
        }
        Ok(rows)
    }

    fn add_json(&mut self, mut json: Json<Nested>, path: &Path) -> Result<(), DataError> {
        once(&json.users, path)?;
        for user in std::mem::take(&mut json.users) {
            let own = json.user_data.remove(&user);
            let (Some(Own(Nested { shape, values })), Some(labels)) =
                (own, json.user_data_label.remove(&user))
            else {
                return Err(fault(path, format!("user `{user}` has no data or no labels")));
            };
            self.add(&user, shape.get(1..).unwrap_or_default(), &values, &labels)
                .map_err(|reason| fault(path, reason))?;
        }
        Ok(())
    }

    fn add_hdf5(&mut self, root: &Node, path: &Path) -> Result<(), DataError> {
        let users = root.array("users")?.texts()?;
        once(&users, path)?;
        let (data, marks) = (root.group("user_data")?, root.group("user_data_label")?);
        for user in users {
            let samples = data.group(&user)?.array("x")?;
            let labels: Vec<f64> = marks
                .array(&user)?
                .whole()?
                .into_iter()
                .map(|label| label as f64)
                .collect();
            let shape = samples.shape();
            let values = samples.floats()?;
            self.add(&user, shape.get(1..).unwrap_or_default(), &values, &labels)
                .map_err(|reason| fault(path, reason))?;
        }
        Ok(())
    }

    /// Adds a user's samples, or says what is wrong with them.
    fn add(
        &mut self,
        user: &str,
        shape: &[usize],
        values: &[f32],
        labels: &[f64],
    ) -> Result<(), String> {
        let width: usize = shape.iter().product();
        if self.starts.len() == 1 {
            self.shape = shape.to_vec();
        }
        if self.shape != shape || values.len() != labels.len() * width || values.is_empty() {
            let found = (values.len(), labels.len());
            return Err(format!(
                "user `{user}` has {} values of {shape:?} and {} labels",
                found.0, found.1
            ));
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!("user `{user}`, sample {}: a value is not finite", place / width));
        }
        for (row, &label) in labels.iter().enumerate() {
            if label < 0.0 || label.fract() != 0.0 || label > f64::from(u16::MAX) {
                return Err(format!("user `{user}`, sample {row}: label {label} is no class"));
            }
            self.classes.push(label as u32);
        }
        self.values.extend_from_slice(values);
        self.starts.push(self.classes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rows, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writable");
        Rows::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn both_shapes_of_json_are_the_same() {
        let tail = r#""num_samples": [2, 1, 9, 9], "user_data_label": {"a": [1, 0], "b": [2.0]}}"#;
        let blob = |data: &str| format!(r#"{{"users": ["b", "a"], "user_data": {data}, {tail}"#);
        let wanted = Rows {
            shape: vec![2],
            values: vec![5.0, 6.0, 1.0, 2.0, 3.0, 4.0],
            classes: vec![2, 1, 0],
            starts: vec![0, 1, 3],
        };
        let under = blob(r#"{"a": {"x": [[1, 2], [3, 4]]}, "b": {"x": [[5, 6]]}}"#);
        assert_eq!(read(&under).as_ref(), Ok(&wanted));
        let direct = blob(r#"{"a": [[1, 2], [3, 4]], "b": [[5, 6]]}"#);
        assert_eq!(read(&direct), Ok(wanted));
    }

    #[test]
    fn faults_name_the_user() {
        let refused = |users: &str, data: &str, labels: &str| {
            let text = format!(
                r#"{{"users": {users}, "user_data": {data}, "user_data_label": {labels}}}"#
            );
            read(&text).expect_err("refused")
        };
        assert!(refused(r#"["a", "a"]"#, "{}", "{}").contains("user `a` comes twice"));
        assert!(refused("[]", "{}", "{}").contains("no users"));
        assert!(
            refused(r#"["a"]"#, r#"{"a": [[1]]}"#, "{}")
                .contains("user `a` has no data or no labels")
        );
        assert!(
            refused(r#"["a"]"#, r#"{"a": [[1], [2]]}"#, r#"{"a": [1]}"#)
                .contains("user `a` has 2 values of [1] and 1 labels")
        );
        assert!(
            refused(r#"["a"]"#, r#"{"a": []}"#, r#"{"a": []}"#).contains("user `a` has 0 values")
        );
        assert!(
            refused(r#"["a"]"#, r#"{"a": [[1]]}"#, r#"{"a": [-1]}"#)
                .contains("label -1 is no class")
        );
        assert!(
            refused(r#"["a"]"#, r#"{"a": [[1e99]]}"#, r#"{"a": [1]}"#)
                .contains("sample 0: a value is not finite")
        );
    }
}
