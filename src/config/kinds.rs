//! All kinds of parts that a config chooses among: what help, lists, claims of settings and tests walk.

use super::NAMES;
use crate::aggregate::{arrivals, combine, preset, step};
use crate::part::{AnyKind, Param};
use crate::train::{optimizer, schedule as rates};
use crate::{algorithm, data, delay, partition, schedule, select, staleness, update};
use std::collections::BTreeMap;

/// Every kind, in the order of the walk. Models are with the tensors.
pub static KINDS: &[&dyn AnyKind] = &[
    &data::KIND,
    &partition::KIND,
    &select::KIND,
    &delay::KIND,
    &schedule::KIND,
    &optimizer::KIND,
    &rates::KIND,
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
        part.params.iter().for_each(|param| params.entry(param.name).or_default().push((part.name, param)));
    }
    params
}

/// A hint for a name that no setting has: the closest ones, or where all of them are.
pub fn near(name: &str) -> String {
    let names = NAMES.iter().copied().chain(params().into_keys());
    let close: Vec<String> = names
        .filter(|known| strsim::levenshtein(name, known) <= 2 || (name.len() > 3 && known.starts_with(name)))
        .map(|known| format!("`{known}`"))
        .collect();
    match close.is_empty() {
        true => "`fedmpi --help all` shows all settings".to_owned(),
        false => format!("did you mean {}?", close.join(" or ")),
    }
}

/// Whether there is such a setting, of a part or of its own.
pub fn is_setting(name: &str) -> bool {
    NAMES.contains(&name) || params().contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::{Choice, PartError};

    /// Every setting of every part, tried outside its range, is refused by its name.
    #[test]
    fn every_setting_outside_its_range_is_refused() {
        let mut tried = 0;
        for kind in KINDS {
            for part in kind.parts() {
                for param in part.params {
                    for number in param.range.outside() {
                        let values = [(param.name.into(), number.into())].into_iter().collect();
                        let fault =
                            kind.complete(&Choice { name: part.name.to_owned(), values }).expect_err(param.name);
                        assert!(matches!(fault, PartError::Value { name, .. } if name == param.name), "{fault}");
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
                kind.complete(&part.name.into()).unwrap_or_else(|fault| panic!("{}: {fault}", part.name));
                assert!(!part.about.is_empty() && part.params.iter().all(|param| !param.about.is_empty()));
            }
        }
        assert!(params().keys().all(|name| !NAMES.contains(name)), "a setting of a part has a name of its own");
    }
}
