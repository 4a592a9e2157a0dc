//! Synthetic data as LEAF and FedProx have written it: rows of numbers, classes of which no file
//! says how many there are.

use super::{class, folders, is_here, place, read};
use crate::data::{DataError, Dataset, Source, Train};
use crate::part;
use crate::part::Range;
use crate::task::Facts;
use std::fs;
use std::path::Path;

part! {
    /// Settings of synthetic data in files.
    pub Synthetic {
        features: usize = "60", "NUMBERS", Range::COUNT, "numbers of a row";
        classes: usize = "10", "CLASSES", Range::between(2.0, 65536.0), "classes that there are";
    }
}

/// The only folder that is called as FedML, FedProx and LEAF call them (`synthetic_1_1`); several
/// are for the user to choose from.
fn of_synthetic(folder: &Path) -> Result<Vec<String>, DataError> {
    let own = |inner: &Path| is_here(inner) || is_here(&inner.join("data"));
    if own(folder) {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| own(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("synthetic"))
        .collect();
    names.sort();
    match names.len() {
        0 => Ok(vec!["synthetic".to_owned()]),
        1 => Ok(names),
        _ => Err(DataError::Own {
            path: folder.to_owned(),
            reason: format!("it has {} (hint: --data_dir names one of them)", names.join(", ")),
        }),
    }
}

impl Synthetic {
    /// Rows by users.
    pub fn dataset(&self, source: &Source<'_>) -> Result<Dataset, DataError> {
        let width = self.features;
        let folder = place(source.folder, &folders(&of_synthetic(source.folder)?))?;
        let parts = read(&folder, source.test_only, |x, y| self.row(x, y))?;
        Ok(Dataset {
            facts: Facts::classes(&[width], self.classes),
            owners: parts.owners(),
            train: Train::Stored(parts.train.rows(width)),
            test: parts.test.rows(width),
            ..Dataset::default()
        })
    }

    /// A row and its class.
    fn row(&self, x: Vec<f32>, y: f64) -> Result<Vec<(Vec<f32>, u32)>, String> {
        let (class, width) = (class(y, self.classes)?, self.features);
        if x.len() != width || x.iter().any(|value| !value.is_finite()) {
            return Err(format!("{} numbers, not {width} finite ones", x.len()));
        }
        Ok(vec![(x, class)])
    }
}
