//! Settings as they are written down. Paths are bytes: one that is text is written as text, any
//! other by the tag `!bytes` and its bytes as hexadecimal digits, so that no path is lost or
//! changed on its way.

use crate::files;
use crate::part::Choice;
use crate::update::Chain;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use serde_yaml::Value;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The tag of a path that is not text.
const TAG: &str = "bytes";

/// A setting: the type of its flag, and how it is written down.
pub trait Setting: Sized {
    /// What clap parses; an optional setting has a plain flag.
    type Flag: Clone + Send + Sync + 'static;

    /// Writes it down.
    ///
    /// # Errors
    /// What the format cannot hold.
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error>;

    /// Reads what was written.
    ///
    /// # Errors
    /// What means nothing.
    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;

    /// Resolves `~` at the beginning of paths.
    ///
    /// # Errors
    /// There is no home folder.
    fn go_home(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! plain {
    ($($type:ty),* $(,)?) => { $(
        impl $crate::config::Setting for $type {
            type Flag = $type;
            $crate::config::written::as_serde!();
        }
        impl $crate::config::Setting for Option<$type> {
            type Flag = $type;
            $crate::config::written::as_serde!();
        }
    )* };
}

macro_rules! as_serde {
    () => {
        fn write<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
            serde::Serialize::serialize(self, out)
        }

        fn read<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            serde::Deserialize::deserialize(from)
        }
    };
}

pub(super) use {as_serde, plain};

/// What may hold paths, beside paths themselves.
macro_rules! with_paths {
    ($($type:ty: $value:ident => $go_home:expr),*) => { $(
        impl Setting for $type {
            type Flag = $type;
            as_serde!();

            fn go_home(&mut self) -> io::Result<()> {
                let $value = self;
                $go_home
            }
        }

        impl Setting for Option<$type> {
            type Flag = $type;
            as_serde!();

            fn go_home(&mut self) -> io::Result<()> {
                self.iter_mut().try_for_each(|$value| $go_home)
            }
        }
    )* };
}
with_paths!(
    Choice: choice => choice.go_home(),
    Chain: chain => chain.0.iter_mut().try_for_each(Choice::go_home)
);

impl Setting for PathBuf {
    type Flag = PathBuf;

    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.to_str() {
            Some(text) => out.serialize_str(text),
            None => out.serialize_newtype_variant("Path", 0, TAG, &digits(self)),
        }
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        path(Value::deserialize(from)?).map_err(Error::custom)
    }

    fn go_home(&mut self) -> io::Result<()> {
        *self = files::at_home(self)?;
        Ok(())
    }
}

impl Setting for Option<PathBuf> {
    type Flag = PathBuf;

    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(path) => path.write(out),
            None => out.serialize_none(),
        }
    }

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(None),
            written => path(written).map(Some).map_err(Error::custom),
        }
    }

    fn go_home(&mut self) -> io::Result<()> {
        self.iter_mut().try_for_each(PathBuf::go_home)
    }
}

fn path(written: Value) -> Result<PathBuf, String> {
    match written {
        Value::String(text) => Ok(text.into()),
        Value::Tagged(tagged) if tagged.tag == TAG => {
            let bytes = tagged.value.as_str().and_then(bytes);
            bytes.ok_or(format!("!{TAG} needs an even number of hexadecimal digits"))
        }
        other => Err(format!("a path is a text, not {}", kind(&other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::String(_) | Value::Tagged(_) => "something with a tag",
    }
}

fn digits(path: &Path) -> String {
    path.as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn bytes(digits: &str) -> Option<PathBuf> {
    if !digits.is_ascii() || digits.len() % 2 == 1 {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    Some(OsString::from_vec(bytes?).into())
}

/// As [`Setting::write`], for serde's attributes.
pub fn write<T: Setting, S: Serializer>(setting: &T, out: S) -> Result<S::Ok, S::Error> {
    setting.write(out)
}

/// As [`Setting::read`], for serde's attributes.
pub fn read<'de, T: Setting, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::read(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct One(
        #[serde(serialize_with = "write", deserialize_with = "read")] Option<PathBuf>,
        #[serde(serialize_with = "write", deserialize_with = "read")] PathBuf,
    );

    proptest! {
        #[test]
        fn every_path_reads_back(bytes in prop::collection::vec(1u8.., 0..20)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            let one = One(Some(path.clone()), path);
            let text = serde_yaml::to_string(&one).expect("any bytes");
            prop_assert_eq!(serde_yaml::from_str::<One>(&text).expect("own output"), one);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "[3, a]",
            "[null, 3]",
            "[null, null]",
            "[null, !bytes 6]",
            "[null, !bytes zz]",
            "[null, !else 64]",
        ] {
            assert!(serde_yaml::from_str::<One>(text).is_err(), "{text}");
        }
        let one = serde_yaml::from_str::<One>("[null, !bytes 64ff]").expect("bytes");
        assert_eq!(one, One(None, OsString::from_vec(b"d\xff".to_vec()).into()));
    }
}
