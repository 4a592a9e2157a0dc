//! Who says each setting: the default, a file, `--set` or a flag; or a name that stands for several
//! settings.

use super::choose::{AXES, PLAIN, Said, told_place};
use super::{Config, KINDS};
use crate::part::Choice;

/// A config, and who said what of it.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The same as without.
    pub config: Config,
    pub(super) said: Said,
}

/// What nobody says.
const DEFAULT: &str = "default";

impl Traced {
    /// Who says a setting, or one of the part that it chooses: `default`, `flag`, `--set`, or a
    /// file; and by which other key.
    pub fn origin(&self, setting: &str, param: Option<&str>) -> String {
        let own = match param {
            None => self.said.settings.get(setting).map(|(layer, _)| *layer),
            Some(param) => self
                .told(setting, param)
                .max(self.said.loose.get(param).map(|(layer, _)| *layer)),
        };
        match own {
            Some(layer) => self.layer(layer, param.unwrap_or(setting)),
            None => self
                .by_another(setting, param)
                .unwrap_or_else(|| DEFAULT.to_owned()),
        }
    }

    /// The layer that chose a part and told it this setting in one.
    fn told(&self, setting: &str, param: &str) -> Option<usize> {
        let (layer, value) = self.said.settings.get(setting)?;
        let choice = serde_yaml::from_value::<Choice>(value.clone()).ok()?;
        let mut kinds = KINDS.iter().filter(|kind| kind.setting() == setting);
        kinds
            .any(|kind| told_place(*kind, &choice, param).is_some())
            .then_some(*layer)
    }

    /// Who says it by a key that stands for several: the aggregator, or the strength of a proximal
    /// term.
    fn by_another(&self, setting: &str, param: Option<&str>) -> Option<String> {
        let axis = AXES.iter().position(|axis| *axis == setting)?;
        let by = |key: &str, layer: usize| Some(format!("{}, {key}", self.layer(layer, key)));
        if let Some((layer, whole)) = self.said.settings.get("aggregator") {
            let whole = serde_yaml::from_value::<Choice>(whole.clone()).ok()?;
            let says = match param {
                None => self.chosen(setting).is_some_and(|name| name != PLAIN[axis]),
                Some(param) => whole.values.contains_key(param),
            };
            return if says { by("aggregator", *layer) } else { None };
        }
        if param.is_some() || axis != 0 {
            return None;
        }
        let (layer, _) = self.said.loose.get("mu")?;
        by("mu", *layer)
    }

    /// The name of the part that a setting chooses.
    fn chosen(&self, setting: &str) -> Option<String> {
        let value = serde_yaml::to_value(&self.config)
            .ok()?
            .get(setting)?
            .clone();
        Some(serde_yaml::from_value::<Choice>(value).ok()?.name)
    }

    /// A layer; of a file of another system the key that says it there.
    fn layer(&self, layer: usize, setting: &str) -> String {
        let translation = &self.config.translation;
        let mut rows = translation.rows.iter().filter(|_| layer == 0);
        let row = rows.find(|row| {
            let name = row.here.split_once(':').map(|(name, _)| name);
            name == Some(setting)
        });
        match row.map(|row| &row.key) {
            Some(Some((key, line))) => format!("{}, line {line}, {key}", self.said.layers[layer]),
            Some(None) => format!("as {} has it", translation.system),
            None => self.said.layers[layer].clone(),
        }
    }
}
