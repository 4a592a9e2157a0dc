//! LIBSVM's text (Chang and Lin 2011): on each line a label, then `place:value` with places from 1,
//! in order; what is left out is 0. FedLab's Adult (`a9a`), Covertype and RCV1 come so; large ones
//! are packed, as `.bz2` or `.gz`, and read as they are.
//!
//! If place 0 comes anywhere in either file, places count from 0 in both. Many sets have no test
//! file: then a share of the lines is drawn by the seed and tested on.

use super::places;
use super::{About, Column, DataError, Dataset, Samples, Source, Train};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::seed::{Purpose, Seed};
use crate::task::Facts;
use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use rand::seq::SliceRandom;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Rows hold what is left out too, so none can have more places.
const MOST_PLACES: usize = 1 << 24;

part! {
    /// Settings of LIBSVM's text.
    pub LibSvm {
        train_file: String = "a9a", "FILE", Range::ANY, "training file in --data_dir, plain, .bz2 or .gz";
        test_file: String = ".t", "FILE", Range::ANY, "test file in --data_dir; .t: the training file's name with .t, else a fifth of its lines";
        features: usize = "0", "PLACES", Range::COUNT_OR_NONE, "places of a line; 0: the largest of both files";
    }
}

/// Where there is no test file, one of so many lines is tested on.
const ASIDE: usize = 5;
const BESIDE: &str = ".t";
/// What a line must be.
const FORM: &str = "a line is LABEL PLACE:VALUE PLACE:VALUE, with whole labels and growing places";

/// Lines of a file: their labels and what stands at which place.
#[derive(Debug, Default)]
struct Lines {
    labels: Vec<i64>,
    places: Vec<Vec<(usize, f32)>>,
}

impl LibSvm {
    /// Reads both files. The labels of both, in order, are the classes from 0.
    pub fn dataset(&self, source: &Source<'_>) -> Result<Dataset, DataError> {
        let train_path = found(source.folder, &self.train_file)?;
        let mut train = Lines::read(&train_path)?;
        let mut notes = Vec::new();
        let (test, test_path) = match self.test_path(source.folder)? {
            Some(path) => (Lines::read(&path)?, path),
            None if source.test_only => {
                let reason = format!("there is no test file {}", named_after(&self.train_file));
                return Err(fault(&train_path, reason, "test_file=FILE names it"));
            }
            None => {
                let test = train.set_aside(source.seed);
                notes.push(format!(
                    "there is no {}: {} lines of {}, drawn by the seed, are tested on",
                    named_after(&self.train_file),
                    test.labels.len(),
                    self.train_file
                ));
                (test, train_path.clone())
            }
        };
        if test.labels.is_empty() {
            let reason = "it has too few lines to test on some of them";
            return Err(fault(&train_path, reason, "test_file=FILE names a test file"));
        }
        let from_zero = train.has_zero() || test.has_zero();
        notes.extend(from_zero.then(|| "place 0 comes, so places count from 0".to_owned()));
        let first = usize::from(!from_zero);
        let mut labels = [&train.labels[..], &test.labels[..]].concat();
        labels.sort_unstable();
        labels.dedup();
        let width = if self.features > 0 {
            self.features
        } else {
            train.end().max(test.end()).saturating_sub(first)
        };
        let samples = |lines: &Lines, path: &Path| lines.samples([first, width], &labels, path);
        let test = samples(&test, &test_path)?;
        let train = match source.test_only {
            true => Samples::default(),
            false => samples(&train, &train_path)?,
        };
        // Hosts that hold parts of the data must agree on both.
        let features = (first..first + width).map(|place| place.to_string());
        let classes = labels.iter().map(ToString::to_string);
        Ok(Dataset {
            facts: Facts::classes(&[width], labels.len()),
            train: Train::Stored(train),
            test,
            about: About {
                features: features.collect(),
                classes: classes.collect(),
                notes,
                ..About::default()
            },
            ..Dataset::default()
        })
    }

    /// The test file, if there is one.
    fn test_path(&self, folder: &Path) -> Result<Option<PathBuf>, DataError> {
        match self.test_file.as_str() {
            BESIDE => Ok(found(folder, &named_after(&self.train_file)).ok()),
            name => found(folder, name).map(Some),
        }
    }
}

/// A file of this name, packed or not.
fn found(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    places::file(folder, &[name, &format!("{name}.bz2"), &format!("{name}.gz")])
}

/// What LIBSVM calls the test file of a training file.
fn named_after(train: &str) -> String {
    let plain = [".bz2", ".gz"]
        .iter()
        .find_map(|end| train.strip_suffix(end));
    format!("{}.t", plain.unwrap_or(train))
}

/// What is wrong with a file's content, and a remedy.
fn fault(path: &Path, reason: impl std::fmt::Display, hint: &str) -> DataError {
    DataError::Own {
        path: path.to_owned(),
        reason: format!("{reason} (hint: {hint})"),
    }
}

impl Lines {
    fn read(path: &Path) -> Result<Lines, DataError> {
        let file = files::open(path).map_err(DataError::unread(path))?;
        let reader: Box<dyn Read> = match path.extension().and_then(|end| end.to_str()) {
            Some("bz2") => Box::new(MultiBzDecoder::new(file)),
            Some("gz") => Box::new(MultiGzDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut lines = Lines::default();
        for (number, line) in BufReader::new(reader).lines().enumerate() {
            let line = line.map_err(|error| {
                let hint = "fetch the file again; what is packed otherwise is unpacked first";
                fault(path, format!("line {}: {error}", number + 1), hint)
            })?;
            if line.trim().is_empty() {
                continue;
            }
            let (label, places) = parsed(&line)
                .map_err(|reason| fault(path, format!("line {}: {reason}", number + 1), FORM))?;
            lines.labels.push(label);
            lines.places.push(places);
        }
        if lines.labels.is_empty() {
            return Err(fault(path, "it has no lines", FORM));
        }
        Ok(lines)
    }

    /// Takes out a share of the lines, drawn by the seed.
    fn set_aside(&mut self, seed: Seed) -> Lines {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        order.shuffle(&mut seed.stream(Purpose::Split));
        let (aside, kept) = order.split_at_mut(self.labels.len() / ASIDE);
        aside.sort_unstable();
        kept.sort_unstable();
        let taken = self.picked(aside);
        *self = self.picked(kept);
        taken
    }

    fn picked(&self, lines: &[usize]) -> Lines {
        Lines {
            labels: lines.iter().map(|&line| self.labels[line]).collect(),
            places: lines
                .iter()
                .map(|&line| self.places[line].clone())
                .collect(),
        }
    }

    /// Whether place 0 comes.
    fn has_zero(&self) -> bool {
        let mut first = self.places.iter().filter_map(|places| places.first());
        first.any(|&(place, _)| place == 0)
    }

    /// One more than the largest place.
    fn end(&self) -> usize {
        let last = self.places.iter().filter_map(|places| places.last());
        last.map(|&(place, _)| place + 1).max().unwrap_or_default()
    }

    /// Rows of `width` values, of which the first stands at the place `first`.
    fn samples(
        &self,
        [first, width]: [usize; 2],
        labels: &[i64],
        path: &Path,
    ) -> Result<Samples, DataError> {
        let values = self.labels.len().saturating_mul(width);
        let mut inputs: Vec<f32> = Vec::new();
        let room = inputs.try_reserve_exact(values);
        room.map_err(|_| DataError::NoMemory {
            path: path.to_owned(),
            values,
        })?;
        inputs.resize(values, 0.0);
        let rows = inputs.chunks_exact_mut(width.max(1));
        for (line, (row, places)) in rows.zip(&self.places).enumerate() {
            for &(place, value) in places {
                let Some(slot) = row.get_mut(place - first) else {
                    let reason =
                        format!("sample {line}: place {place} is beyond the {width} features");
                    return Err(fault(path, reason, "features=0 takes the largest of both files"));
                };
                *slot = value;
            }
        }
        let classes = self
            .labels
            .iter()
            .map(|label| labels.partition_point(|known| known < label) as u32);
        Ok(Samples {
            inputs: Column::floats(inputs, width),
            targets: Column::integers(classes.collect(), 1),
        })
    }
}

/// A line's label, and what it says of places.
fn parsed(line: &str) -> Result<(i64, Vec<(usize, f32)>), String> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let label = words.next().unwrap_or_default();
    let whole = label
        .parse()
        .ok()
        .filter(|label: &f64| label.fract() == 0.0);
    let whole = whole.ok_or_else(|| format!("label `{label}` is no whole number"))?;
    let mut places: Vec<(usize, f32)> = Vec::new();
    for word in words {
        let pair = word
            .split_once(':')
            .and_then(|(place, value)| Some((place.parse().ok()?, value.parse().ok()?)));
        let (place, value): (usize, f32) =
            pair.ok_or_else(|| format!("`{word}` is no PLACE:VALUE"))?;
        if !value.is_finite() {
            return Err(format!("`{word}` is not finite"));
        }
        if let Some(&(before, _)) = places.last().filter(|(before, _)| place <= *before) {
            return Err(format!("`{word}` is not behind place {before}"));
        }
        if place > MOST_PLACES {
            return Err(format!(
                "place {place} is beyond {MOST_PLACES}, the most that a row can have"
            ));
        }
        places.push((place, value));
    }
    Ok((whole as i64, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bzip2::Compression;
    use bzip2::write::BzEncoder;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn read(train: &str, test: &str, features: usize) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a9a"), train).expect("writable");
        std::fs::write(folder.path().join("a9a.t"), test).expect("writable");
        let set = LibSvm {
            train_file: "a9a".to_owned(),
            test_file: "a9a.t".to_owned(),
            features,
        };
        set.dataset(&Source::of(folder.path()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_zero_and_labels_become_classes() {
        let set = read("-1 3:1 4:0.5\n+1 1:2\n", "+1 2:1 # a remark\n\n", 0).expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        let inputs = vec![0.0, 0.0, 1.0, 0.5, 2.0, 0.0, 0.0, 0.0];
        assert_eq!(
            (&train.inputs, train.targets.classes()),
            (&Column::floats(inputs, 4), Some(&[0, 1][..]))
        );
        assert_eq!((set.test.targets.classes(), set.facts.shape), (Some(&[1][..]), vec![4]));
    }

    #[test]
    fn packed_files_are_read_under_either_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("a9a.bz2", "-1 3:1\n+1 1:2\n"), ("a9a.t.bz2", "+1 2:1\n")] {
            let mut packer = BzEncoder::new(Vec::new(), Compression::best());
            packer.write_all(text.as_bytes()).expect("in memory");
            std::fs::write(folder.path().join(name), packer.finish().expect("in memory"))
                .expect("writable");
        }
        for [train, test] in
            [["a9a", "a9a.t"], ["a9a.bz2", "a9a.t.bz2"]].map(|names| names.map(str::to_owned))
        {
            let set = LibSvm {
                train_file: train,
                test_file: test,
                features: 0,
            }
            .dataset(&Source::of(folder.path()))
            .expect("sound");
            assert_eq!(
                (set.train.count(), set.test.inputs),
                (2, Column::floats(vec![0.0, 1.0, 0.0], 3))
            );
        }
    }

    fn alone(name: &str, bytes: &[u8], settings: LibSvm) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), bytes).expect("writable");
        // What is left over from another set.
        std::fs::write(folder.path().join("a9a.t"), "7 9:1\n").expect("writable");
        settings
            .dataset(&Source::of(folder.path()))
            .map_err(|error| error.to_string())
    }

    fn of(train_file: &str, test_file: &str) -> LibSvm {
        LibSvm {
            train_file: train_file.to_owned(),
            test_file: test_file.to_owned(),
            features: 0,
        }
    }

    #[test]
    fn places_count_from_zero_where_zero_comes() {
        let set = read("0 1:1\n1 2:5\n", "1 0:3\n", 0).expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!(train.inputs, Column::floats(vec![0.0, 1.0, 0.0, 0.0, 0.0, 5.0], 3));
        assert_eq!(set.test.inputs, Column::floats(vec![3.0, 0.0, 0.0], 3));
        assert_eq!(set.about.notes, ["place 0 comes, so places count from 0"]);
    }

    #[test]
    fn without_a_test_file_of_its_name_lines_are_set_aside() {
        let text: String = (1..=10)
            .map(|place| format!("{} {place}:1\n", place % 2))
            .collect();
        let set = alone("cov", text.as_bytes(), of("cov", ".t")).expect("sound");
        assert_eq!((set.train.count(), set.test.len(), &set.facts.shape[..]), (8, 2, &[10][..]));
        assert!(set.about.notes[0].contains("no cov.t: 2 lines of cov"), "{:?}", set.about.notes);
        let missing = alone("cov", text.as_bytes(), of("cov", "cov.test")).expect_err("refused");
        assert!(missing.contains("cov.test: no such file, nor is cov.test.bz2 or"), "{missing}");
        let few = alone("cov", b"1 1:1", of("cov", ".t")).expect_err("refused");
        assert!(few.contains("few lines"), "{few}");
        let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).expect("in memory");
        let packed = packer.finish().expect("in memory");
        let set = alone("g.gz", &packed, of("g", ".t")).expect("sound");
        assert_eq!(set.test.len(), 2);
        assert_eq!(["a9a", "a9a.bz2", "x.gz"].map(named_after), ["a9a.t", "a9a.t", "x.t"]);
    }

    #[test]
    fn faults_name_file_line_and_word() {
        let refused = |train: &str| read(train, "1 1:1", 3).expect_err("refused");
        assert!(
            refused("1 1:1\nx 1:1").contains("a9a: line 2: label `x` is no whole number (hint:")
        );
        assert!(refused("1 1:nan").contains("`1:nan`") && refused("1 2:1 1:1").contains("`1:1`"));
        assert!(refused("1 one").contains("`one` is no PLACE:VALUE"));
        assert!(refused("1 4:1").contains("sample 0: place 4 is beyond the 3 features"));
        assert!(refused("1 4294967296:1").contains("line 1: place 4294967296 is beyond 16777216"));
        assert!(refused("").contains("no lines"));
    }
}
