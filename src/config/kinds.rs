//! All kinds of parts that a config chooses among: what help, lists, claims of settings and tests
//! walk.

use super::{Config, NAMES, RANGES};
use crate::aggregate::{arrivals, combine, preset, step};
use crate::part::{AnyKind, Choice, Param, Range, figure};
use crate::train::{optimizer, schedule as rates};
use crate::{algorithm, data, delay, partition, schedule, select, staleness, update};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// Every kind, in the order of the walk.
pub static KINDS: &[&dyn AnyKind] = &[
    &data::KIND,
    &partition::KIND,
    &select::KIND,
    &delay::KIND,
    &schedule::KIND,
    #[cfg(feature = "torch")]
    &crate::models::KIND,
    &optimizer::KIND,
    &rates::KIND,
    &rates::SERVER_KIND,
    &update::KIND,
    &algorithm::KIND,
    &combine::KIND,
    &step::KIND,
    &preset::KIND,
    &arrivals::KIND,
    &staleness::KIND,
];

/// Every setting of parts by name, with the parts that have it.
pub fn params() -> BTreeMap<&'static str, Vec<(&'static str, &'static Param)>> {
    let mut params: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for part in KINDS.iter().flat_map(|kind| kind.parts()) {
        for param in part.params {
            params
                .entry(param.name)
                .or_default()
                .push((part.name, param));
        }
    }
    params
}

/// A hint for a name that no setting has: the closest ones, or where all of them are.
pub fn near(name: &str) -> String {
    let names = NAMES.iter().copied().chain(params().into_keys());
    let close: Vec<String> = names
        .filter(|known| is_near(name, known))
        .map(|known| format!("`{known}`"))
        .collect();
    if close.is_empty() {
        return "`fedmpi --help all` shows all settings".to_owned();
    }
    format!("did you mean {}?", close.join(" or "))
}

/// A slip of two letters, or the beginning of a name.
fn is_near(name: &str, known: &str) -> bool {
    strsim::levenshtein(name, known) <= 2 || (name.len() > 3 && known.starts_with(name))
}

/// What is wrong with a setting's value as far as it can be told alone: its kind, its range, the
/// name of a part.
pub fn fault(name: &str, value: &Value) -> Option<String> {
    if !NAMES.contains(&name) {
        return fault_of_part(name, value);
    }
    let alone = Mapping::from_iter([(name.into(), value.clone())]);
    let config = match serde_yaml::from_value::<Config>(alone.into()) {
        Ok(config) => config,
        Err(error) => return Some(kind_fault(&error.to_string())),
    };
    let range = RANGES
        .iter()
        .find(|(known, range)| *known == name && *range != Range::ANY)
        .map(|(_, range)| *range);
    match (range, value.as_f64()) {
        (Some(range), Some(number)) if !range.contains(number) => {
            Some(format!("{} is not a number {range}", figure(number)))
        }
        _ => unknown_choice(name, &config),
    }
}

/// What a value is not, in words.
fn kind_fault(error: &str) -> String {
    const KINDS: &[(&str, &str)] = &[
        ("expected i64", "it is not a whole number"),
        ("expected u64", "it is not a whole number from 0 up"),
        ("expected u8", "it is not a small whole number"),
        ("expected f64", "it is not a number"),
        ("expected a boolean", "it is neither true nor false"),
        ("expected a string", "it is not a word"),
    ];
    let known = KINDS.iter().find(|(end, _)| error.contains(end));
    known.map_or_else(|| error.to_owned(), |(_, words)| (*words).to_owned())
}

/// The same of a setting of parts: some part must take the value.
fn fault_of_part(name: &str, value: &Value) -> Option<String> {
    let params = params();
    let faults = params
        .get(name)?
        .iter()
        .map(|(_, param)| param.fault(value));
    faults.reduce(|one, other| one.and(other)).flatten()
}

/// What is wrong with the name of a part, if the setting chooses among parts.
fn unknown_choice(name: &str, config: &Config) -> Option<String> {
    let chosen = serde_yaml::to_value(config)
        .ok()?
        .get(name)
        .filter(|_| is_choice(name))?
        .clone();
    let part = serde_yaml::from_value::<Choice>(chosen).ok()?.name;
    let faults = KINDS
        .iter()
        .filter(|kind| kind.setting() == name)
        .map(|kind| kind.described(&part).err());
    faults
        .reduce(|one, other| one.and(other))
        .flatten()
        .map(|fault| fault.to_string())
}

/// Whether a setting chooses among parts by their names.
pub fn is_choice(name: &str) -> bool {
    KINDS
        .iter()
        .any(|kind| kind.setting() == name && kind.setting() != "update")
}

/// Whether there is such a setting, of a part or of its own.
pub fn is_setting(name: &str) -> bool {
    NAMES.contains(&name) || params().contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PartError;

    /// Every setting of every part, tried outside its range, is refused by its name.
    #[test]
    fn every_setting_outside_its_range_is_refused() {
        let mut tried = 0;
        for kind in KINDS {
            for part in kind.parts() {
                for param in part.params {
                    for number in param.range.outside() {
                        let values = [(param.name.into(), number.into())].into_iter().collect();
                        let fault = kind
                            .complete(&Choice {
                                name: part.name.to_owned(),
                                values,
                            })
                            .expect_err(param.name);
                        assert!(
                            matches!(fault, PartError::Value { name, .. } if name == param.name),
                            "{fault}"
                        );
                        tried += 1;
                    }
                }
            }
        }
        assert!(tried > 40, "{tried}");
    }

    #[test]
    fn names_are_told_apart_and_defaults_are_sound() {
        for kind in KINDS {
            let mut names: Vec<String> = kind
                .parts()
                .iter()
                .flat_map(|part| part.aliases.iter().chain([&part.name]))
                .map(|name| name.to_lowercase())
                .collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{}", kind.setting());
            for part in kind.parts() {
                kind.complete(&part.name.into())
                    .unwrap_or_else(|fault| panic!("{}: {fault}", part.name));
                assert!(
                    !part.about.is_empty()
                        && part.params.iter().all(|param| !param.about.is_empty())
                );
            }
        }
        assert!(
            params().keys().all(|name| !NAMES.contains(name)),
            "a setting of a part has a name of its own"
        );
    }
}
