//! Settings of parts that were said by their own names: each goes to the one chosen part that has
//! it. One that no chosen part has is refused, or noted where scripts of the seed systems always
//! give it.

use super::alike;
use crate::config::Config;
use crate::config::kinds::params;
use crate::part::{AnyKind, Choice, plain};
use serde_yaml::Value;
use std::cmp::Ordering;

/// Settings that scripts give whatever the part: said, not refused, when no chosen part has them.
const TOLERATED: [&str; 3] = ["partition_alpha", "momentum", "wd"];

impl Config {
    /// Gives a setting to the chosen part that has it, unless a later layer has told the part
    /// itself. `told` is when the part was chosen, as against the setting.
    pub(super) fn claim(
        &mut self,
        name: &str,
        value: &Value,
        told: impl Fn(&str) -> Ordering,
    ) -> Result<(), String> {
        let mut takers = self.choices();
        takers.retain(|(kind, choice)| has(*kind, choice, name));
        match &mut takers[..] {
            [(kind, choice)] => give(*kind, choice, name, value, told(kind.setting())),
            // Files that say everything say the usual too.
            [] if is_usual(name, value) => Ok(()),
            [] => self.leave(name),
            many => Err(ambiguous(name, many)),
        }
    }

    /// Leaves out a setting that no chosen part has, if it may be.
    fn leave(&mut self, name: &str) -> Result<(), String> {
        let params = params();
        let having = params.get(name).into_iter().flatten();
        let parts: Vec<&str> = having.map(|(part, _)| *part).collect();
        let verb = if parts.len() == 1 { "is" } else { "are" };
        let belongs = format!("it belongs to {}, which {verb} not chosen", parts.join(", "));
        if !TOLERATED.contains(&name) {
            return Err(format!("--{name} would do nothing: {belongs}"));
        }
        self.idle.push(format!("--{name} has no effect: {belongs}"));
        Ok(())
    }
}

fn has(kind: &dyn AnyKind, choice: &Choice, name: &str) -> bool {
    let part = kind.described(&choice.name);
    part.is_ok_and(|part| part.params.iter().any(|param| param.name == name))
}

/// Tells a part a setting, if it was not told later; at the same time it must be told the same.
fn give(
    kind: &dyn AnyKind,
    choice: &mut Choice,
    name: &str,
    value: &Value,
    told: Ordering,
) -> Result<(), String> {
    if let Some(place) = told_place(kind, choice, name) {
        let own = &choice.values[&place];
        if told == Ordering::Greater {
            return Ok(());
        }
        if told == Ordering::Equal && !alike(own, value) {
            let (value, own, setting) = (plain(value), plain(own), kind.setting());
            return Err(format!(
                "--{name} is {value}, and {own} in --{setting} {choice} (hint: say it once)"
            ));
        }
        choice.values.remove(place);
    }
    choice.values.insert(name.into(), value.clone());
    Ok(())
}

/// Several chosen parts have a setting.
fn ambiguous(name: &str, takers: &[(&'static dyn AnyKind, &mut Choice)]) -> String {
    let ways: Vec<String> = takers
        .iter()
        .map(|(kind, choice)| format!("--{} {}:{name}=...", kind.setting(), choice.name))
        .collect();
    let (count, ways) = (ways.len(), ways.join(", or "));
    format!("--{name} could be meant for {count} parts (hint: {ways})")
}

/// Whether a setting is what some part has anyway; no proximal term is as usual as any.
fn is_usual(name: &str, value: &Value) -> bool {
    if name == "mu" && value.as_f64() == Some(0.0) {
        return true;
    }
    let params = params();
    let mut having = params.get(name).into_iter().flatten();
    having.any(|(_, param)| is_default(param.default, value))
}

fn is_default(default: &str, value: &Value) -> bool {
    serde_yaml::from_str(default).is_ok_and(|usual: Value| alike(&usual, value))
}

/// Under which key a choice is told a setting: its name, or its place.
pub fn told_place(kind: &dyn AnyKind, choice: &Choice, name: &str) -> Option<Value> {
    let part = kind.described(&choice.name).ok()?;
    let place = part.params.iter().position(|param| param.name == name)?;
    [Value::from(name), Value::from(place)]
        .into_iter()
        .find(|key| choice.values.contains_key(key))
}
