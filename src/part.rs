//! Replaceable parts: what users choose, what a part may be told, and the tables that hold all parts of a kind.
//!
//! A part declares its settings once, by [`part!`](crate::part!) in its own file, with unit, default, range and help. From
//! that one place come `NAME:key=value,...` on the command line, `{name: NAME, key: value}` in YAML, flags of the
//! settings' own names, range checks, the digest, `config.yaml` and `fedmpi list`. A part is added by one line in
//! its kind's table.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_yaml::{Mapping, Value};
use std::fmt;
use std::ops::Bound;
use std::path::PathBuf;

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
        Entry { name, aliases: &[], about, params: &[], build }
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
    /// A word.
    Text,
    /// A file, or none.
    File,
}

/// A type that a setting can have.
pub trait ParamType: DeserializeOwned {
    /// Which kind of value that is.
    const KIND: ParamKind;
}

macro_rules! param_types {
    ($($type:ty: $kind:ident),*) => { $(impl ParamType for $type { const KIND: ParamKind = ParamKind::$kind; })* };
}
param_types!(f64: Number, u32: Whole, usize: Whole, bool: Switch, String: Text, Option<PathBuf>: File);

/// Which numbers a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub from: Bound<f64>,
    /// The largest.
    pub to: Bound<f64>,
}

impl Range {
    /// All finite numbers.
    pub const ANY: Range = Range { from: Bound::Unbounded, to: Bound::Unbounded };
    /// Above 0.
    pub const POSITIVE: Range = Range { from: Bound::Excluded(0.0), to: Bound::Unbounded };
    /// From 0 up.
    pub const NOT_NEGATIVE: Range = Range { from: Bound::Included(0.0), to: Bound::Unbounded };
    /// From 0 to 1.
    pub const UNIT: Range = Range { from: Bound::Included(0.0), to: Bound::Included(1.0) };
    /// Above 0 and at most 1.
    pub const SHARE: Range = Range { from: Bound::Excluded(0.0), to: Bound::Included(1.0) };
    /// From 0 to below 1.
    pub const FRACTION: Range = Range { from: Bound::Included(0.0), to: Bound::Excluded(1.0) };
    /// From 1 to what fits 32 bits.
    pub const COUNT: Range = Range { from: Bound::Included(1.0), to: Bound::Included(u32::MAX as f64) };
    /// From 0 to what fits 32 bits.
    pub const COUNT_OR_NONE: Range = Range { from: Bound::Included(0.0), to: Bound::Included(u32::MAX as f64) };

    /// From one number to another, both included.
    pub const fn between(from: f64, to: f64) -> Range {
        Range { from: Bound::Included(from), to: Bound::Included(to) }
    }

    /// Whether a number is in it; no number is that is not finite.
    pub fn contains(&self, number: f64) -> bool {
        number.is_finite() && std::ops::RangeBounds::contains(&(self.from, self.to), &number)
    }

    /// Numbers that are not in it: what tests try.
    pub fn outside(&self) -> Vec<f64> {
        let below = match self.from {
            Bound::Included(least) => vec![least - 1.0],
            Bound::Excluded(least) => vec![least, least - 1.0],
            Bound::Unbounded => vec![],
        };
        let above = match self.to {
            Bound::Included(most) => vec![most + 1.0],
            Bound::Excluded(most) => vec![most, most + 1.0],
            Bound::Unbounded => vec![],
        };
        [below, above].concat()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (Bound::Unbounded, Bound::Unbounded) => write!(out, "finite"),
            (Bound::Excluded(from), Bound::Unbounded) => write!(out, "above {from}"),
            (Bound::Included(from), Bound::Unbounded) => write!(out, "from {from} up"),
            (Bound::Included(from), Bound::Included(to)) => write!(out, "from {from} to {to}"),
            (Bound::Included(from), Bound::Excluded(to)) => write!(out, "from {from} to below {to}"),
            (Bound::Excluded(from), Bound::Included(to)) => write!(out, "above {from} and at most {to}"),
            (Bound::Excluded(from), Bound::Excluded(to)) => write!(out, "above {from} and below {to}"),
            (Bound::Unbounded, Bound::Included(to)) => write!(out, "at most {to}"),
            (Bound::Unbounded, Bound::Excluded(to)) => write!(out, "below {to}"),
        }
    }
}

/// Settings of a part that are known to be sound: every one of its params is there, of its kind, in its range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Mapping);

impl Values {
    /// The value of a setting that the part declares.
    ///
    /// # Panics
    /// For a name that it does not declare: then the part reads what it never said.
    pub fn get<T: ParamType>(&self, name: &str) -> T {
        let value = self.0.get(name).cloned().unwrap_or_default();
        serde_yaml::from_value(value).unwrap_or_else(|error| panic!("setting `{name}` was not declared so: {error}"))
    }
}

/// A part that knows its settings: what [`part!`](crate::part!) makes.
pub trait Part: Sized {
    /// Its settings.
    const PARAMS: &'static [Param];

    /// Takes them over.
    fn read(values: &Values) -> Self;
}

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

/// What a user chose of a kind: a part's name, and what it is told.
///
/// ```
/// use fedmpi::part::Choice;
/// let choice = Choice::from("fedadam:server_lr=0.01,tau=1e-3");
/// assert_eq!((choice.name.as_str(), choice.values.len()), ("fedadam", 2));
/// assert_eq!(serde_yaml::from_str::<Choice>("{name: fedadam, server_lr: 0.01, tau: 1e-3}").unwrap(), choice);
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
        let words = rest.split(',').map(str::trim).filter(|word| !word.is_empty());
        let value = |text: &str| serde_yaml::from_str(text).unwrap_or_else(|_| Value::from(text));
        let pair = |(place, word): (usize, &str)| match word.split_once('=') {
            Some((key, text)) => (Value::from(key.trim()), value(text.trim())),
            None => (Value::from(place), value(word)),
        };
        Choice { name: name.trim().to_owned(), values: words.enumerate().map(pair).collect() }
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
        for (place, (key, value)) in self.values.iter().enumerate() {
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
fn plain(value: &Value) -> String {
    serde_yaml::to_string(value).unwrap_or_default().trim().to_owned()
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
        self.values.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
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

/// A choice that makes no sense.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum PartError {
    /// A name that no table line bears.
    #[error("unknown {kind} `{name}` (hint: {hint})")]
    Unknown {
        /// Of what.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        hint: String,
    },
    /// A setting that the part does not have.
    #[error("{kind} `{part}` has no setting `{key}` (hint: {hint})")]
    NoParam {
        /// Of what.
        kind: &'static str,
        /// The part.
        part: &'static str,
        /// What it was to be told.
        key: String,
        /// What it can be told.
        hint: String,
    },
    /// A value of the wrong kind or out of range.
    #[error("--{name} is {value}: it must be {wanted} ({kind} `{part}`)")]
    Value {
        /// Of what.
        kind: &'static str,
        /// The part.
        part: &'static str,
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        wanted: String,
    },
}

/// All parts of a kind, and the setting that chooses among them.
#[derive(Clone, Copy, Debug)]
pub struct Kind<B: 'static> {
    /// The setting's name.
    pub setting: &'static str,
    /// What the kind is called in messages.
    pub about: &'static str,
    /// The parts.
    pub table: &'static [Entry<B>],
}

/// A part as far as it can be told about without being made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Described {
    /// See [`Entry`].
    pub name: &'static str,
    /// See [`Entry`].
    pub aliases: &'static [&'static str],
    /// See [`Entry`].
    pub about: &'static str,
    /// See [`Entry`].
    pub params: &'static [Param],
}

/// A kind whatever its parts are made to be: what help, lists and tests walk.
pub trait AnyKind: Sync {
    /// The setting that chooses among its parts.
    fn setting(&self) -> &'static str;

    /// What it is called in messages.
    fn about(&self) -> &'static str;

    /// Its parts.
    fn parts(&self) -> Vec<Described>;

    /// The part of a name.
    ///
    /// # Errors
    /// Names the closest part when one is close, and all parts otherwise.
    fn described(&self, name: &str) -> Result<Described, PartError>;

    /// The choice with the part's own name and all its settings, the defaults included.
    ///
    /// # Errors
    /// An unknown part, settings that it does not have, values of the wrong kind or out of range.
    fn complete(&self, choice: &Choice) -> Result<Choice, PartError>;
}

impl<B: Sync> AnyKind for Kind<B> {
    fn setting(&self) -> &'static str {
        self.setting
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn parts(&self) -> Vec<Described> {
        self.table.iter().map(described).collect()
    }

    fn described(&self, name: &str) -> Result<Described, PartError> {
        find(self.about, self.table, name).map(described)
    }

    fn complete(&self, choice: &Choice) -> Result<Choice, PartError> {
        let part = self.described(&choice.name)?;
        let mut values = Mapping::new();
        let mut said = named(self.about, &part, &choice.values)?;
        for param in part.params {
            let value = match said.remove(param.name) {
                Some(value) => value,
                None => serde_yaml::from_str(param.default).unwrap_or_else(|_| Value::from(param.default)),
            };
            values.insert(param.name.into(), sound(self.about, part.name, param, value)?);
        }
        Ok(Choice { name: part.name.to_owned(), values })
    }
}

impl<B: Sync> Kind<B> {
    /// The entry of a choice, and its settings, ready to be made.
    ///
    /// # Errors
    /// As [`AnyKind::complete`].
    pub fn look_up(&self, choice: &Choice) -> Result<(&'static Entry<B>, Values), PartError> {
        let Choice { name, values } = self.complete(choice)?;
        Ok((find(self.about, self.table, &name)?, Values(values)))
    }
}

fn described<B>(entry: &Entry<B>) -> Described {
    let &Entry { name, aliases, about, params, .. } = entry;
    Described { name, aliases, about, params }
}

/// The settings of a part by name, those without one by their place.
fn named(kind: &'static str, part: &Described, values: &Mapping) -> Result<Mapping, PartError> {
    let mut named = Mapping::new();
    for (key, value) in values {
        let param = match (key.as_str(), key.as_u64()) {
            (Some(name), _) => part.params.iter().find(|param| param.name == name),
            (None, place) => place.and_then(|place| part.params.get(place as usize)),
        };
        let Some(param) = param else {
            let names = part.params.iter().map(|param| param.name);
            let hint = if part.params.is_empty() { "it has none".to_owned() } else { suggest(&plain(key), names) };
            let key = key.as_str().map_or_else(|| plain(value), str::to_owned);
            return Err(PartError::NoParam { kind, part: part.name, key, hint });
        };
        named.insert(param.name.into(), value.clone());
    }
    Ok(named)
}

/// A value of the setting's kind, in its range.
fn sound(kind: &'static str, part: &'static str, param: &Param, value: Value) -> Result<Value, PartError> {
    let refused = |wanted: String| {
        let value = plain(&value);
        Err(PartError::Value { kind, part, name: param.name, value, wanted })
    };
    let number = value.as_f64();
    match param.kind {
        ParamKind::Number => match number {
            Some(number) if param.range.contains(number) => Ok(Value::from(number)),
            _ => refused(format!("a number {}", param.range)),
        },
        ParamKind::Whole => match number {
            Some(number) if number.fract() == 0.0 && param.range.contains(number) => Ok(Value::from(number as u64)),
            _ => refused(format!("a whole number {}", param.range)),
        },
        ParamKind::Switch if value.is_bool() => Ok(value),
        ParamKind::Switch => refused("true or false".to_owned()),
        ParamKind::Text | ParamKind::File if value.is_string() || value.is_null() => Ok(value),
        ParamKind::Text | ParamKind::File => Ok(Value::from(plain(&value))),
    }
}

/// Looks a part up by its name or another name for it, whatever the case.
///
/// # Errors
/// Names the closest entry when one is close, and all entries otherwise.
pub fn find<'a, B>(kind: &'static str, table: &'a [Entry<B>], name: &str) -> Result<&'a Entry<B>, PartError> {
    let alike = |known: &str| known.eq_ignore_ascii_case(name);
    let found = table.iter().find(|entry| alike(entry.name) || entry.aliases.iter().any(|known| alike(known)));
    found.ok_or_else(|| PartError::Unknown {
        kind,
        name: name.to_owned(),
        hint: suggest(name, table.iter().map(|entry| entry.name)),
    })
}

/// `did you mean x?` for a near miss, else all the names.
pub fn suggest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let near = names.iter().map(|known| (strsim::levenshtein(name, known), known)).min();
    match near {
        Some((edits, known)) if edits <= 2 => format!("did you mean `{known}`?"),
        _ => format!("known: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    part! {
        /// A part for these tests.
        Sgd {
            lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate";
            steps: u32 = "4", "STEPS", Range::COUNT, "steps";
            file: Option<PathBuf> = "", "FILE", Range::ANY, "a file";
        }
    }

    const OPTIMIZERS: Kind<u8> = Kind {
        setting: "client_optimizer",
        about: "optimizer",
        table: &[Entry::new("sgd", "", 1).with(Sgd::PARAMS).also(&["GD"]), Entry::new("adam", "", 2)],
    };

    fn refused(text: &str) -> String {
        OPTIMIZERS.complete(&text.into()).expect_err("refused").to_string()
    }

    #[test]
    fn near_misses_get_a_suggestion_and_others_the_list() {
        assert_eq!(refused("adm"), "unknown optimizer `adm` (hint: did you mean `adam`?)");
        assert_eq!(refused("rmsprop"), "unknown optimizer `rmsprop` (hint: known: sgd, adam)");
        assert_eq!(refused("sgd:lrr=1"), "optimizer `sgd` has no setting `lrr` (hint: did you mean `lr`?)");
        assert_eq!(refused("adam:7"), "optimizer `adam` has no setting `7` (hint: it has none)");
    }

    #[test]
    fn names_places_cases_and_aliases_mean_the_same() {
        let wanted = OPTIMIZERS.complete(&"sgd:lr=0.5,steps=2".into()).expect("sound");
        for text in ["SGD:steps=2,lr=0.5", "gd:0.5,2", "Gd: 0.5, steps = 2"] {
            assert_eq!(OPTIMIZERS.complete(&text.into()), Ok(wanted.clone()), "{text}");
        }
        let (entry, values) = OPTIMIZERS.look_up(&wanted).expect("sound");
        assert_eq!((entry.build, Sgd::read(&values)), (1, Sgd { lr: 0.5, steps: 2, file: None }));
        assert_eq!(wanted.to_string(), "sgd:lr=0.5,steps=2,file=null");
    }

    #[test]
    fn values_out_of_range_or_of_another_kind_name_the_part() {
        assert_eq!(refused("sgd:lr=0"), "--lr is 0: it must be a number above 0 (optimizer `sgd`)");
        assert_eq!(refused("sgd:lr=.nan"), "--lr is .nan: it must be a number above 0 (optimizer `sgd`)");
        assert!(refused("sgd:steps=2.5").contains("a whole number from 1 to 4294967295"));
        assert!(refused("sgd:lr=many").starts_with("--lr is many"));
    }

    #[test]
    fn a_choice_survives_yaml() {
        for text in ["sgd", "sgd:lr=0.5,steps=2", "lognormal:1,0.7"] {
            let choice = Choice::from(text);
            let written = serde_yaml::to_string(&choice).expect("plain data");
            assert_eq!(serde_yaml::from_str::<Choice>(&written).expect("own output"), choice, "{written}");
        }
    }
}
