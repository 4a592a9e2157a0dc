//! Every data set of the table, on small files in the layouts of those who publish them.

use fedmpi::data::{Augment, DATASETS, Dataset, KIND, Samples, Source, write_idx};
use fedmpi::seed::Seed;
use fedmpi::task::Input;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// The small files of a data set: those that are kept in `tests/files`, or such as are easily
/// written below `folder`.
pub fn small_files(folder: &Path, name: &str) -> PathBuf {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/files")
        .join(name);
    if kept.is_dir() {
        return kept;
    }
    let own = folder.join(name);
    fs::create_dir_all(&own).expect("writable");
    let letters = json!("thee ".repeat(16));
    match name {
        "mnist" | "fashion-mnist" => write_digits(&own),
        "images" => write_pictures(&own),
        "femnist" => write_users(&own, &json!(vec![0.5; 784]), &json!(61)),
        "mnist-leaf" => write_users(&own, &json!(vec![-0.5; 784]), &json!(9.0)),
        "shakespeare" => write_users(&own, &letters, &json!("o")),
        _ => {}
    }
    own
}

fn write_digits(folder: &Path) {
    for (part, count) in [("train", 30u32), ("t10k", 12)] {
        let pixels: Vec<u8> = (0..count * 784).map(|i| (i % 253) as u8).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        let path = |name: &str| folder.join(format!("{part}-{name}-ubyte"));
        write_idx(&path("images-idx3"), &[count, 28, 28], &pixels).expect("writable");
        write_idx(&path("labels-idx1"), &[count], &labels).expect("writable");
    }
}

fn write_pictures(folder: &Path) {
    for picture in [
        "train/cat/a.png",
        "train/dog/b.jpg",
        "test/cat/c.png",
        "test/dog/d.png",
    ] {
        let path = folder.join(picture);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        image::RgbImage::from_fn(5, 6, |x, y| image::Rgb([x as u8, y as u8, 9]))
            .save(path)
            .expect("writable");
    }
}

/// LEAF's JSON of eight users who have the same two samples.
fn write_users(folder: &Path, x: &serde_json::Value, y: &serde_json::Value) {
    for part in ["train", "test"] {
        let users: Vec<String> = (0..8).map(|user| user.to_string()).collect();
        let own_data = |user: &String| (user.clone(), json!({"x": [x, x], "y": [y, y]}));
        let data: serde_json::Map<String, serde_json::Value> = users.iter().map(own_data).collect();
        fs::create_dir_all(folder.join(part)).expect("writable");
        let text = json!({"users": users, "user_data": data}).to_string();
        fs::write(folder.join(part).join("all.json"), text).expect("writable");
    }
}

/// A data set with the settings that its small files need: the test data alone cannot tell how it
/// is standardised.
pub fn choice(name: &str) -> &str {
    match name {
        "arrays" => "arrays:standardise=none",
        "csv" => "csv:label=y,user=u,missing=zero,standardise=none",
        "parquet" => "parquet:label=y,user=u,missing=zero,standardise=none",
        "images" => "images:side=4,standardise=none",
        "text" => "text:users=role,length=8,vocabulary=tests/files/text/vocabulary.txt",
        name => name,
    }
}

/// Reads a data set from a folder.
pub fn read(choice: &str, folder: &Path, test_only: bool) -> Result<Dataset, String> {
    let (entry, settings) = KIND
        .look_up(&choice.into())
        .map_err(|error| error.to_string())?;
    let source = Source {
        folder,
        clients: 8,
        seed: Seed(3),
        test_only,
    };
    (entry.build)(&settings, &source).map_err(|error| error.to_string())
}

/// What keeps a data set that was read from being trained on, if anything does.
pub fn flaw(set: &Dataset) -> Option<&'static str> {
    let everything: Vec<u32> = (0..set.train.count() as u32).collect();
    let (train, _) = set.train.of(&everything);
    let in_order = |owners: &Vec<usize>| {
        owners.first() == Some(&0)
            && owners.is_sorted()
            && owners.last() == Some(&set.train.count())
    };
    match set.owners.as_ref() {
        Some(owners) if !in_order(owners) => Some("owners do not own all rows"),
        _ => flaw_of(set, &train).or_else(|| flaw_of(set, &set.test)),
    }
}

fn flaw_of(set: &Dataset, samples: &Samples) -> Option<&'static str> {
    let (mut floats, mut integers, mut targets, mut marks) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    if samples.inputs.len() != samples.len() {
        return Some("there are not as many inputs as targets");
    }
    samples.inputs.gather_floats(&all, &mut floats);
    samples.inputs.gather_integers(&all, &mut integers);
    samples.targets.gather_integers(&all, &mut targets);
    samples.targets.gather_floats(&all, &mut marks);
    let outputs = set.facts.task.outputs() as u32;
    let faults = [
        (
            floats.len() + integers.len() != samples.len() * set.facts.width(),
            "rows have another width",
        ),
        (!floats.iter().all(|value| value.is_finite()), "an input is not finite"),
        (
            !integers
                .iter()
                .chain(&targets)
                .all(|&token| token < outputs),
            "a token or class is out of range",
        ),
        (
            set.facts.task.name() == "sets" && !marks.iter().all(|mark| [0.0, 1.0].contains(mark)),
            "a mark is not 0 or 1",
        ),
        (
            targets.len() + marks.len() != samples.len() * set.facts.targets,
            "targets have another width",
        ),
    ];
    faults
        .into_iter()
        .find_map(|(found, fault)| found.then_some(fault))
}

#[test]
fn every_data_set_is_sound_and_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in DATASETS {
        let files = small_files(folder.path(), entry.name);
        let read = |test_only| read(choice(entry.name), &files, test_only).expect(entry.name);
        let set = read(false);
        assert_eq!((set.digest(), &set), (read(false).digest(), &read(false)), "{}", entry.name);
        assert_eq!(flaw(&set), None, "{}", entry.name);
        assert!(
            set.train.count() > 0 && !set.test.is_empty() && set.facts.task.outputs() > 1,
            "{}",
            entry.name
        );
        assert!(set.owners.as_ref().is_none_or(|owners| owners.len() > 2), "{}", entry.name);
        let only_test = read(true);
        assert_eq!((&only_test.test, &only_test.facts), (&set.test, &set.facts), "{}", entry.name);
    }
}

#[test]
fn words_of_own_data_are_listed_where_one_is_wrong() {
    for (wrong, remedy) in [
        ("arrays:task=clases", "did you mean `classes`?"),
        ("arrays:inputs=token", "did you mean `tokens`?"),
        ("csv:task=value", "did you mean `values`?"),
        ("parquet:missing=means", "did you mean `mean`?"),
        ("text:unit=word", "did you mean `words`?"),
        ("text:users=roles", "did you mean `role`?"),
    ] {
        let refused = read(wrong, Path::new("nowhere"), false).expect_err("refused");
        assert!(refused.contains(remedy), "{refused}");
    }
}

#[test]
fn every_set_of_pictures_takes_every_change_in_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let is_picture =
        |set: &Dataset| set.facts.shape.len() == 3 && set.facts.input == Input::Numbers;
    let mut seen = 0;
    for entry in DATASETS {
        let (files, chosen) = (small_files(folder.path(), entry.name), choice(entry.name));
        if !is_picture(&read(chosen, &files, false).expect(entry.name)) {
            continue;
        }
        let ends = if chosen.contains(':') { "," } else { ":" };
        let changed = format!("{chosen}{ends}crop=2,flip=true,cutout=3");
        let Augment {
            crop, flip, cutout, ..
        } = read(&changed, &files, false).expect(entry.name).augment;
        assert_eq!((crop, flip, cutout), (2, true, 3), "{}", entry.name);
        let has_figures = |name: &str| entry.params.iter().any(|param| param.name == name);
        // FedML has standardised its digits in the files.
        assert!(
            has_figures("normalise") || has_figures("standardise") || entry.name == "mnist-leaf",
            "{}",
            entry.name
        );
        seen += 1;
    }
    assert!(seen >= 13, "{seen} sets of pictures");
    let flat = small_files(folder.path(), "arrays");
    assert!(
        read("arrays:flip=true", &flat, false)
            .expect_err("rows")
            .contains("rows of `x` are none")
    );
}
