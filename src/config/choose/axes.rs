//! The three choices that a method is made of in rounds: as they were said, else as the name of the
//! whole says.

use super::alike;
use crate::aggregate::preset::{self, Axes};
use crate::aggregate::{arrivals, combine, step};
use crate::algorithm;
use crate::config::{Config, Mode};
use crate::part::{AnyKind, Choice, Entry, PartError, find, plain};
use serde_yaml::Value;

/// Their settings.
pub const AXES: [&str; 3] = ["algorithm", "server_step", "combine"];
/// What they are unless said.
pub const PLAIN: [&str; 3] = [algorithm::PLAIN, step::PLAIN, combine::PLAIN];
static KINDS: [&dyn AnyKind; 3] = [&algorithm::KIND, &step::KIND, &combine::KIND];

impl Config {
    /// What a later layer tells one of the three itself wins over what came with the whole's name.
    pub(super) fn overrule_whole(&mut self, later: impl Fn(&str) -> bool) {
        let Some(whole) = &mut self.aggregator else { return };
        let own = [&self.algorithm, &self.server_step, &self.combine];
        for (axis, own) in AXES.into_iter().zip(own) {
            let Some(own) = own else { continue };
            if later(axis) {
                whole.values.retain(|key, _| !own.values.contains_key(key));
            }
        }
    }

    /// A proximal term that was asked for without an algorithm is FedProx.
    pub(super) fn choose_prox(&mut self, mu: &Value) {
        let is_plain = match &self.aggregator {
            Some(whole) => self.mode == Mode::Async || whole.name == PLAIN[0],
            None => true,
        };
        if self.algorithm.is_none() && is_plain && mu.as_f64() != Some(0.0) {
            self.algorithm = Some(algorithm::PROXIMAL.into());
        }
    }

    /// Algorithm, server step and combination: as said, else as the aggregator's name says, else
    /// plain.
    pub(in crate::config) fn axes(&self) -> Result<[Choice; 3], PartError> {
        let whole = self.aggregator.clone().unwrap_or_else(|| PLAIN[0].into());
        let found = find(preset::KIND.about(), preset::PRESETS, &whole.name);
        let preset =
            found.map_err(|fault| fault.of_another_mode(&arrivals::KIND, "--mode async"))?;
        let mut axes = preset.build.map(Choice::from);
        let own = [&self.algorithm, &self.server_step, &self.combine];
        for (place, own) in own.into_iter().enumerate() {
            let Some(own) = own else { continue };
            check_own(place, own, preset)?;
            axes[place] = own.clone();
        }
        // What was said with the whole's name is meant for one of the three.
        for (key, value) in &whole.values {
            tell(&mut axes, preset, key, value)?;
        }
        Ok(axes)
    }
}

/// One of the three that was said itself is what the whole's name says, if this says it.
fn check_own(place: usize, own: &Choice, preset: &Entry<Axes>) -> Result<(), PartError> {
    let (said, named) = (KINDS[place].described(&own.name)?.name, preset.build[place]);
    if named == PLAIN[place] || named == said {
        return Ok(());
    }
    Err(PartError::Value {
        kind: KINDS[place].about(),
        part: preset.name,
        name: AXES[place],
        value: own.name.clone(),
        wanted: format!("{named}, as --aggregator {} has it", preset.name),
    })
}

/// Tells the one of the three that has it a setting which was said with the whole's name.
fn tell(
    axes: &mut [Choice; 3],
    preset: &Entry<Axes>,
    key: &Value,
    value: &Value,
) -> Result<(), PartError> {
    let Some((place, name)) = taker(axes, key) else {
        return Err(PartError::NoParam {
            kind: preset::KIND.about(),
            part: preset.name,
            key: key.as_str().unwrap_or("a value without a name").to_owned(),
            hint: format!("it is {}", preset.build.join(", ")),
        });
    };
    match axes[place].values.insert(key.clone(), value.clone()) {
        Some(told) if !alike(&told, value) => Err(PartError::Value {
            kind: KINDS[place].about(),
            part: KINDS[place].described(&axes[place].name)?.name,
            name,
            value: plain(&told),
            wanted: format!("{}, as --aggregator {} has it", plain(value), preset.name),
        }),
        _ => Ok(()),
    }
}

/// The place of the one that has a setting, and the setting's name.
fn taker(axes: &[Choice; 3], key: &Value) -> Option<(usize, &'static str)> {
    let key = key.as_str()?;
    for (place, choice) in axes.iter().enumerate() {
        let Ok(part) = KINDS[place].described(&choice.name) else { continue };
        if let Some(param) = part.params.iter().find(|param| param.name == key) {
            return Some((place, param.name));
        }
    }
    None
}
