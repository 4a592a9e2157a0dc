//! Numbers in lists of lists, as JSON has arrays: read one by one into one vector, since there may
//! be many millions.

use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// How long each axis is, and the numbers, one after another.
#[derive(Debug, Default, PartialEq)]
pub struct Nested {
    /// Of the lists, from the outermost.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Vec<f32>,
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nested, D::Error> {
        let mut lengths = Vec::new();
        let mut values = Vec::new();
        Level {
            lengths: &mut lengths,
            values: &mut values,
            depth: 0,
        }
        .deserialize(deserializer)?;
        Ok(Nested {
            shape: lengths.into_iter().flatten().collect(),
            values,
        })
    }
}

/// What is in so many lists.
struct Level<'a> {
    // Of the lists of each depth, as soon as one is known.
    lengths: &'a mut Vec<Option<usize>>,
    values: &'a mut Vec<f32>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Level<'_> {
    fn number<E: Error>(self, value: f32) -> Result<(), E> {
        if self.depth < self.lengths.len() {
            return Err(E::custom("a number stands where others have a list"));
        }
        self.values.push(value);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, or a list of them")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(value as f32)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(value as f32)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(value as f32)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Level {
            lengths,
            values,
            depth,
        } = self;
        if depth == lengths.len() {
            if !values.is_empty() {
                return Err(A::Error::custom("a list stands where others have a number"));
            }
            lengths.push(None);
        }
        let mut length = 0;
        while list
            .next_element_seed(Level {
                lengths,
                values,
                depth: depth + 1,
            })?
            .is_some()
        {
            length += 1;
        }
        match *lengths[depth].get_or_insert(length) {
            known if known == length => Ok(()),
            known => Err(A::Error::custom(format!(
                "a list of {length} stands where others have {known}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_equal_length_are_an_array_and_others_are_none() {
        let read =
            |text: &str| serde_json::from_str::<Nested>(text).map_err(|error| error.to_string());
        let found = read("[[[1, 2.5]], [[-3, 4]], [[5, 6]]]").expect("sound");
        assert_eq!(
            found,
            Nested {
                shape: vec![3, 1, 2],
                values: vec![1.0, 2.5, -3.0, 4.0, 5.0, 6.0]
            }
        );
        assert_eq!(read("[]").expect("sound").shape, [0]);
        assert!(
            read("[[1], [2, 3]]")
                .expect_err("refused")
                .contains("a list of 2 stands where others have 1")
        );
        assert!(
            read("[[1], 2]")
                .expect_err("refused")
                .contains("a number stands")
        );
        assert!(
            read("[1, [2]]")
                .expect_err("refused")
                .contains("a list stands")
        );
        assert!(
            read("[\"1\"]")
                .expect_err("refused")
                .contains("a number, or a list")
        );
    }
}
