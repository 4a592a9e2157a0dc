//! `arrays`: `train` and `test`, each as `.npz` or `.safetensors`, with the arrays
//!
//! | array | what |
//! |---|---|
//! | `x` | a row for each sample; kind and shape decide, see [`super::learn`] |
//! | `y` | its target |
//! | `users` | whose it is, as numbers or words; may be left out |

use super::array::{Array, Cells};
use super::learn::{self, Meaning};
use super::named::Named;
use super::rows::{Finish, Raw, Rows};
use super::said::{Said, Sought, Taken};
use super::standard::Wanted;
use super::{fault, npz, tensors};
use crate::data::{About, Augment, Column, DataError, Dataset, Samples, Source};
use crate::part::{Part, Range, Values};
use crate::{files, part};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ARRAYS: &[&str] = &["x", "y", "users"];

part! {
    /// Its settings.
    pub Arrays {
        task: Sought = "detect", "TASK", Range::ANY, "what is learned; detect: by y";
        inputs: Taken = "detect", "KIND", Range::ANY, "what x is; detect: by its kind";
        classes: usize = "0", "COUNT", Range::COUNT_OR_NONE, "classes or tokens that there are; 0: one more than the largest in the files";
        standardise: String = "set", "FIGURES", Range::ANY, "numbers become (value - mean) / deviation: none, set (of the training data), or MEAN/DEVIATION";
        test_share: f64 = "0.2", "SHARE", Range::FRACTION, "share of each user's rows that is set aside where there is no test file";
    }
}

/// One of the two files, its inputs ready.
struct Opened {
    path: PathBuf,
    shape: Vec<usize>,
    inputs: Column,
    targets: Array,
    users: Option<Named>,
}

/// Reads the files of a folder.
pub fn read(values: &Values, source: &Source<'_>) -> Result<Dataset, DataError> {
    let Arrays {
        task,
        inputs,
        classes,
        standardise,
        test_share,
    } = Arrays::read(values);
    let said = Said {
        task,
        inputs,
        classes,
    };
    let standardise = Wanted::read(&standardise).map_err(|reason| fault(source.folder, reason))?;
    let train = match source.test_only {
        true => None,
        false => Some(open(source.folder, "train", &said)?.ok_or_else(|| missing(source.folder))?),
    };
    let test = open(source.folder, "test", &said)?;
    let raw = together(source.folder, train, test, &said)?;
    let augment = Augment::without_figures(values);
    if !augment.is_none() && raw.facts.shape.len() != 3 {
        let reason = "crop, flip and cutout change pictures, and rows of `x` are none \
                      (hint: a height and a width each)";
        return Err(fault(source.folder, reason));
    }
    let set = raw.finish(&Finish {
        test_share,
        standardise: &standardise,
        seed: source.seed,
    })?;
    Ok(set.changed(augment))
}

fn missing(folder: &Path) -> DataError {
    fault(
        folder,
        "there is neither train.npz nor train.safetensors \
         (hint: fedmpi.save_dataset in Python writes one)",
    )
}

/// Reads arrays of these names.
type Read = fn(&Path, &[&str]) -> Result<BTreeMap<String, Array>, String>;

/// By the ends of names.
const FORMS: [(&str, Read); 2] = [("npz", npz::read), ("safetensors", tensors::read)];

/// The file of a name, in whichever form it is there.
fn open(folder: &Path, name: &str, said: &Said) -> Result<Option<Opened>, DataError> {
    let paths = FORMS
        .iter()
        .map(|(form, read)| (folder.join(format!("{name}.{form}")), read));
    let there: Vec<_> = paths.filter(|(path, _)| files::is_there(path)).collect();
    match &there[..] {
        [] => Ok(None),
        [(path, read)] => {
            let opened = read(path, ARRAYS).and_then(|arrays| opened(path, arrays, said));
            opened.map(Some).map_err(|reason| fault(path, reason))
        }
        [(one, _), (other, _), ..] => {
            Err(fault(one, format!("{} is there too (hint: keep one)", other.display())))
        }
    }
}

/// Arrays that have equally many rows, and inputs that a model can take.
fn opened(path: &Path, mut arrays: BTreeMap<String, Array>, said: &Said) -> Result<Opened, String> {
    let mut taken = |name: &str| arrays.remove(name);
    let x = taken("x").ok_or("there is no array `x` (hint: arrays are called x, y and users)")?;
    let targets =
        taken("y").ok_or("there is no array `y` (hint: arrays are called x, y and users)")?;
    let users = taken("users");
    if x.shape.is_empty() || x.rows() == 0 || x.rows() > u32::MAX as usize {
        return Err(format!("`x` has the shape {:?} (hint: a row for each sample)", x.shape));
    }
    as_many("y", &targets, &x)?;
    if let Some(users) = &users {
        as_many("users", users, &x)?;
    }
    let users = users.map(|users| owners(&users)).transpose()?;
    let (shape, inputs) = learn::inputs(x, said)?;
    Ok(Opened {
        path: path.to_owned(),
        shape,
        inputs,
        targets,
        users,
    })
}

fn as_many(name: &str, array: &Array, x: &Array) -> Result<(), String> {
    match array.rows() == x.rows() && !array.shape.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "`{name}` has the shape {:?} and `x` {:?} (hint: one for each row of x)",
            array.shape, x.shape
        )),
    }
}

fn owners(users: &Array) -> Result<Named, String> {
    match users.row_shape().iter().product() {
        1 if matches!(users.cells, Cells::Floats(_) | Cells::Flags(_)) => Err(format!(
            "`users` holds {} (hint: integers or words, as users.astype(\"int64\") makes them)",
            users.kind()
        )),
        1 => users.texts().into_iter().collect::<Named>().into_users(),
        width => Err(format!("`users` has {width} values a row (hint: one user for each row)")),
    }
}

/// What the files mean together.
fn together(
    folder: &Path,
    train: Option<Opened>,
    test: Option<Opened>,
    said: &Said,
) -> Result<Raw, DataError> {
    let there: Vec<&Opened> = train.iter().chain(&test).collect();
    let first = there.first().ok_or_else(|| missing(folder))?;
    if let Some(other) = there.iter().find(|other| other.shape != first.shape) {
        let (found, wanted) = (&other.shape, &first.shape);
        let reason = format!(
            "rows are {found:?}, in {} {wanted:?} (hint: the same in both)",
            first.path.display()
        );
        return Err(fault(&other.path, reason));
    }
    if let Some(other) = there
        .iter()
        .find(|other| has_words(other) != has_words(first))
    {
        let reason = format!(
            "`y` holds {}, in {} {} (hint: words in both, or integers from 0 in both)",
            other.targets.kind(),
            first.path.display(),
            first.targets.kind()
        );
        return Err(fault(&other.path, reason));
    }
    let largest = there
        .iter()
        .filter_map(|opened| opened.inputs.largest())
        .max();
    let targets: Vec<&Array> = there.iter().map(|opened| &opened.targets).collect();
    let meaning = learn::meaning(said, &first.shape, largest, &targets);
    let meaning = meaning.map_err(|reason| fault(&first.path, reason))?;
    let rows = |opened: Option<Opened>| opened.map(|opened| rows(opened, &meaning)).transpose();
    let (train, test) = (rows(train)?, rows(test)?);
    let about = About {
        classes: meaning.names,
        ..About::default()
    };
    Ok(Raw {
        place: folder.to_owned(),
        facts: meaning.facts,
        about,
        measured: vec![],
        fills: false,
        train,
        test,
    })
}

/// Whether targets are words.
fn has_words(opened: &Opened) -> bool {
    matches!(opened.targets.cells, Cells::Texts(_))
}

fn rows(opened: Opened, meaning: &Meaning) -> Result<Rows, DataError> {
    let Opened {
        path,
        inputs,
        targets,
        users,
        ..
    } = opened;
    let fault = |reason| fault(&path, reason);
    if let (Some(token), vocabulary) = (inputs.largest(), meaning.facts.task.outputs())
        && meaning.facts.task.is_of_tokens()
        && token as usize >= vocabulary
    {
        let last = vocabulary.saturating_sub(1);
        return Err(fault(format!(
            "`x` holds token {token}, which is none of 0 to {last} (hint: classes=N says how many)"
        )));
    }
    let targets = learn::targets(&targets, meaning).map_err(fault)?;
    Ok(Rows {
        samples: Samples { inputs, targets },
        users,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{KIND, Numbers, Train};
    use crate::seed::Seed;
    use safetensors::{Dtype, tensor::TensorView};

    fn write(path: &Path, arrays: &[(&str, Dtype, &[usize], &[u8])]) {
        let views = arrays.iter().map(|&(name, kind, shape, bytes)| {
            (name, TensorView::new(kind, shape.to_vec(), bytes).expect("fits"))
        });
        std::fs::write(path, safetensors::serialize(views, &None).expect("sound"))
            .expect("writable");
    }

    fn dataset(folder: &Path, choice: &str) -> Result<Dataset, DataError> {
        let (_, values) = KIND.look_up(&choice.into()).expect("sound settings");
        read(
            &values,
            &Source {
                folder,
                clients: 2,
                seed: Seed(1),
                test_only: false,
            },
        )
    }

    fn refused(arrays: &[(&str, Dtype, &[usize], &[u8])], choice: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("train.safetensors"), arrays);
        dataset(folder.path(), choice)
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn bytes_stay_bytes_and_users_are_put_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let pixels: Vec<u8> = (0..16).collect();
        let of = |users: &'static [u8]| {
            [
                ("x", Dtype::U8, &[4, 2, 2][..], &pixels[..]),
                ("y", Dtype::U8, &[4], &[0, 1, 2, 1]),
                ("users", Dtype::U8, &[4], users),
            ]
        };
        write(&folder.path().join("train.safetensors"), &of(&[7, 3, 7, 3]));
        write(&folder.path().join("test.safetensors"), &of(&[1, 1, 1, 1]));
        let set = dataset(folder.path(), "arrays").expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!(
            (&set.facts.shape, set.facts.task.outputs(), set.owners),
            (&vec![1, 2, 2], 3, Some(vec![0, 2, 4]))
        );
        assert!(matches!(train.inputs.numbers(), Numbers::Bytes(..)));
        assert_eq!(
            (train.targets.classes(), set.about.owners.join(" ")),
            (Some(&[0, 2, 1, 1][..]), "7 3".to_owned())
        );
        let mut floats = Vec::new();
        train.inputs.gather_floats(&[0, 1, 2, 3], &mut floats);
        assert!(
            floats.iter().sum::<f32>().abs() < 1e-4
                && (floats.iter().map(|value| value * value).sum::<f32>() - 16.0).abs() < 1e-3
        );
    }

    #[test]
    fn faults_name_the_file_and_the_array() {
        let x = ("x", Dtype::U8, &[2, 1][..], &[1u8, 2][..]);
        let fault = refused(&[x, ("y", Dtype::U8, &[1], &[0])], "arrays");
        assert!(
            fault.contains("train.safetensors: `y` has the shape [1] and `x` [2, 1] (hint:"),
            "{fault}"
        );
        assert!(refused(&[x], "arrays").contains("no array `y` (hint:"));
        let y = ("y", Dtype::U8, &[2][..], &[0u8, 5][..]);
        assert!(refused(&[x, y], "arrays:classes=3").contains("`y` holds 5 in row 1"));
        assert!(
            refused(&[x, y, ("users", Dtype::U8, &[2, 1], &[0, 1])], "arrays:standardise=x")
                .contains("standardise is `x`")
        );
        assert!(refused(&[x, y], "arrays:test_share=0").contains("too few rows"));
        assert!(
            refused(&[x, y], "arrays:inputs=tokens,task=next,classes=2")
                .contains("`x` holds token 2")
        );
    }

    #[test]
    fn targets_of_two_kinds_are_refused_and_unseen_ones_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let x = ("x", Dtype::U8, &[2, 1][..], &[1u8, 2][..]);
        let y = |bytes: &'static [u8]| ("y", Dtype::U8, &[2][..], bytes);
        std::fs::write(folder.path().join("train.npz"), npz::tests::words()).expect("writable");
        write(&folder.path().join("test.safetensors"), &[x, y(&[0, 1])]);
        let fault = dataset(folder.path(), "arrays")
            .expect_err("two kinds")
            .to_string();
        assert!(
            fault.contains("test.safetensors: `y` holds uint8, in ")
                && fault.contains("train.npz strings (hint: words in both"),
            "{fault}"
        );
        std::fs::remove_file(folder.path().join("train.npz")).expect("there");
        write(&folder.path().join("train.safetensors"), &[x, y(&[0, 1])]);
        write(&folder.path().join("test.safetensors"), &[x, y(&[2, 1])]);
        let set = dataset(folder.path(), "arrays").expect("sound");
        assert_eq!(set.about.notes, ["1 classes of the test file are of no row to train on: 2"]);
    }

    #[test]
    fn users_are_integers_or_words() {
        let arrays = |kind, users: &'static [u8]| {
            let x = ("x", Dtype::U8, &[2, 1][..], &[1u8, 2][..]);
            refused(
                &[
                    x,
                    ("y", Dtype::U8, &[2], &[0, 1]),
                    ("users", kind, &[2], users),
                ],
                "arrays",
            )
        };
        let fault = arrays(Dtype::F32, &[0, 0, 0xc0, 0x7f, 0, 0, 0, 0]);
        assert!(fault.contains("`users` holds floats (hint: integers or words"), "{fault}");
        assert!(arrays(Dtype::BOOL, &[0, 1]).contains("`users` holds bool"));
    }

    #[test]
    fn two_files_of_one_name_and_none_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let fault = dataset(folder.path(), "arrays")
            .expect_err("nothing there")
            .to_string();
        assert!(fault.contains("neither train.npz nor train.safetensors"), "{fault}");
        ["train.npz", "train.safetensors"]
            .iter()
            .for_each(|name| std::fs::write(folder.path().join(name), "x").expect("writable"));
        assert!(
            dataset(folder.path(), "arrays")
                .expect_err("two")
                .to_string()
                .contains("is there too")
        );
        std::fs::remove_file(folder.path().join("train.safetensors")).expect("there");
        assert!(
            dataset(folder.path(), "arrays")
                .expect_err("torn")
                .to_string()
                .contains("train.npz: no whole zip")
        );
    }
}
