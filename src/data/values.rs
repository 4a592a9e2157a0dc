//! Numbers of a data set: in the memory of this process, or in a file that all processes of a host
//! have mapped, so that the host holds them once.

use memmap2::Mmap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Read-only numbers.
#[derive(Clone)]
pub struct Values<T>(Place<T>);

#[derive(Clone)]
enum Place<T> {
    Own(Vec<T>),
    Mapped {
        map: Arc<Mmap>,
        bytes: Range<usize>,
        kind: PhantomData<T>,
    },
}

impl<T: bytemuck::Pod> Values<T> {
    /// The numbers in a part of a mapped file; none when the part does not hold whole numbers.
    pub fn mapped(map: &Arc<Mmap>, bytes: Range<usize>) -> Option<Values<T>> {
        bytemuck::try_cast_slice::<u8, T>(map.get(bytes.clone())?).ok()?;
        Some(Values(Place::Mapped {
            map: Arc::clone(map),
            bytes,
            kind: PhantomData,
        }))
    }

    /// The numbers to be changed: those in memory are not copied.
    pub fn into_vec(self) -> Vec<T> {
        match self.0 {
            Place::Own(values) => values,
            Place::Mapped { .. } => self.to_vec(),
        }
    }
}

impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Values<T> {
        Values(Place::Own(values))
    }
}

impl<T> Default for Values<T> {
    fn default() -> Values<T> {
        Vec::new().into()
    }
}

impl<T: bytemuck::Pod> Deref for Values<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Place::Own(values) => values,
            Place::Mapped { map, bytes, .. } => bytemuck::cast_slice(&map[bytes.clone()]),
        }
    }
}

impl<T: bytemuck::Pod + PartialEq> PartialEq for Values<T> {
    fn eq(&self, other: &Values<T>) -> bool {
        **self == **other
    }
}

impl<T: bytemuck::Pod> fmt::Debug for Values<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} values", self.len())
    }
}
