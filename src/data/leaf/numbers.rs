//! Synthetic data as LEAF and FedProx have written it: rows of numbers, classes of which no file
//! says how many there are.

use super::{Part, class, read};
use crate::data::{Column, DataError, Dataset, Samples, Source, Train};
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
        let row = |x: Vec<f32>, y: f64| {
            let class = class(y, self.classes)?;
            match x.len() == width && x.iter().all(|value| value.is_finite()) {
                true => Ok(vec![(x, class)]),
                false => Err(format!("{} numbers, not {width} finite ones", x.len())),
            }
        };
        let parts = read(source.folder, source.test_only, row)?;
        let owners = parts.owners();
        let made = |part: Part<(Vec<f32>, u32)>| {
            let (inputs, targets): (Vec<_>, Vec<_>) = part.samples.into_iter().unzip();
            Samples {
                inputs: Column::floats(inputs.concat(), width),
                targets: Column::integers(targets, 1),
            }
        };
        let (facts, train) =
            (Facts::classes(&[width], self.classes), Train::Stored(made(parts.train)));
        Ok(Dataset {
            facts,
            train,
            test: made(parts.test),
            owners,
            ..Dataset::default()
        })
    }
}
