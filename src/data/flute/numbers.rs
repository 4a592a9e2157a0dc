//! Numbers and their classes: pictures of any size, and rows of numbers such as heart beats, a
//! channel each. In HDF5 numbers may be texts.
//!
//! Pictures are grey (`[height, width]`) or have one or three colours, first or last. Whole numbers
//! from 0 to 255 stay bytes; if both files have none above 1, or with fractions, they are floats.

use super::form::{Form, Look};
use super::nested::Nested;
use super::{Blob, Json, Labels, Own, fault, file, once};
use crate::data::h5::Node;
use crate::data::{About, Augment, Column, DataError, Dataset, Samples, Source, Train};
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

/// What each user must have.
const ALIKE: &str = "every user has samples of one shape, numbers, and a class from 0 for each";

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
        let train_path = file(source.folder, &self.train_file)?;
        let test_path = file(source.folder, &self.test_file)?;
        let (train, test) = (Rows::read(&train_path)?, Rows::read(&test_path)?);
        if train.shape != test.shape {
            let reason = format!(
                "a sample is {:?}, and {:?} in {}",
                test.shape,
                train.shape,
                train_path.display()
            );
            return Err(fault(&test_path, reason, "both files hold samples of one shape"));
        }
        let classes = self.classes_of([&train, &test], &train_path)?;
        let form = Form::of(&test.shape);
        let shape = form.shape(&test.shape);
        if shape.len() != 3 && !augment.is_none() {
            let reason = format!("crop, flip and cutout are of pictures; a sample is {shape:?}");
            return Err(fault(&train_path, reason, "leave them out"));
        }
        let owners = (!source.test_only).then(|| train.starts.clone());
        let look = form.look([&train.values, &test.values], &augment, &train_path)?;
        let train = if source.test_only {
            Samples::default()
        } else {
            train.samples(form, &look)
        };
        Ok(Dataset {
            facts: Facts::classes(&shape, classes),
            train: Train::Stored(train),
            test: test.samples(form, &look),
            owners,
            about: About {
                standard: look.of_floats(),
                ..About::default()
            },
            ..Dataset::default()
        }
        .changed(match look.of_floats() {
            Some(standard) => augment.on(0.0, &standard),
            None => augment,
        }))
    }

    /// How many classes there are.
    fn classes_of(&self, parts: [&Rows; 2], path: &Path) -> Result<usize, DataError> {
        let all = parts.iter().flat_map(|rows| &rows.classes);
        let largest = all.copied().max().unwrap_or_default() as usize;
        match self.classes {
            0 => Ok(largest + 1),
            classes if largest >= classes => Err(fault(
                path,
                format!("class {largest} is none of {classes}, here or in the test file"),
                &format!("classes={} or more", largest + 1),
            )),
            classes => Ok(classes),
        }
    }
}

impl Rows {
    fn samples(self, form: Form, look: &Look) -> Samples {
        let width = self.shape.iter().product();
        Samples {
            inputs: look.column(self.values, width, form),
            targets: Column::integers(self.classes, 1),
        }
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
            let labels = json.user_data_label.remove(&user).map(Labels::all);
            let (Some(Own(Nested { shape, values })), Some(labels)) = (own, labels) else {
                let reason = format!("user `{user}` has no data or no labels");
                let hint = "every one of `users` stands in `user_data` and `user_data_label`";
                return Err(fault(path, reason, hint));
            };
            self.add(&user, shape.get(1..).unwrap_or_default(), &values, &labels)
                .map_err(|reason| fault(path, reason, ALIKE))?;
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
                .map_err(|reason| fault(path, reason, ALIKE))?;
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

    /// The set of one user's samples, the same in both files.
    fn set(samples: &str, augment: Augment) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            r#"{{"users": ["a"], "user_data": {{"a": {samples}}}, "user_data_label": {{"a": 1}}}}"#
        );
        for name in ["train_data.json", "test_data.json"] {
            std::fs::write(folder.path().join(name), &text).expect("writable");
        }
        let source = Source::of(folder.path());
        let settings = Numbered {
            train_file: "train_data".to_owned(),
            test_file: "test_data".to_owned(),
            classes: 0,
        };
        let set = settings.dataset(&source, augment);
        set.map_err(|error| error.to_string())
    }

    fn normalised(normalise: bool) -> Augment {
        Augment {
            normalise,
            ..Augment::default()
        }
    }

    #[test]
    fn pictures_keep_fractions_and_are_normalised_however_they_lie() {
        let shape = |samples: &str, normalise: bool| {
            let set = set(samples, normalised(normalise)).expect("sound");
            let mut floats = Vec::new();
            set.test.inputs.gather_floats(&[0], &mut floats);
            (set.facts.shape, floats)
        };
        let (ones, bytes) = ("[[[0.25, 1], [0, 0.5]]]", "[[[51, 255], [0, 102]]]");
        // The bare label counts too: there is one sample.
        assert_eq!(shape(ones, true), (vec![1, 2, 2], vec![-0.5, 1.0, -1.0, 0.0]));
        assert_eq!(shape(ones, false).1, [0.25, 1.0, 0.0, 0.5]);
        assert_eq!(shape("[[[63.75, 255], [0, 127.5]]]", true).1, [-0.5, 1.0, -1.0, 0.0]);
        let (grey, found) = shape(bytes, false);
        let near = |one: f32, other: f32| (one - other).abs() < 1e-6;
        assert!(
            found
                .iter()
                .zip([0.2, 1.0, 0.0, 0.4])
                .all(|(&one, other)| near(one, other))
        );
        assert_eq!(grey, [1, 2, 2]);
        let last = shape("[[[[0, 0.5, 1]], [[0.25, 0.75, 1]]]]", true);
        assert_eq!(last, (vec![3, 2, 1], vec![-1.0, -0.5, 0.0, 0.5, 1.0, 1.0]));
        let first = shape("[[[[0, 0.25]], [[0.5, 0.75]], [[1, 1]]]]", true);
        assert_eq!(first, (vec![3, 1, 2], last.1));
        let refused = set("[[[-1, 0.5]]]", normalised(true)).expect_err("refused");
        assert!(refused.contains("pixels are from -1 to 0.5"), "{refused}");
        assert_eq!(shape("[[[-1, 0.5]]]", false).1, [-1.0, 0.5]);
        // Rows are no pictures.
        assert_eq!(shape("[[-1, 300]]", true), (vec![1, 2], vec![-1.0, 300.0]));
        // Black is what comes in where a picture moves.
        let black = set(ones, normalised(true))
            .expect("sound")
            .augment
            .background;
        assert_eq!(black, [-1.0]);
        let flipped = Augment {
            flip: true,
            ..normalised(true)
        };
        assert!(
            set("[[1, 2]]", flipped)
                .expect_err("refused")
                .contains("are of pictures")
        );
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
