//! What a `--cf` file may say, as JSON Schema for editors.

use crate::commands::list::kinds;
use crate::config::{Config, Flags, KINDS, RANGES};
use crate::part::{AnyKind, Described, Param, ParamKind, Range};
use anyhow::Result;
use clap::builder::ValueParser;
use clap::{Arg, Args};
use serde_json::{Map, Value, json};
use std::any::TypeId;
use std::ops::Bound;

/// The schema of a `--cf` file (JSON Schema 2020-12): settings in any section or in none, parts by
/// name or as mappings, and settings of parts by themselves.
pub(super) fn schema() -> Result<Value> {
    let defaults = serde_json::to_value(Config::default())?;
    let mut settings = Map::new();
    for argument in Flags::augment_args(clap::Command::new("fedmpi")).get_arguments() {
        let name = argument.get_id().as_str();
        if let Some(default) = defaults.get(name) {
            settings.insert(name.to_owned(), setting(argument, default));
        }
    }
    for kind in KINDS {
        for param in kind.parts().iter().flat_map(|part| part.params) {
            settings
                .entry(param.name)
                .or_insert_with(|| json!({ "anyOf": [] }));
            if let Some(forms) = settings[param.name]["anyOf"].as_array_mut() {
                forms.push(value(param));
            }
        }
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fedmpi --cf",
        "type": "object",
        "allOf": [{ "$ref": "#/$defs/settings" }],
        "unevaluatedProperties": { "$ref": "#/$defs/section" },
        "$defs": {
            "settings": { "properties": settings },
            "section": { "type": "object", "allOf": [{ "$ref": "#/$defs/settings" }] },
        },
    }))
}

/// A setting of the run: a part of its kind, a word of several, a number, or text.
fn setting(argument: &Arg, default: &Value) -> Value {
    let name = argument.get_id().as_str();
    let mut forms: Vec<Value> = kinds()
        .into_iter()
        .filter(|kind| kind.setting() == name)
        .map(choice)
        .collect();
    if forms.is_empty() {
        forms.push(plain(argument, default));
    }
    if default.is_array() {
        let list = json!({ "type": "array", "items": { "anyOf": forms } });
        forms = vec![
            json!({ "type": "string" }),
            list,
            json!({ "type": "object", "anyOf": forms }),
        ];
    }
    if default.is_null() {
        forms.push(json!({ "type": "null" }));
    }
    let about = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    json!({ "description": about, "anyOf": forms })
}

/// A setting that chooses among no parts.
fn plain(argument: &Arg, default: &Value) -> Value {
    if default.is_boolean() {
        return json!({ "type": "boolean" });
    }
    let words = argument.get_possible_values();
    if !words.is_empty() {
        let words: Vec<&str> = words.iter().map(|word| word.get_name()).collect();
        return json!({ "enum": words });
    }
    let name = argument.get_id().as_str();
    let range = RANGES.iter().find(|(known, _)| *known == name);
    typed(argument.get_value_parser(), range.map_or(Range::ANY, |(_, range)| *range))
}

/// What a flag takes that is neither a part nor a word of several.
fn typed(parser: &ValueParser, range: Range) -> Value {
    let kind = parser.type_id();
    let integers = [TypeId::of::<i64>(), TypeId::of::<u64>(), TypeId::of::<u8>()];
    if kind == TypeId::of::<f64>() {
        bounded("number", range)
    } else if integers.into_iter().any(|integer| kind == integer) {
        bounded("integer", range)
    } else {
        json!({ "type": "string" })
    }
}

/// A part of a kind: its name, alone or with settings, or a mapping.
fn choice(kind: &dyn AnyKind) -> Value {
    let parts = kind.parts();
    let names: Vec<&str> = parts.iter().flat_map(names).collect();
    let any: Vec<String> = names.iter().map(|name| whatever_case(name)).collect();
    let told = parts
        .iter()
        .filter(|part| !part.params.is_empty())
        .map(mapping);
    let word = json!({ "type": "string", "pattern": format!("^({})(:.*)?$", any.join("|")) });
    let forms: Vec<Value> = [json!({ "enum": names }), word]
        .into_iter()
        .chain(told)
        .collect();
    json!({ "anyOf": forms })
}

fn names(part: &Described) -> impl Iterator<Item = &'static str> + use<> {
    [part.name].into_iter().chain(part.aliases.iter().copied())
}

/// `{name: NAME, key: value}`.
fn mapping(part: &Described) -> Value {
    let any: Vec<String> = names(part).map(whatever_case).collect();
    let mut properties: Map<String, Value> = part
        .params
        .iter()
        .map(|param| (param.name.to_owned(), value(param)))
        .collect();
    properties.insert(
        "name".to_owned(),
        json!({ "type": "string", "pattern": format!("^({})$", any.join("|")) }),
    );
    json!({
        "type": "object",
        "description": part.about,
        "properties": properties,
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// A pattern for a name whatever its case.
fn whatever_case(name: &str) -> String {
    name.chars().map(either_case).collect()
}

fn either_case(letter: char) -> String {
    if letter.is_ascii_alphabetic() {
        format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase())
    } else {
        letter.to_string()
    }
}

/// The value of a part's setting.
fn value(param: &Param) -> Value {
    let mut form = match param.kind {
        ParamKind::Number => bounded("number", param.range),
        ParamKind::Whole => bounded("integer", param.range),
        ParamKind::Numbers => {
            let number = bounded("number", param.range);
            let list = json!({ "type": "array", "items": number, "minItems": 1 });
            json!({ "anyOf": [list, number, { "type": "string" }] })
        }
        ParamKind::Switch => json!({ "type": "boolean" }),
        ParamKind::Word(words) => json!({ "enum": words }),
        ParamKind::Text | ParamKind::File => json!({ "type": "string" }),
    };
    if param.default.is_empty() && form["type"].is_string() {
        form["type"] = json!([form["type"], "null"]);
    }
    form["description"] =
        format!("{} ({}) [default: {}]", param.about, param.unit, param.default).into();
    form
}

fn bounded(kind: &str, range: Range) -> Value {
    let mut form = json!({ "type": kind });
    if let Some((key, number)) = limit(range.from, "minimum", "exclusiveMinimum") {
        form[key] = json!(number);
    }
    if let Some((key, number)) = limit(range.to, "maximum", "exclusiveMaximum") {
        form[key] = json!(number);
    }
    form
}

/// A bound under the key that it has, if there is one.
fn limit<'a>(bound: Bound<f64>, included: &'a str, excluded: &'a str) -> Option<(&'a str, f64)> {
    match bound {
        Bound::Included(number) => Some((included, number)),
        Bound::Excluded(number) => Some((excluded, number)),
        Bound::Unbounded => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(yaml: &str) -> Vec<String> {
        let schema = jsonschema::validator_for(&schema().expect("made")).expect("a schema");
        let written: Value = serde_yaml::from_str(yaml).expect("YAML");
        schema
            .iter_errors(&written)
            .map(|fault| format!("{} {fault}", fault.instance_path))
            .collect()
    }

    #[test]
    fn what_the_program_writes_and_ships_fits_the_schema() {
        let written = serde_yaml::to_string(&Config::default()).expect("plain");
        assert_eq!(faults(&written), [""; 0]);
        let shipped = std::fs::read_to_string("configs/mnist_2nn.yaml").expect("shipped");
        assert_eq!(faults(&shipped), [""; 0]);
    }

    /// Every setting of every part: its default fits, flat and in its part; what is outside its
    /// range does not.
    #[test]
    fn settings_of_parts_are_bounded() {
        for kind in KINDS {
            for part in kind.parts().iter().filter(|part| !part.params.is_empty()) {
                let whole = kind
                    .complete(&part.name.to_uppercase().as_str().into())
                    .expect("defaults are sound");
                let line = serde_json::to_string(&whole).expect("plain");
                assert_eq!(
                    faults(&format!("{}: {line}", kind.setting())),
                    [""; 0],
                    "{}",
                    part.name
                );
                for param in part.params {
                    for number in param.range.outside() {
                        let told = format!("{{name: {}, {}: {number}}}", part.name, param.name);
                        assert!(
                            !faults(&format!("{}: {told}", kind.setting())).is_empty(),
                            "{told}"
                        );
                    }
                }
            }
        }
        assert!(!faults("server_lr: -1").is_empty() && !faults("server_step: adma").is_empty());
        assert!(
            faults("federated:\n  server_step: ADAM:server_lr=0.1\n  comm_round: 3").is_empty()
        );
        assert!(!faults("comm_round: 0").is_empty() && !faults("comm_rond: 3").is_empty());
    }
}
