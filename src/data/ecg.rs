//! Heart beats of MIT-BIH (Kachuee et al. 2018): `mitbih_train.csv` and `mitbih_test.csv`, without
//! a header: 187 values at 125 Hz from 0 to 1, then the class: normal, supraventricular,
//! ventricular, fusion, unknown.

use super::places::found;
use super::{Column, DataError, Dataset, Samples, Source, Train};
use crate::files;
use crate::task::Facts;
use std::path::Path;

/// Values of a beat.
const LENGTH: usize = 187;
const CLASSES: usize = 5;

/// Beats of one channel.
pub fn beats(source: &Source<'_>) -> Result<Dataset, DataError> {
    let part = |name: &str| read(&found(source.folder, &[name, &format!("mitbih/{name}")]));
    let test = part("mitbih_test.csv")?;
    let train = if source.test_only {
        Samples::default()
    } else {
        part("mitbih_train.csv")?
    };
    let facts = Facts::classes(&[1, LENGTH], CLASSES);
    Ok(Dataset {
        facts,
        train: Train::Stored(train),
        test,
        ..Dataset::default()
    })
}

fn read(path: &Path) -> Result<Samples, DataError> {
    let file = files::open(path).map_err(DataError::unread(path))?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(file);
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| DataError::damaged(path, error.to_string()))?;
        let (values, class) = beat(&record)
            .map_err(|reason| DataError::damaged(path, format!("line {}: {reason}", row + 1)))?;
        inputs.extend(values);
        targets.push(class);
    }
    if targets.is_empty() {
        return Err(DataError::damaged(path, "it has no lines"));
    }
    Ok(Samples {
        inputs: Column::floats(inputs, LENGTH),
        targets: Column::integers(targets, 1),
    })
}

fn number(text: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is no finite number")),
    }
}

/// The values of a line, and its class.
fn beat(record: &csv::StringRecord) -> Result<(Vec<f32>, u32), String> {
    let mut values = record.iter().map(number).collect::<Result<Vec<f32>, _>>()?;
    match values.pop() {
        Some(class) if values.len() == LENGTH => {
            match (0..CLASSES as u32).find(|&known| known as f32 == class) {
                Some(known) => Ok((values, known)),
                None => Err(format!("class {class} is none of 0 to {}", CLASSES - 1)),
            }
        }
        _ => Err(format!("it has {} columns, not {}", record.len(), LENGTH + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_beat_and_its_class() {
        let line = |end: &str| [vec!["0.25"; LENGTH].join(","), end.to_owned()].join(",");
        let read = |text: String| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("writable");
            read(file.path()).map_err(|error| error.to_string())
        };
        let beats =
            read(format!("{}\n{}\n", line("4.000000000000000000e+00"), line("0"))).expect("sound");
        assert_eq!((beats.inputs.len(), beats.targets.classes()), (2, Some(&[4, 0][..])));
        let refused = |text: String| read(text).expect_err("refused");
        assert!(
            refused(format!("{}\n{}", line("1"), line("5")))
                .contains("line 2: class 5 is none of 0 to 4")
        );
        assert!(refused(line("nan")).contains("`nan` is no finite number"));
        assert!(refused("1,2,3".to_owned()).contains("line 1: it has 3 columns, not 188"));
        assert!(refused(String::new()).contains("no lines"));
    }
}
