//! `images`: PNG and JPEG, in a folder for each class, or listed in a CSV file with the columns
//! `file`, `label` and, if you like, `user`. They are decoded once: the bytes are kept in a hidden
//! file of the data's folder, as long as the pictures are the same.

use super::distinct::distinct;
use super::named::Named;
use super::rows::{Finish, Raw, Rows};
use super::standard::Wanted;
use super::table::{self, Cells, Table};
use super::taken::Taken;
use super::{cached, fault, files_of, has_end, inside, is_hidden, tell};
use crate::data::decode::Form;
use crate::data::{About, Augment, Column, DataError, Dataset, Numbers, Samples, Source, Standard};
use crate::part;
use crate::part::{Part, Range, Values};
use crate::task::Facts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What names of pictures end in.
const ENDS: &[&str] = &[".png", ".jpg", ".jpeg"];

part! {
    /// Its settings.
    pub Images {
        side: usize = "32", "PIXELS", Range::between(1.0, 4096.0), "height and width that pictures get";
        grey: bool = "false", "true|false", Range::ANY, "one channel instead of red, green and blue";
        standardise: String = "set", "FIGURES", Range::ANY, "numbers become (value - mean) / deviation: none, set (of the training data), or MEAN/DEVIATION";
        test_share: f64 = "0.2", "SHARE", Range::FRACTION, "share of each user's rows that is set aside where there are no test pictures";
    }
}

/// Pictures with their classes and users.
pub struct Listed {
    /// Where they are.
    pub files: Vec<PathBuf>,
    labels: Cells,
    users: Option<Named>,
    /// What was left out, in words.
    notes: Vec<String>,
}

/// Reads the pictures of a folder.
pub fn read(values: &Values, source: &Source<'_>) -> Result<Dataset, DataError> {
    let images = Images::read(values);
    let standardise =
        Wanted::read(&images.standardise).map_err(|reason| fault(source.folder, reason))?;
    let channels = if images.grey { 1 } else { 3 };
    let form = Form {
        coloured: !images.grey,
        size: Some([images.side, images.side]),
    };
    let (train, test) = listed(source)?;
    let labels: Vec<&Cells> = train
        .iter()
        .chain(&test)
        .map(|listed| &listed.labels)
        .collect();
    let classes = distinct(&labels);
    let notes = train
        .iter()
        .chain(&test)
        .flat_map(|listed| listed.notes.clone())
        .collect();
    let rows = |listed, part| rows(source.folder, part, listed, form, &classes);
    let train = train.map(|listed| rows(listed, "train")).transpose()?;
    let test = test.map(|listed| rows(listed, "test")).transpose()?;
    let facts = Facts::classes(&[channels, images.side, images.side], classes.len());
    let about = About {
        classes,
        notes,
        ..About::default()
    };
    let raw = Raw {
        place: source.folder.to_owned(),
        facts,
        about,
        measured: vec![],
        fills: false,
        train,
        test,
    };
    let set = raw.finish(&Finish {
        test_share: images.test_share,
        standardise: &standardise,
        seed: source.seed,
    })?;
    Ok(set.changed(Augment::without_figures(values)))
}

/// What there is to train and to test on.
fn listed(source: &Source<'_>) -> Result<(Option<Listed>, Option<Listed>), DataError> {
    let lists = files_of(source.folder, &[".csv"])?;
    let (train, test) = match lists.is_empty() {
        true => folders_in(source.folder),
        false => lists_among(&lists),
    };
    let train = train.filter(|_| !source.test_only);
    let train = train.map(Place::read).transpose()?;
    Ok((train, test.map(Place::read).transpose()?))
}

/// The folders `train` and `test`; all but the second is to train on without the first.
fn folders_in(folder: &Path) -> (Option<Place>, Option<Place>) {
    let [train, test] = ["train", "test"].map(|name| folder.join(name));
    let tested = test.is_dir().then(|| Place::Folders(test.clone(), None));
    let train = if train.is_dir() {
        Place::Folders(train, None)
    } else {
        Place::Folders(folder.to_owned(), Some(test))
    };
    (Some(train), tested)
}

/// The lists `train` and `test`; the first of other names is to train on without the former.
fn lists_among(lists: &[PathBuf]) -> (Option<Place>, Option<Place>) {
    let is_called = |path: &&PathBuf, name: &str| path.file_stem().is_some_and(|stem| stem == name);
    let train = lists.iter().find(|path| is_called(path, "train"));
    let test = lists.iter().find(|path| is_called(path, "test"));
    let train = train.or_else(|| lists.iter().find(|path| !is_called(path, "test")));
    (train.cloned().map(Place::List), test.cloned().map(Place::List))
}

/// Where it is said which pictures there are.
enum Place {
    /// Folders of classes in one, except this of them.
    Folders(PathBuf, Option<PathBuf>),
    List(PathBuf),
}

impl Place {
    fn read(self) -> Result<Listed, DataError> {
        match self {
            Place::Folders(folder, except) => folders(&folder, except.as_deref()),
            Place::List(path) => list(&path).map_err(|reason| fault(&path, reason)),
        }
    }
}

/// A folder for each class, but none of the folder `except`.
fn folders(folder: &Path, except: Option<&Path>) -> Result<Listed, DataError> {
    let mut classes = inside(folder)?;
    classes.retain(|path| path.is_dir() && !is_hidden(path) && except != Some(path));
    let (mut files, mut labels, mut notes) = (Vec::new(), Named::default(), Vec::new());
    for class in &classes {
        let name = class.file_name().unwrap_or_default().to_string_lossy();
        let (own, others): (Vec<_>, Vec<_>) = inside(class)?
            .into_iter()
            .filter(|path| !is_hidden(path))
            .partition(|path| has_end(path, ENDS));
        let others = others.first().map(|other| {
            let other = other.file_name().unwrap_or_default().display();
            format!("{} others, such as `{other}`", others.len())
        });
        if own.is_empty() {
            let but = others.map_or(String::new(), |others| format!(", but {others}"));
            let hint = "hint: remove the folder, or fill it";
            let reason = format!("there is no .png or .jpg file of this class{but} ({hint})");
            return Err(fault(class, reason));
        }
        if let Some(others) = others {
            let place = class.display();
            let note = format!("{place}: {others}, are no .png or .jpg files and left out");
            tell(&mut notes, note);
        }
        own.iter().for_each(|_| labels.push(&name));
        files.extend(own);
    }
    if files.is_empty() {
        let reason = match files_of(folder, ENDS)?.is_empty() {
            true => "there are no pictures",
            false => "its pictures lie in no folder of a class",
        };
        let hint = "hint: a folder for each class, or a CSV of file, label and user";
        return Err(fault(folder, format!("{reason} ({hint})")));
    }
    Ok(Listed {
        files,
        labels: Cells::Words(labels),
        users: None,
        notes,
    })
}

/// A list of files, beside them.
fn list(path: &Path) -> Result<Listed, String> {
    let table = table::csv(path, &taken)?;
    let names = whole(&table, "file")?.words();
    let mut known = BTreeSet::new();
    for (row, name) in (1..).zip(names.rows()) {
        if !known.insert(name) {
            return Err(format!("`{name}` comes again in row {row} (hint: each picture once)"));
        }
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let files: Vec<PathBuf> = names.rows().map(|name| folder.join(name)).collect();
    for (row, file) in (1..).zip(&files) {
        if !has_end(file, ENDS) || !file.is_file() {
            return Err(format!(
                "row {row} names {}, which is no picture (hint: a .png or .jpg beside this list)",
                file.display()
            ));
        }
    }
    let has_users = table.fields.iter().any(|field| field.name == "user");
    let users = if has_users {
        Some(whole(&table, "user")?.words())
    } else {
        None
    };
    Ok(Listed {
        files,
        labels: whole(&table, "label")?.clone(),
        users,
        notes: Vec::new(),
    })
}

/// How the columns of a list are taken.
fn taken(name: &str) -> Taken {
    match name {
        "file" | "user" => Taken::Names,
        "label" => Taken::Classes,
        _ => Taken::Not,
    }
}

/// A column of which no cell is missing.
fn whole<'a>(table: &'a Table, name: &str) -> Result<&'a Cells, String> {
    let cells = &table.field(name)?.cells;
    match cells.missing().first() {
        Some(row) => Err(format!(
            "column `{name}` is empty in row {} (hint: fill it, or leave the row out)",
            row + 1
        )),
        None => Ok(cells),
    }
}

fn rows(
    folder: &Path,
    part: &str,
    listed: Listed,
    form: Form,
    classes: &[String],
) -> Result<Rows, DataError> {
    let places: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let targets = listed
        .labels
        .words()
        .rows()
        .map(|name| places.get(name).copied().unwrap_or_default())
        .collect();
    let pixels = cached::pixels(folder, part, &listed.files, form)?;
    let width = pixels.len() / listed.files.len().max(1);
    let inputs = Column::new(Numbers::Bytes(pixels.into(), Standard::units()), width);
    Ok(Rows {
        samples: Samples {
            inputs,
            targets: Column::integers(targets, 1),
        },
        users: listed.users,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{KIND, Train};
    use crate::seed::Seed;
    use image::GrayImage;
    use std::fs;

    fn picture(path: &Path, shade: u8) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        GrayImage::from_pixel(3, 3, image::Luma([shade]))
            .save(path)
            .expect("writable");
    }

    fn dataset(folder: &Path) -> Result<Dataset, String> {
        let (_, values) = KIND
            .look_up(&"images:side=2,grey=true,test_share=0.5".into())
            .expect("sound settings");
        let source = Source {
            folder,
            clients: 2,
            seed: Seed(1),
            test_only: false,
        };
        read(&values, &source).map_err(|error| error.to_string())
    }

    #[test]
    fn folders_are_classes_and_pictures_are_decoded_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let shades = [
            ("cat/a.png", 10),
            ("cat/b.png", 20),
            ("dog/c.jpg", 30),
            ("dog/d.png", 40),
        ];
        shades
            .iter()
            .for_each(|(name, shade)| picture(&path(name), *shade));
        let set = dataset(folder.path()).expect("sound");
        assert_eq!(
            (set.facts.shape.clone(), set.about.classes.join(" ")),
            (vec![1, 2, 2], "cat dog".to_owned())
        );
        assert_eq!((set.train.count(), set.test.len()), (2, 2));
        assert_eq!(dataset(folder.path()).expect("kept"), set);
        // Another picture of another size is noticed.
        GrayImage::from_pixel(9, 9, image::Luma([90]))
            .save(path("cat/a.png"))
            .expect("writable");
        assert_ne!(dataset(folder.path()).expect("decoded again").digest(), set.digest());
        fs::create_dir(path("cow")).expect("writable");
        assert!(
            dataset(folder.path())
                .expect_err("an empty class")
                .contains("cow: there is no .png")
        );
    }

    #[test]
    fn hidden_folders_are_no_classes_and_other_files_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in [
            "cat/a.png",
            "cat/b.png",
            "dog/c.png",
            "test/cat/e.png",
            "test/dog/f.png",
        ] {
            picture(&path(name), 9);
        }
        for name in [".checkpoints", "__MACOSX"] {
            fs::create_dir(path(name)).expect("writable");
        }
        fs::write(path("dog/z.webp"), "RIFF").expect("writable");
        let set = dataset(folder.path()).expect("sound");
        assert_eq!((set.about.classes.join(" "), set.train.count()), ("cat dog".to_owned(), 3));
        let note = set.about.notes.join("\n");
        assert!(
            note.ends_with(
                "dog: 1 others, such as `z.webp`, are no .png or .jpg files and left out"
            ),
            "{note}"
        );
        fs::remove_file(path("dog/c.png")).expect("there");
        let empty = dataset(folder.path()).expect_err("no picture of a dog");
        assert!(empty.contains("of this class, but 1 others, such as `z.webp` (hint:"), "{empty}");
        ["dog", "test"]
            .iter()
            .for_each(|name| fs::remove_dir_all(path(name)).expect("there"));
        picture(&path("test/e.png"), 9);
        let loose = dataset(folder.path()).expect_err("no class");
        assert!(loose.contains("test: its pictures lie in no folder of a class"), "{loose}");
    }

    #[test]
    fn lists_say_users_and_their_faults_name_the_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let listed = |text: &str| {
            fs::write(folder.path().join("list.csv"), text).expect("writable");
            dataset(folder.path())
        };
        ["a", "b", "c"]
            .iter()
            .for_each(|name| picture(&folder.path().join(format!("x/{name}.png")), 9));
        let set =
            listed("user,file,label\nu,x/a.png,1\nv,x/b.png,0\nu,x/c.png,0\n").expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!((set.about.owners.join(" "), train.len()), ("u v".to_owned(), 2));
        assert!(
            listed("file,label\nx/a.png,1\nx/a.png,0\n")
                .expect_err("twice")
                .contains("`x/a.png` comes again in row 2")
        );
        assert!(
            listed("file,label\nx/z.png,1\n")
                .expect_err("not there")
                .contains("row 1 names")
        );
        assert!(
            listed("file,label\nx/a.png,\n")
                .expect_err("no label")
                .contains("`label` is empty in row 1")
        );
        assert!(
            listed("file\nx/a.png\n")
                .expect_err("no column")
                .contains("no column `label`")
        );
    }
}
