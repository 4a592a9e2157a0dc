//! One copy of a data set for all ranks of a host: the first rank writes it to a file in memory,
//! the others map it, then the name is removed and the memory goes with the last rank.

use super::{Column, Dataset, Numbers, Samples, Standard, Train, Values};
use crate::files;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Where the file may lie, in order: memory first.
fn places() -> [PathBuf; 2] {
    ["/dev/shm".into(), std::env::temp_dir()]
}

/// Writes a data set for other ranks to [`open`]; the file goes when the value is dropped. None
/// when there is no room, or when the data set is generated anyway.
pub fn offer(dataset: &Dataset) -> Option<NamedTempFile> {
    offer_in(&places(), dataset)
}

fn offer_in(places: &[PathBuf], dataset: &Dataset) -> Option<NamedTempFile> {
    let Train::Stored(train) = &dataset.train else { return None };
    places.iter().find_map(|place| {
        let file = NamedTempFile::with_prefix_in("fedmpi-", place).ok()?;
        write(dataset, train, file.path())?;
        Some(file)
    })
}

/// What to tell of so many ranks that hold a copy of their own where they could have shared one.
pub fn note(alone: usize) -> Option<String> {
    let [memory, disk] = places();
    let places = format!("{} and {}", memory.display(), disk.display());
    (alone > 0).then(|| {
        format!(
            "{alone} ranks read the data for themselves, where one copy for each host would do: it cannot be shared in \
             {places} (hint: make one of them writable, with room for the data)"
        )
    })
}

/// What is said of a column beside its numbers: how wide it is, and how its bytes are standardised.
type Said = (usize, Option<Standard>);

fn write(dataset: &Dataset, train: &Samples, path: &Path) -> Option<()> {
    let owners: Vec<u64> = dataset
        .owners
        .iter()
        .flatten()
        .map(|&start| start as u64)
        .collect();
    let mut tensors = vec![("owners".to_owned(), view(Dtype::U64, bytemuck::cast_slice(&owners))?)];
    let mut facts = HashMap::from([
        ("facts".to_owned(), serde_json::to_string(&dataset.facts).ok()?),
        ("owned".to_owned(), dataset.owners.is_some().to_string()),
        ("augment".to_owned(), serde_json::to_string(&dataset.augment).ok()?),
        ("about".to_owned(), serde_json::to_string(&dataset.about).ok()?),
    ]);
    for (part, samples) in [("train", train), ("test", &dataset.test)] {
        for (kind, column) in [("inputs", &samples.inputs), ("targets", &samples.targets)] {
            let (dtype, standard) = match column.numbers() {
                Numbers::Floats(_) => (Dtype::F32, None),
                Numbers::Bytes(_, standard) => (Dtype::U8, Some(standard.clone())),
                Numbers::Integers(_) => (Dtype::U32, None),
            };
            let said: Said = (column.width(), standard);
            facts.insert(format!("{part}.{kind}"), serde_json::to_string(&said).ok()?);
            tensors.push((format!("{part}.{kind}"), view(dtype, column.bytes())?));
        }
    }
    safetensors::serialize_to_file(tensors, &Some(facts), path).ok()
}

fn view(kind: Dtype, bytes: &[u8]) -> Option<TensorView<'_>> {
    TensorView::new(kind, vec![bytes.len() / kind.size()], bytes).ok()
}

/// Maps what another rank of this host offers.
///
/// # Errors
/// A file that is not there or not of this program.
pub fn open(path: &Path) -> io::Result<Dataset> {
    let file = files::open(path)?;
    // SAFETY: the file is private to this job and nobody writes to it once its name is known.
    let map = Arc::new(unsafe { Mmap::map(&file)? });
    decode(&map)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a data set of this program"))
}

fn decode(map: &Arc<Mmap>) -> Option<Dataset> {
    let (_, header) = SafeTensors::read_metadata(map).ok()?;
    let offered = Offered {
        map,
        tensors: SafeTensors::deserialize(map).ok()?,
        facts: header.metadata().as_ref()?,
    };
    let owned = offered.facts.get("owned")? == "true";
    let owners: Values<u64> = offered.values("owners")?;
    Some(Dataset {
        facts: offered.fact("facts")?,
        train: Train::Stored(offered.samples("train")?),
        test: offered.samples("test")?,
        owners: owned.then(|| owners.iter().map(|&start| start as usize).collect()),
        augment: offered.fact("augment")?,
        about: offered.fact("about")?,
    })
}

/// What lies in a map.
struct Offered<'a> {
    map: &'a Arc<Mmap>,
    tensors: SafeTensors<'a>,
    facts: &'a HashMap<String, String>,
}

impl Offered<'_> {
    fn fact<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.facts.get(name)?).ok()
    }

    fn values<T: bytemuck::Pod>(&self, name: &str) -> Option<Values<T>> {
        let tensor = self.tensors.tensor(name).ok()?;
        Values::mapped(self.map, place(self.map, tensor.data()))
    }

    fn column(&self, name: &str) -> Option<Column> {
        let (width, standard): Said = self.fact(name)?;
        let numbers = match (self.tensors.tensor(name).ok()?.dtype(), standard) {
            (Dtype::F32, _) => Numbers::Floats(self.values(name)?),
            (Dtype::U8, Some(standard)) => Numbers::Bytes(self.values(name)?, standard),
            (Dtype::U32, _) => Numbers::Integers(self.values(name)?),
            _ => return None,
        };
        Some(Column::new(numbers, width))
    }

    fn samples(&self, part: &str) -> Option<Samples> {
        Some(Samples {
            inputs: self.column(&format!("{part}.inputs"))?,
            targets: self.column(&format!("{part}.targets"))?,
        })
    }
}

/// Where `part` lies in the map.
fn place(map: &Mmap, part: &[u8]) -> std::ops::Range<usize> {
    let start = part.as_ptr() as usize - map.as_ptr() as usize;
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::About;
    use crate::data::Augment;
    use crate::task::Facts;
    use std::io::Write;

    #[test]
    fn what_is_offered_is_opened_even_after_its_name_is_gone() {
        let targets = || Column::integers(vec![1, 0], 1);
        let bytes = Numbers::Bytes(vec![1, 2, 3, 4].into(), Standard::one(0.5, 2.0));
        let dataset = Dataset {
            facts: Facts::classes(&[2], 2),
            train: Train::Stored(Samples {
                inputs: Column::new(bytes, 2),
                targets: targets(),
            }),
            test: Samples {
                inputs: Column::floats(vec![9.0, 2.0, 3.0, 4.0], 2),
                targets: targets(),
            },
            owners: Some(vec![0, 1, 2]),
            augment: Augment {
                crop: 4,
                flip: true,
                ..Augment::default()
            },
            about: About {
                classes: vec!["cat".to_owned()],
                ..About::default()
            },
        };
        let file = offer(&dataset).expect("room");
        let opened = open(file.path()).expect("a data set");
        drop(file);
        assert_eq!(opened, dataset);
        assert_eq!(opened.digest(), dataset.digest());
    }

    #[test]
    fn without_a_writable_place_nothing_is_offered_and_it_is_told() {
        let nowhere = tempfile::tempdir().expect("a folder").path().to_owned();
        assert!(offer_in(std::slice::from_ref(&nowhere), &Dataset::default()).is_none());
        assert!(offer_in(&[nowhere, std::env::temp_dir()], &Dataset::default()).is_some());
        assert_eq!(note(0), None);
        assert!(
            note(3)
                .expect("said")
                .starts_with("3 ranks read the data for themselves")
        );
    }

    #[test]
    fn other_files_are_refused() {
        let mut file = NamedTempFile::new().expect("a file");
        assert!(open(file.path()).is_err());
        file.write_all(b"something else").expect("written");
        assert!(open(file.path()).is_err());
    }
}
