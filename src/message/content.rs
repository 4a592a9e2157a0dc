//! The vectors that follow a head. They are never copied to be encoded, and found by what they are.

use crate::ids::ClientId;
use crate::weights::{Units, Weights};
use serde::{Deserialize, Serialize};

/// What a vector is. A vector is found by its label, never by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// A model, flat: the global one, or a client's.
    Model,
    /// A client's change of the model, where it is not the difference of two models.
    Change,
    /// What an algorithm tells its clients beside the model.
    Told,
    /// What a client says beside its change: which of its algorithm's sections.
    Said(u8),
    /// What a client keeps.
    Kept(ClientId),
    /// A partial sum.
    Units,
    /// A client's change, where most of it is zero: its length, then of every other value the place
    /// and the bits.
    Few,
    /// What is remembered on the server: by the algorithm (0), by the server step (1).
    Memory(u8),
}

/// A vector of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Single precision.
    Floats(Weights),
    /// Fixed-point sums, and other numbers of 64 bits.
    Units(Units),
}

impl Numbers {
    /// Bytes of the numbers.
    pub fn bytes(&self) -> usize {
        match self {
            Numbers::Floats(floats) => size_of_val(floats.as_slice()),
            Numbers::Units(units) => size_of_val(units.as_slice()),
        }
    }
}

/// The vectors that follow a head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content(pub Vec<(Label, Numbers)>);

impl Content {
    /// Most messages have none.
    pub fn nothing() -> Content {
        Content::default()
    }

    /// With one more vector.
    pub fn with(mut self, label: Label, floats: Weights) -> Content {
        self.0.push((label, Numbers::Floats(floats)));
        self
    }

    /// With one more vector, of 64-bit numbers.
    pub fn with_units(mut self, label: Label, units: Units) -> Content {
        self.0.push((label, Numbers::Units(units)));
        self
    }

    /// The floats of a label, if they came.
    pub fn floats(&self, label: Label) -> Option<&Weights> {
        self.0.iter().find_map(|(other, numbers)| match numbers {
            Numbers::Floats(floats) if *other == label => Some(floats),
            _ => None,
        })
    }

    /// The 64-bit numbers of a label, if they came.
    pub fn units(&self, label: Label) -> Option<&Units> {
        self.0.iter().find_map(|(other, numbers)| match numbers {
            Numbers::Units(units) if *other == label => Some(units),
            _ => None,
        })
    }

    /// Bytes of all numbers.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(_, numbers)| numbers.bytes()).sum()
    }
}
