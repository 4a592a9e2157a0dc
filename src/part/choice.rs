//! Choices as users write them: in a line, or in YAML.

use super::guessed;
use crate::files;
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_yaml::{Mapping, Value};
use std::fmt;
use std::io;
use std::path::Path;

/// What a user chose of a kind: a part's name, and what it is told.
///
/// ```
/// use fedmpi::part::Choice;
/// let choice = Choice::from("fedadam:server_lr=0.01,tau=1e-3");
/// assert_eq!((choice.name.as_str(), choice.values.len()), ("fedadam", 2));
/// assert_eq!(
///     serde_yaml::from_str::<Choice>("{name: fedadam, server_lr: 0.01, tau: 1e-3}")
///         .unwrap(),
///     choice
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The part's name.
    pub name: String,
    /// Its settings as far as they were said; numbers without a name by their place, from 0.
    pub values: Mapping,
}

impl From<&str> for Choice {
    /// Never fails: what cannot be meant is refused when the part is looked up.
    fn from(text: &str) -> Choice {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let words = rest.split(',').map(str::trim);
        let told = words.filter(|word| !word.is_empty());
        Choice {
            name: name.trim().to_owned(),
            values: told
                .enumerate()
                .map(|(place, word)| pair(place, word))
                .collect(),
        }
    }
}

/// `key=value`, or a value by its place.
fn pair(place: usize, word: &str) -> (Value, Value) {
    match word.split_once('=') {
        Some((key, text)) => (Value::from(key.trim()), guessed(text.trim())),
        None => (Value::from(place), guessed(word)),
    }
}

impl Choice {
    /// Resolves `~` at the beginning of paths that a part is told.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn go_home(&mut self) -> io::Result<()> {
        for value in self.values.values_mut() {
            let Some(path) = value.as_str() else { continue };
            if path == "~" || path.starts_with("~/") {
                let path = files::at_home(Path::new(path))?;
                *value = path.to_string_lossy().into_owned().into();
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Choice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Choice, Self::Err> {
        Ok(text.into())
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)?;
        let said = self.values.iter().filter(|(_, value)| !value.is_null());
        for (place, (key, value)) in said.enumerate() {
            let text = plain(value);
            let sign = if place == 0 { ':' } else { ',' };
            match key.as_str() {
                Some(key) => write!(out, "{sign}{key}={text}")?,
                None => write!(out, "{sign}{text}")?,
            }
        }
        Ok(())
    }
}

/// A value as users write it in a line.
pub(crate) fn plain(value: &Value) -> String {
    if let Value::Sequence(values) = value {
        return values.iter().map(plain).collect::<Vec<_>>().join(",");
    }
    serde_yaml::to_string(value)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.values.is_empty() {
            return to.serialize_str(&self.name);
        }
        if self.values.keys().any(|key| !key.is_string()) {
            return to.collect_str(self);
        }
        let mut map = to.serialize_map(Some(1 + self.values.len()))?;
        map.serialize_entry("name", &self.name)?;
        self.values
            .iter()
            .try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Choice, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Choice::from(text.as_str())),
            // YAML takes a name such as `2` for a number.
            value @ Value::Number(_) => Ok(Choice::from(plain(&value).as_str())),
            Value::Mapping(mut values) => match values.remove("name") {
                Some(Value::String(name)) => Ok(Choice { name, values }),
                _ => Err(D::Error::custom("a part in this form has a `name`")),
            },
            _ => Err(D::Error::custom("a name, or a mapping with `name`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives_yaml() {
        for text in ["sgd", "sgd:lr=0.5,steps=2", "lognormal:1,0.7"] {
            let choice = Choice::from(text);
            let written = serde_yaml::to_string(&choice).expect("plain data");
            assert_eq!(
                serde_yaml::from_str::<Choice>(&written).expect("own output"),
                choice,
                "{written}"
            );
        }
    }
}
