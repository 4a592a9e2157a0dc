//! From what was said, in layers, to a config of completed choices: settings of parts go to the
//! parts that were chosen. A setting that no chosen part has is refused, or noted where scripts of
//! the seed systems always give it.

mod axes;
mod choices;
mod claim;
mod flags;

use super::kinds::{near, params};
use super::resolve::{check_kinds, parse};
use super::{Config, Mode, NAMES};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

pub use axes::{AXES, PLAIN};
pub use claim::told_place;
pub use flags::PartFlags;

/// Other names for the strength of the proximal term.
const OLD: [&str; 3] = ["rho", "fedprox_mu", "proximal_mu"];

/// What was said, layer over layer: each setting with the layer that said it last.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Who says each layer, for people.
    pub(super) layers: Vec<String>,
    pub(super) settings: BTreeMap<String, (usize, Value)>,
    pub(super) loose: BTreeMap<String, (usize, Value)>,
}

impl Said {
    /// Lays what somebody says over what was said before.
    ///
    /// # Errors
    /// Names of nothing, and values of the wrong kind.
    pub fn lay(&mut self, who: impl ToString, given: Mapping) -> Result<(), String> {
        let layer = self.layers.len();
        self.layers.push(who.to_string());
        let mut own = Mapping::new();
        // A method named as a whole takes the place of one that was put together below.
        if given.contains_key("aggregator") {
            for axis in AXES {
                self.settings.remove(axis);
            }
        }
        for (key, value) in given {
            let name = key.as_str().ok_or("a key is not a word")?;
            if value.is_null() {
                // As if it had never been said.
                self.settings.remove(name);
                continue;
            }
            if NAMES.contains(&name) {
                own.insert(key.clone(), value.clone());
                self.settings.insert(name.to_owned(), (layer, value));
                continue;
            }
            let name = if OLD.contains(&name) { "mu" } else { name };
            if !params().contains_key(name) {
                return Err(format!("unknown setting `{name}` (hint: {})", near(name)));
            }
            self.loose.insert(name.to_owned(), (layer, value));
        }
        check_kinds(&own)
    }

    /// The config of all that was said, its choices completed.
    ///
    /// # Errors
    /// Parts that do not exist, and settings that no chosen part takes, or that more than one does.
    pub fn chosen(self) -> Result<Config, String> {
        let mut settings = Mapping::new();
        for (name, (_, value)) in &self.settings {
            settings.insert(Value::from(name.as_str()), value.clone());
        }
        let mut config = parse(settings)?;
        if let Some((_, value)) = self.loose.get("mu") {
            config.choose_prox(value);
        }
        let said = |setting: &str| self.settings.get(setting).map_or(0, |(layer, _)| *layer);
        config.overrule_whole(|axis| said(axis) > said("aggregator"));
        if config.mode == Mode::Sync {
            let axes = config.axes().map_err(|fault| fault.to_string())?;
            let [algorithm, server_step, combine] = axes;
            (config.aggregator, config.algorithm) = (None, Some(algorithm));
            (config.server_step, config.combine) = (Some(server_step), Some(combine));
        }
        for (name, (layer, value)) in &self.loose {
            config.claim(name, value, |setting| said(setting).cmp(layer))?;
        }
        config.completed().map_err(|fault| fault.to_string())
    }
}

/// Whether two values say the same.
pub fn alike(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
