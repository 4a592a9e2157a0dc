//! Numbers of records: none of them is lost. JSON has no word for NaN and infinity, so they are
//! told as `"NaN"`, `"inf"` and `"-inf"`; `null`, which older files have in their place, reads as
//! NaN. For fields, in any container: `#[serde(with = "crate::number")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A number as records tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

/// What is not finite.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Word {
    NaN,
    #[serde(rename = "inf")]
    Infinity,
    #[serde(rename = "-inf")]
    MinusInfinity,
}

/// All that can stand for a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Finite(f64),
    Word(Word),
    Lost(()),
}

impl Number {
    fn word(self) -> Option<Word> {
        match self.0 {
            number if number.is_nan() => Some(Word::NaN),
            f64::INFINITY => Some(Word::Infinity),
            f64::NEG_INFINITY => Some(Word::MinusInfinity),
            _ => None,
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.word() {
            Some(word) if to.is_human_readable() => word.serialize(to),
            _ => self.0.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        if !from.is_human_readable() {
            return f64::deserialize(from).map(Number);
        }
        Told::deserialize(from).map(|told| match told {
            Told::Finite(number) => Number(number),
            Told::Word(Word::NaN) | Told::Lost(()) => Number(f64::NAN),
            Told::Word(Word::Infinity) => Number(f64::INFINITY),
            Told::Word(Word::MinusInfinity) => Number(f64::NEG_INFINITY),
        })
    }
}

/// What holds numbers.
pub trait Numbers {
    /// The same with numbers as records tell them.
    type Told: Serialize + for<'de> Deserialize<'de>;

    /// To be written.
    fn told(&self) -> Self::Told;

    /// What was read.
    fn heard(told: Self::Told) -> Self;
}

impl Numbers for f64 {
    type Told = Number;

    fn told(&self) -> Number {
        Number(*self)
    }

    fn heard(told: Number) -> f64 {
        told.0
    }
}

impl Numbers for Option<f64> {
    type Told = Option<Number>;

    fn told(&self) -> Option<Number> {
        self.map(Number)
    }

    fn heard(told: Option<Number>) -> Option<f64> {
        told.map(|number| number.0)
    }
}

impl Numbers for Vec<f64> {
    type Told = Vec<Number>;

    fn told(&self) -> Vec<Number> {
        self.iter().copied().map(Number).collect()
    }

    fn heard(told: Vec<Number>) -> Vec<f64> {
        told.into_iter().map(|number| number.0).collect()
    }
}

impl Numbers for BTreeMap<String, f64> {
    type Told = BTreeMap<String, Number>;

    fn told(&self) -> BTreeMap<String, Number> {
        self.iter()
            .map(|(name, number)| (name.clone(), Number(*number)))
            .collect()
    }

    fn heard(told: BTreeMap<String, Number>) -> BTreeMap<String, f64> {
        told.into_iter()
            .map(|(name, number)| (name, number.0))
            .collect()
    }
}

/// For `#[serde(with = "crate::number")]`.
///
/// # Errors
/// The serializer's.
pub fn serialize<T: Numbers, S: Serializer>(numbers: &T, to: S) -> Result<S::Ok, S::Error> {
    numbers.told().serialize(to)
}

/// For `#[serde(with = "crate::number")]`.
///
/// # Errors
/// The deserializer's.
pub fn deserialize<'de, T: Numbers, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::Told::deserialize(from).map(T::heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(number: f64) -> f64 {
        let text = serde_json::to_string(&Number(number)).expect("encodes");
        serde_json::from_str::<Number>(&text).expect(&text).0
    }

    #[test]
    fn every_number_survives_json_and_plain_bytes() {
        for number in [
            0.0,
            -0.0,
            0.1 + 0.2,
            7.0,
            f64::MAX,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            assert_eq!(again(number).to_bits(), number.to_bits(), "{number}");
            let bytes = postcard::to_allocvec(&Number(number)).expect("encodes");
            assert_eq!(postcard::from_bytes::<Number>(&bytes), Ok(Number(number)));
        }
        assert!(again(f64::NAN).is_nan());
        assert_eq!(serde_json::to_string(&f64::NAN.told()).expect("encodes"), "\"NaN\"");
        let [older, whole]: [Number; 2] = serde_json::from_str("[null, 3]").expect("readable");
        assert!(older.0.is_nan() && whole.0 == 3.0);
        assert!(serde_json::from_str::<Number>("\"nan?\"").is_err());
    }
}
