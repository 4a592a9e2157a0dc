//! Synthetic data as LEAF and FedProx have written it: rows of numbers, classes of which no file
//! says how many there are.

use super::{class, read};
use crate::data::{DataError, Dataset, Source, Train};
use crate::part;
use crate::part::Range;
use crate::task::Facts;

part! {
    /// Settings of synthetic data in files.
    pub Synthetic {
        features: usize = "60", "NUMBERS", Range::COUNT, "numbers of a row";
        classes: usize = "10", "CLASSES", Range::between(2.0, 65536.0), "classes that there are";
    }
}

impl Synthetic {
    /// Rows by users.
    pub fn dataset(&self, source: &Source<'_>) -> Result<Dataset, DataError> {
        let width = self.features;
        let parts = read(source.folder, source.test_only, |x, y| self.row(x, y))?;
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
