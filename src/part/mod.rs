//! Replaceable parts: what users choose, what a part may be told, and the tables that hold all
//! parts of a kind.
//!
//! A part declares its settings once, by [`part!`](crate::part!) in its own file, with unit,
//! default, range and help. From that one place come `NAME:key=value,...` on the command line,
//! `{name: NAME, key: value}` in YAML, flags of the settings' own names, range checks, the digest,
//! `config.yaml` and `fedmpi list`. A part is added by one line in its kind's table.

mod choice;
mod error;
mod find;
mod kind;
mod range;
mod text;
mod value;

use serde::de::DeserializeOwned;
use serde_yaml::Mapping;
use std::path::PathBuf;

pub use choice::Choice;
pub(crate) use choice::plain;
pub use error::PartError;
pub use find::{find, suggest};
pub use kind::{AnyKind, Described, Kind};
pub use range::Range;
pub(crate) use range::figure;
pub(crate) use text::guessed;
pub use text::yaml;

/// One replaceable part: how it is called, what it is, what it may be told, how it is made.
#[derive(Clone, Copy, Debug)]
pub struct Entry<B> {
    /// The name that records bear.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// One line for `fedmpi list`.
    pub about: &'static str,
    /// Its settings, in the order in which numbers without names are taken.
    pub params: &'static [Param],
    /// Makes the part (usually a function pointer).
    pub build: B,
}

impl<B: Copy> Entry<B> {
    /// A part without settings.
    pub const fn new(name: &'static str, about: &'static str, build: B) -> Entry<B> {
        Entry {
            name,
            aliases: &[],
            about,
            params: &[],
            build,
        }
    }

    /// The same part under further names.
    pub const fn also(self, aliases: &'static [&'static str]) -> Entry<B> {
        Entry { aliases, ..self }
    }

    /// The same part with settings.
    pub const fn with(self, params: &'static [Param]) -> Entry<B> {
        Entry { params, ..self }
    }
}

/// One setting of a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// How it is called, unlike any other setting where one flag could mean both.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: &'static str,
    /// What it is unless said, as users would write it; empty when nothing.
    pub default: &'static str,
    /// What kind of value it takes.
    pub kind: ParamKind,
    /// Which values.
    pub range: Range,
    /// One line of help.
    pub about: &'static str,
}

/// Kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A real number.
    Number,
    /// An integer.
    Whole,
    /// `true` or `false`.
    Switch,
    /// Any words.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A file, or none.
    File,
    /// One real number or more, `1,2,5`; it takes all numbers without a name from its place on.
    Numbers,
}

/// A type that a setting can have.
pub trait ParamType: DeserializeOwned {
    /// Which kind of value that is.
    const KIND: ParamKind;
}

macro_rules! param_types {
    ($($type:ty: $kind:ident),* $(,)?) => {
        $(impl ParamType for $type {
            const KIND: ParamKind = ParamKind::$kind;
        })*
    };
}
param_types! {
    f64: Number,
    Option<f64>: Number,
    u32: Whole,
    usize: Whole,
    bool: Switch,
    String: Text,
    Option<PathBuf>: File,
    Vec<f64>: Numbers,
}

/// Settings of a part that are known to be sound: every one of its params is there, of its kind, in
/// its range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Mapping);

impl Values {
    /// The value of a setting that the part declares.
    ///
    /// # Panics
    /// For a name that it does not declare: then the part reads what it never said.
    pub fn get<T: ParamType>(&self, name: &str) -> T {
        let value = self.0.get(name).cloned().unwrap_or_default();
        serde_yaml::from_value(value)
            .unwrap_or_else(|error| panic!("setting `{name}` was not declared so: {error}"))
    }
}

/// A part that knows its settings: what [`part!`](crate::part!) makes.
pub trait Part: Sized {
    /// Its settings.
    const PARAMS: &'static [Param];

    /// Takes them over.
    fn read(values: &Values) -> Self;
}

/// Declares the words that a setting can be.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $visibility:vis $name:ident {
        $($(#[$about:meta])* $variant:ident = $word:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
        $visibility enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant,)*
        }

        impl $crate::part::ParamType for $name {
            const KIND: $crate::part::ParamKind = $crate::part::ParamKind::Word(&[$($word),*]);
        }

        /// As users write it.
        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(match self { $($name::$variant => $word,)* })
            }
        }
    };
}

pub use words;

/// Declares a part with its settings, each as `name: type = default, unit, range, help;`.
#[macro_export]
macro_rules! part {
    ($(#[$doc:meta])* $visibility:vis $name:ident {
        $($field:ident: $type:ty = $default:expr, $unit:literal, $range:expr, $about:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $name {
            $(#[doc = $about] pub $field: $type,)*
        }

        impl $crate::part::Part for $name {
            const PARAMS: &'static [$crate::part::Param] = &[$($crate::part::Param {
                name: stringify!($field),
                unit: $unit,
                default: $default,
                kind: <$type as $crate::part::ParamType>::KIND,
                range: $range,
                about: $about,
            }),*];

            fn read(values: &$crate::part::Values) -> Self {
                $name { $($field: values.get(stringify!($field)),)* }
            }
        }
    };
}
