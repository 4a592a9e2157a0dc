//! LIBSVM's text (Chang and Lin 2011): on each line a label, then `place:value` with places from 1,
//! in order; what is left out is 0. FedLab's Adult (`a9a`), Covertype and RCV1 come so; large ones
//! are packed, as `.bz2`, and read as they are.

use super::places::found;
use super::{Column, DataError, Dataset, Samples, Source, Train};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use bzip2::read::MultiBzDecoder;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Rows hold what is left out too, so none can have more places.
const MOST_PLACES: usize = 1 << 24;

part! {
    /// Settings of LIBSVM's text.
    pub LibSvm {
        train_file: String = "a9a", "FILE", Range::ANY, "training file in --data_dir, plain or .bz2";
        test_file: String = "a9a.t", "FILE", Range::ANY, "test file in --data_dir, plain or .bz2";
        features: usize = "0", "PLACES", Range::COUNT_OR_NONE, "places of a line; 0: the largest of both files";
    }
}

/// Lines of a file: their labels and what stands at which place.
#[derive(Debug, Default)]
struct Lines {
    labels: Vec<i64>,
    places: Vec<Vec<(usize, f32)>>,
}

impl LibSvm {
    /// Reads both files. The labels of both, in order, are the classes from 0.
    pub fn dataset(&self, source: &Source<'_>) -> Result<Dataset, DataError> {
        let [train_path, test_path] = [&self.train_file, &self.test_file]
            .map(|name| found(source.folder, &[name, &format!("{name}.bz2")]));
        let (train, test) = (Lines::read(&train_path)?, Lines::read(&test_path)?);
        let mut labels = [&train.labels[..], &test.labels[..]].concat();
        labels.sort_unstable();
        labels.dedup();
        let width = if self.features > 0 {
            self.features
        } else {
            train.width().max(test.width())
        };
        let samples = |lines: &Lines, path: &Path| lines.samples(width, &labels, path);
        let test = samples(&test, &test_path)?;
        let train = if source.test_only {
            Samples::default()
        } else {
            samples(&train, &train_path)?
        };
        Ok(Dataset {
            facts: Facts::classes(&[width], labels.len()),
            train: Train::Stored(train),
            test,
            ..Dataset::default()
        })
    }
}

impl Lines {
    fn read(path: &Path) -> Result<Lines, DataError> {
        let fault = |reason| DataError::damaged(path, reason);
        let file = files::open(path).map_err(DataError::unread(path))?;
        let reader: Box<dyn Read> = match path.extension().is_some_and(|end| end == "bz2") {
            true => Box::new(MultiBzDecoder::new(file)),
            false => Box::new(file),
        };
        let mut lines = Lines::default();
        for (number, line) in BufReader::new(reader).lines().enumerate() {
            let line = line.map_err(|error| {
                fault(format!(
                    "line {}: {error}; files that are packed otherwise are unpacked first",
                    number + 1
                ))
            })?;
            if line.trim().is_empty() {
                continue;
            }
            let (label, places) =
                parsed(&line).map_err(|reason| fault(format!("line {}: {reason}", number + 1)))?;
            lines.labels.push(label);
            lines.places.push(places);
        }
        if lines.labels.is_empty() {
            return Err(fault("it has no lines".to_owned()));
        }
        Ok(lines)
    }

    /// The largest place.
    fn width(&self) -> usize {
        let last = self.places.iter().filter_map(|places| places.last());
        last.map(|&(place, _)| place).max().unwrap_or_default()
    }

    fn samples(&self, width: usize, labels: &[i64], path: &Path) -> Result<Samples, DataError> {
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
                let Some(slot) = row.get_mut(place - 1) else {
                    let reason =
                        format!("sample {line}: place {place} is beyond the {width} features");
                    return Err(DataError::damaged(path, reason));
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
        let before = places.last().map_or(0, |&(place, _)| place);
        if place <= before || !value.is_finite() {
            return Err(format!("`{word}` is not finite, or not behind place {before}"));
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
    use crate::seed::Seed;
    use bzip2::Compression;
    use bzip2::write::BzEncoder;
    use std::io::Write;

    fn read(train: &str, test: &str, features: usize) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a9a"), train).expect("writable");
        std::fs::write(folder.path().join("a9a.t"), test).expect("writable");
        let source = Source {
            folder: folder.path(),
            clients: 2,
            seed: Seed(0),
            test_only: false,
        };
        let set = LibSvm {
            train_file: "a9a".to_owned(),
            test_file: "a9a.t".to_owned(),
            features,
        };
        set.dataset(&source).map_err(|error| error.to_string())
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
        let source = Source {
            folder: folder.path(),
            clients: 2,
            seed: Seed(0),
            test_only: false,
        };
        for [train, test] in
            [["a9a", "a9a.t"], ["a9a.bz2", "a9a.t.bz2"]].map(|names| names.map(str::to_owned))
        {
            let set = LibSvm {
                train_file: train,
                test_file: test,
                features: 0,
            }
            .dataset(&source)
            .expect("sound");
            assert_eq!(
                (set.train.count(), set.test.inputs),
                (2, Column::floats(vec![0.0, 1.0, 0.0], 3))
            );
        }
    }

    #[test]
    fn faults_name_file_line_and_word() {
        let refused = |train: &str| read(train, "1 1:1", 3).expect_err("refused");
        assert!(
            refused("1 1:1\nx 1:1")
                .contains("a9a is damaged or of another format: line 2: label `x`")
        );
        assert!(refused("1 1:nan").contains("`1:nan`") && refused("1 2:1 1:1").contains("`1:1`"));
        assert!(refused("1 one").contains("`one` is no PLACE:VALUE"));
        assert!(refused("1 4:1").contains("sample 0: place 4 is beyond the 3 features"));
        assert!(refused("1 4294967296:1").contains("line 1: place 4294967296 is beyond 16777216"));
        assert!(refused("").contains("no lines"));
    }
}
