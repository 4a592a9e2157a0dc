//! HDF5 files as TensorFlow Federated and FLUTE write them: groups of users, and arrays of numbers
//! of any width or of texts. Files are mapped, so that only what is asked for is read.

use super::DataError;
use crate::files;
use hdf5_reader::error::Error;
use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, H5Type, Hdf5File, MmapStorage};
use memmap2::Mmap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No user's array has more values; a header that says more is damaged.
const MOST_VALUES: u64 = 1 << 31;
/// What a byte unfolds to at most, by deflate.
const UNFOLDED: u64 = 1032;

/// A group of a file, or the file.
pub struct Node {
    path: PathBuf,
    // Where it is in the file, for messages.
    place: String,
    group: Group,
    // Values that an array can have in a file of this length.
    most: u64,
}

/// An array of a file: rows along its first axis.
pub struct Array {
    path: PathBuf,
    place: String,
    dataset: Dataset,
    most: u64,
}

impl Node {
    /// Opens a file.
    ///
    /// # Errors
    /// One that cannot be read, or is no HDF5.
    pub fn open(path: &Path) -> Result<Node, DataError> {
        let file = files::open(path).map_err(DataError::unread(path))?;
        // SAFETY: it is only read, by one rank of the host, before training.
        let map = unsafe { Mmap::map(&file) }.map_err(DataError::unread(path))?;
        let most = MOST_VALUES.min(map.len() as u64 * UNFOLDED);
        let root = Hdf5File::from_storage(Arc::new(MmapStorage::new(map)))
            .and_then(|file| file.root_group());
        let group = root.map_err(|error| fault(path, "", &error))?;
        Ok(Node {
            path: path.to_owned(),
            place: String::new(),
            group,
            most,
        })
    }

    /// Names of its groups and arrays, sorted.
    ///
    /// # Errors
    /// A damaged file.
    pub fn names(&self) -> Result<Vec<String>, DataError> {
        let (groups, arrays) = self
            .group
            .member_names()
            .map_err(|error| fault(&self.path, &self.place, &error))?;
        let mut names = [groups, arrays].concat();
        names.sort();
        Ok(names)
    }

    /// A group in it.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn group(&self, name: &str) -> Result<Node, DataError> {
        let place = format!("{}/{name}", self.place);
        let group = self
            .group
            .group(name)
            .map_err(|error| fault(&self.path, &place, &error))?;
        Ok(Node {
            path: self.path.clone(),
            place,
            group,
            most: self.most,
        })
    }

    /// An array in it.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn array(&self, name: &str) -> Result<Array, DataError> {
        let place = format!("{}/{name}", self.place);
        let dataset = self
            .group
            .dataset(name)
            .map_err(|error| fault(&self.path, &place, &error))?;
        Ok(Array {
            path: self.path.clone(),
            place,
            dataset,
            most: self.most,
        })
    }

    /// A fault of what is in it.
    pub fn wrong(&self, reason: impl std::fmt::Display) -> DataError {
        DataError::Format {
            path: self.path.clone(),
            reason: format!("{}: {reason}", self.place),
        }
    }
}

impl Array {
    /// How long each of its axes is.
    pub fn shape(&self) -> Vec<usize> {
        self.dataset
            .shape()
            .iter()
            .map(|&length| length as usize)
            .collect()
    }

    /// Its whole numbers, of whatever width.
    ///
    /// # Errors
    /// Other values; a damaged file.
    pub fn whole(&self) -> Result<Vec<i64>, DataError> {
        let Datatype::FixedPoint { size, signed, .. } = *self.dataset.dtype() else {
            return Err(self.wrong("it does not hold whole numbers"));
        };
        match (size, signed) {
            (1, false) => self.wide::<u8>(),
            (1, true) => self.wide::<i8>(),
            (2, false) => self.wide::<u16>(),
            (2, true) => self.wide::<i16>(),
            (4, false) => self.wide::<u32>(),
            (4, true) => self.wide::<i32>(),
            (8, true) => self.values(),
            _ => Err(self.wrong(format!("its whole numbers have {size} bytes"))),
        }
    }

    /// Its values as floats: numbers of any kind, or texts that say numbers.
    ///
    /// # Errors
    /// Other values; a damaged file.
    pub fn floats(&self) -> Result<Vec<f32>, DataError> {
        match self.dataset.dtype() {
            Datatype::FloatingPoint { size: 4, .. } => self.values(),
            Datatype::FloatingPoint { .. } => {
                let doubles: Vec<f64> = self.values()?;
                Ok(doubles.into_iter().map(|value| value as f32).collect())
            }
            Datatype::FixedPoint { .. } => Ok(self
                .whole()?
                .into_iter()
                .map(|value| value as f32)
                .collect()),
            _ => {
                let mut numbers = Vec::new();
                for text in self.texts()? {
                    let number = text.trim().parse();
                    numbers.push(number.map_err(|_| self.wrong(format!("`{text}` is no number")))?);
                }
                Ok(numbers)
            }
        }
    }

    /// Its texts.
    ///
    /// # Errors
    /// Other values; texts that are not UTF-8; a damaged file.
    pub fn texts(&self) -> Result<Vec<String>, DataError> {
        self.measured()?;
        self.dataset
            .read_strings()
            .map_err(|error| fault(&self.path, &self.place, &error))
    }

    fn wide<T: H5Type + Default + Into<i64>>(&self) -> Result<Vec<i64>, DataError> {
        Ok(self.values::<T>()?.into_iter().map(T::into).collect())
    }

    /// Its values of the type that they have.
    fn values<T: H5Type + Default>(&self) -> Result<Vec<T>, DataError> {
        let count = self.measured()?;
        let mut values: Vec<T> = Vec::new();
        values
            .try_reserve_exact(count)
            .map_err(|_| DataError::NoMemory {
                path: self.path.clone(),
                values: count,
            })?;
        values.resize(count, T::default());
        self.dataset
            .read_into(&mut values)
            .map_err(|error| fault(&self.path, &self.place, &error))?;
        Ok(values)
    }

    /// How many values it has.
    fn measured(&self) -> Result<usize, DataError> {
        let count = self
            .dataset
            .num_elements()
            .map_err(|error| fault(&self.path, &self.place, &error))?;
        match count <= self.most {
            true => Ok(count as usize),
            false => Err(self.wrong(format!("it is said to hold {count} values"))),
        }
    }

    /// A fault of what is in it.
    pub fn wrong(&self, reason: impl std::fmt::Display) -> DataError {
        DataError::Format {
            path: self.path.clone(),
            reason: format!("{}: {reason}", self.place),
        }
    }
}

fn fault(path: &Path, place: &str, error: &Error) -> DataError {
    DataError::Format {
        path: path.to_owned(),
        reason: format!("{place}: {error}")
            .trim_start_matches(": ")
            .to_owned(),
    }
}
