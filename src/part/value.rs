//! What a part is told: which setting each value is meant for, and whether it is of the setting's
//! kind and in its range.

use super::find::near;
use super::{Described, Param, ParamKind, PartError, guessed, plain, suggest};
use serde_yaml::{Mapping, Value};

/// The settings of a part by name, those without one by their place.
pub fn named(kind: &'static str, part: &Described, values: &Mapping) -> Result<Mapping, PartError> {
    let mut named = Mapping::new();
    for (key, value) in values {
        let Some(param) = meant(part.params, key) else {
            return Err(no_param(kind, part, key, value));
        };
        match named.get_mut(param.name) {
            Some(earlier) if param.kind == ParamKind::Numbers => {
                let all = [list(earlier), list(value)].concat();
                *earlier = Value::Sequence(all);
            }
            _ => _ = named.insert(param.name.into(), value.clone()),
        }
    }
    Ok(named)
}

/// The setting that a value is meant for: by its name, or by its place.
fn meant(params: &'static [Param], key: &Value) -> Option<&'static Param> {
    match key.as_str() {
        Some(name) => params.iter().find(|param| param.name == name),
        None => at_place(params, key.as_u64()? as usize),
    }
}

/// The setting that a value without a name is meant for: a list takes all from its place on.
fn at_place(params: &'static [Param], place: usize) -> Option<&'static Param> {
    let before = &params[..params.len().min(place)];
    let list = before.iter().find(|param| param.kind == ParamKind::Numbers);
    list.or(params.get(place))
}

/// A value that is meant for no setting of the part.
fn no_param(kind: &'static str, part: &Described, key: &Value, value: &Value) -> PartError {
    let hint = if part.params.is_empty() {
        "it has none".to_owned()
    } else {
        suggest(&plain(key), part.params.iter().map(|param| param.name))
    };
    PartError::NoParam {
        kind,
        part: part.name,
        key: key.as_str().map_or_else(|| plain(value), str::to_owned),
        hint,
    }
}

/// The values of a list, as it may be written: `[1, 2]`, `1,2` or `1`.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Sequence(values) => values.clone(),
        Value::String(text) => {
            let words = text.split(',').map(str::trim);
            words.filter(|word| !word.is_empty()).map(guessed).collect()
        }
        value => vec![value.clone()],
    }
}

impl Param {
    /// What it is unless said.
    pub(super) fn usual(&self) -> Value {
        guessed(self.default)
    }

    /// What is wrong with a value, if anything is.
    pub fn fault(&self, value: &Value) -> Option<String> {
        let wanted = self.sound(value).err()?;
        Some(format!("{} is not {wanted}", plain(value)))
    }

    /// A value of the setting's kind, in its range; else what it must be.
    pub(super) fn sound(&self, value: &Value) -> Result<Value, String> {
        match self.kind {
            _ if value.is_null() && self.default.is_empty() => Ok(Value::Null),
            ParamKind::Number => self.number(value),
            ParamKind::Whole => self.whole(value),
            ParamKind::Numbers => self.numbers(value),
            ParamKind::Switch if value.is_bool() => Ok(value.clone()),
            ParamKind::Switch => Err("true or false".to_owned()),
            ParamKind::Word(words) => word(words, value),
            ParamKind::Text | ParamKind::File if value.is_string() => Ok(value.clone()),
            ParamKind::Text | ParamKind::File => Ok(Value::from(plain(value))),
        }
    }

    fn number(&self, value: &Value) -> Result<Value, String> {
        match value.as_f64() {
            Some(number) if self.range.contains(number) => Ok(Value::from(number)),
            _ => Err(format!("a number {}", self.range)),
        }
    }

    fn whole(&self, value: &Value) -> Result<Value, String> {
        match value.as_f64() {
            Some(number) if number.fract() == 0.0 && self.range.contains(number) => {
                Ok(Value::from(number as u64))
            }
            _ => Err(format!("a whole number {}", self.range)),
        }
    }

    fn numbers(&self, value: &Value) -> Result<Value, String> {
        let numbers: Vec<Option<f64>> = list(value).iter().map(Value::as_f64).collect();
        let fits = |number: &Option<f64>| number.is_some_and(|number| self.range.contains(number));
        if numbers.is_empty() || !numbers.iter().all(fits) {
            return Err(format!("one number or more, each {}", self.range));
        }
        Ok(numbers.into_iter().flatten().collect())
    }
}

/// One of the words that a setting knows.
fn word(words: &[&str], value: &Value) -> Result<Value, String> {
    let said = value.as_str();
    if said.is_some_and(|word| words.contains(&word)) {
        return Ok(value.clone());
    }
    let near = said.and_then(|word| near(word, words));
    let meant = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(format!("one of {}{meant}", words.join(", ")))
}
