//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 50,000 and 10,000 colour pictures of 32x32, in the
//! binary form (one byte of class, for CIFAR-100 a coarse one before it, then three planes) or the
//! Python form (pickles), as torchvision unpacks them.

use super::{Augment, Pictures, pickle};
use crate::data::{DataError, Dataset, Source, Standard, Train};
use crate::files;
use crate::task::Facts;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

const SIDE: usize = 32;
/// Bytes of a picture: three planes.
const WIDTH: usize = 3 * SIDE * SIDE;

/// One of the two sets.
struct Set {
    // Where its archives unpack to.
    binary: &'static str,
    python: &'static str,
    // Names of its files; the binary ones end in `.bin`.
    train: &'static [&'static str],
    test: &'static str,
    // Bytes of classes before a picture, and which of them counts.
    header: usize,
    place: usize,
    // What the Python form calls them.
    labels: &'static str,
    classes: usize,
}

const TEN: Set = Set {
    binary: "cifar-10-batches-bin",
    python: "cifar-10-batches-py",
    train: &[
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
    ],
    test: "test_batch",
    header: 1,
    place: 0,
    labels: "labels",
    classes: 10,
};

const HUNDRED: Set = Set {
    binary: "cifar-100-binary",
    python: "cifar-100-python",
    train: &["train"],
    test: "test",
    header: 2,
    place: 1,
    labels: "fine_labels",
    classes: 100,
};

/// CIFAR-10, standardised by the means and deviations of its training pixels, by colour.
pub fn ten(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    read(
        source,
        &TEN,
        augment.standard([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
        augment,
    )
}

/// CIFAR-100 with its fine classes, standardised likewise.
pub fn hundred(source: &Source<'_>, augment: Augment) -> Result<Dataset, DataError> {
    read(
        source,
        &HUNDRED,
        augment.standard([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]),
        augment,
    )
}

fn read(
    source: &Source<'_>,
    set: &Set,
    standard: Standard,
    augment: Augment,
) -> Result<Dataset, DataError> {
    let form = Form::found(source.folder, set);
    let (mut test, mut train) = (Pictures::default(), Pictures::default());
    form.append(set, set.test, &mut test)?;
    if !source.test_only {
        for name in set.train {
            form.append(set, name, &mut train)?;
        }
    }
    let set = Dataset {
        facts: Facts::classes(&[3, SIDE, SIDE], set.classes),
        train: Train::Stored(train.samples(WIDTH, standard.clone())),
        test: test.samples(WIDTH, standard),
        ..Dataset::default()
    };
    Ok(set.changed(augment))
}

/// Which form there is, and in which folder.
enum Form {
    Binary(PathBuf),
    Python(PathBuf),
}

impl Form {
    /// The first there is: below the folder by the archives' names, or in the folder itself.
    fn found(folder: &Path, set: &Set) -> Form {
        let forms = [
            Form::Binary(folder.join(set.binary)),
            Form::Python(folder.join(set.python)),
            Form::Binary(folder.to_owned()),
            Form::Python(folder.to_owned()),
        ];
        let found = forms.into_iter().find(|form| form.path(set.test).exists());
        found.unwrap_or_else(|| Form::Python(folder.join(set.python)))
    }

    fn path(&self, name: &str) -> PathBuf {
        match self {
            Form::Binary(folder) => folder.join(format!("{name}.bin")),
            Form::Python(folder) => folder.join(name),
        }
    }

    /// Adds the pictures of a file.
    fn append(&self, set: &Set, name: &str, pictures: &mut Pictures) -> Result<(), DataError> {
        let path = self.path(name);
        let (first, file) = (pictures.len(), files::open(&path).map_err(DataError::unread(&path))?);
        let bytes = file.metadata().map_err(DataError::unread(&path))?.len() as usize;
        pictures.reserve(bytes, &path)?;
        let reader = BufReader::new(file);
        let added = match self {
            Form::Binary(_) => binary(reader, set, pictures),
            Form::Python(_) => python(reader, set, pictures),
        };
        added.map_err(|reason| DataError::damaged(&path, reason))?;
        if pictures.len() == first {
            return Err(DataError::damaged(&path, "it holds no pictures"));
        }
        Ok(())
    }
}

/// Reads records of one width: classes, then planes.
fn binary(mut reader: impl Read, set: &Set, pictures: &mut Pictures) -> Result<(), String> {
    let mut record = vec![0; set.header + WIDTH];
    for row in 0.. {
        match fill(&mut reader, &mut record).map_err(|error| format!("picture {row}: {error}"))? {
            0 => break,
            bytes if bytes < record.len() => {
                return Err(format!(
                    "truncated: picture {row} has {bytes} of {} bytes",
                    record.len()
                ));
            }
            _ => {}
        }
        let class = class_of(i64::from(record[set.place]), row, set)?;
        pictures.push(&record[set.header..], class);
    }
    Ok(())
}

/// As many bytes as there are, up to the buffer's.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}

fn python(reader: impl Read, set: &Set, pictures: &mut Pictures) -> Result<(), String> {
    let (pixels, labels) = pickle::batch(reader, set.labels)?;
    if pixels.len() != labels.len() * WIDTH {
        return Err(format!("{} bytes for {} pictures of {WIDTH}", pixels.len(), labels.len()));
    }
    for (row, (planes, label)) in pixels.chunks_exact(WIDTH).zip(labels).enumerate() {
        pictures.push(planes, class_of(label, row, set)?);
    }
    Ok(())
}

fn class_of(label: i64, row: usize, set: &Set) -> Result<u32, String> {
    let class = u32::try_from(label)
        .ok()
        .filter(|&class| (class as usize) < set.classes);
    class.ok_or_else(|| format!("label {label} of picture {row} is not below {}", set.classes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Numbers;
    use std::fs;

    /// Pictures of one value each: its class, and so many more.
    fn pixels(classes: &[u8]) -> Vec<Vec<u8>> {
        classes
            .iter()
            .map(|class| vec![class + 100; WIDTH])
            .collect()
    }

    /// Records as the authors' archives have them.
    fn records(header: &[u8], classes: &[u8]) -> Vec<u8> {
        let record = |(pixels, &class): (Vec<u8>, &u8)| [header, &[class], &pixels[..]].concat();
        pixels(classes)
            .into_iter()
            .zip(classes)
            .flat_map(record)
            .collect()
    }

    /// A pickle as Python 2 made it for the authors' archives.
    fn pickled(labels: &str, classes: &[u8]) -> Vec<u8> {
        let data = pixels(classes).concat();
        let mut bytes = b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x01xq\x03U".to_vec();
        bytes.push(labels.len() as u8);
        bytes.extend(labels.as_bytes());
        bytes.extend(b"q\x04]q\x05(");
        classes
            .iter()
            .for_each(|&class| bytes.extend([b'K', class]));
        bytes.extend(b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\x09");
        bytes.extend(b"U\x01b\x87q\x0aRq\x0b(K\x01K");
        bytes.push(classes.len() as u8);
        bytes
            .extend(b"M\x00\x0c\x86q\x0ccnumpy\ndtype\nq\x0dU\x02u1q\x0eK\x00K\x01\x87q\x0fRq\x10(K\x03U\x01|q\x11NNN");
        bytes.extend(b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x12b\x89T");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes.extend(b"q\x13tq\x14bu.");
        bytes
    }

    fn written(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, content).expect("writable");
        }
        folder
    }

    fn found(set: &Dataset) -> (Vec<u32>, Vec<u8>) {
        let Train::Stored(train) = &set.train else { panic!("stored") };
        let Numbers::Bytes(pixels, _) = train.inputs.numbers() else { panic!("bytes") };
        (
            train.targets.classes().expect("one each").to_vec(),
            pixels.iter().copied().step_by(WIDTH).collect(),
        )
    }

    #[test]
    fn both_forms_are_the_same_set_wherever_they_lie() {
        let parts =
            |place: &str, end: &str, make: &dyn Fn(&[u8]) -> Vec<u8>| -> Vec<(String, Vec<u8>)> {
                let names = TEN.train.iter().chain([&TEN.test]).zip(0..);
                names
                    .map(|(name, class)| (format!("{place}{name}{end}"), make(&[class, 9])))
                    .collect()
            };
        let places = [
            parts("cifar-10-batches-bin/", ".bin", &|classes| records(&[], classes)),
            parts("cifar-10-batches-py/", "", &|classes| pickled("labels", classes)),
            parts("", ".bin", &|classes| records(&[], classes)),
            parts("", "", &|classes| pickled("labels", classes)),
        ];
        for files in places {
            let files: Vec<(&str, Vec<u8>)> = files
                .iter()
                .map(|(name, file)| (&name[..], file.clone()))
                .collect();
            let folder = written(&files);
            let set = ten(&Source::of(folder.path()), Augment::default()).expect("well-formed");
            let classes = vec![0, 9, 1, 9, 2, 9, 3, 9, 4, 9];
            assert_eq!(
                found(&set),
                (classes.clone(), classes.iter().map(|&class| class as u8 + 100).collect())
            );
            assert_eq!(set.test.targets.classes(), Some(&[5, 9][..]));
        }
    }

    #[test]
    fn the_fine_classes_of_a_hundred_count() {
        let folder = written(&[
            ("cifar-100-binary/train.bin", records(&[19], &[99, 3])),
            ("cifar-100-binary/test.bin", records(&[1], &[7])),
        ]);
        let set = hundred(&Source::of(folder.path()), Augment::default()).expect("well-formed");
        assert_eq!(found(&set).0, [99, 3]);
        let python = |part: &[u8]| pickled("fine_labels", part);
        let folder = written(&[
            ("cifar-100-python/train", python(&[98])),
            ("cifar-100-python/test", python(&[0])),
        ]);
        assert_eq!(
            found(&hundred(&Source::of(folder.path()), Augment::default()).expect("well-formed")).0,
            [98]
        );
    }

    #[test]
    fn faults_name_the_file_and_the_picture() {
        let good = || records(&[0], &[1, 2]);
        let refused = |train: Vec<u8>, name: &str| {
            let test = format!("{}/{}", name.split('/').next().expect("a folder"), "test.bin");
            let folder = written(&[(name, train), (&test, good())]);
            hundred(&Source::of(folder.path()), Augment::default())
                .expect_err("refused")
                .to_string()
        };
        let binary = "cifar-100-binary/train.bin";
        let torn = refused(good()[..4000].to_vec(), binary);
        assert!(
            torn.contains("train.bin") && torn.contains("picture 1 has 926 of 3074 bytes"),
            "{torn}"
        );
        assert!(
            refused(records(&[0], &[1, 100]), binary)
                .contains("label 100 of picture 1 is not below 100")
        );
        assert!(refused(vec![], binary).contains("no pictures"));
        let python = |bytes: Vec<u8>| {
            let folder = written(&[("test", bytes)]);
            hundred(&Source::of(folder.path()), Augment::default())
                .expect_err("refused")
                .to_string()
        };
        let whole = pickled("fine_labels", &[1, 2]);
        assert!(python(whole[..whole.len() - 9].to_vec()).contains("no pickle"));
        assert!(python(pickled("labels", &[1])).contains("has no `fine_labels`"));
        let nothing = tempfile::tempdir().expect("a folder");
        let missing = hundred(&Source::of(nothing.path()), Augment::default())
            .expect_err("refused")
            .to_string();
        assert!(missing.contains("cifar-100-python/test"), "{missing}");
    }
}
