//! In what two configs differ.

use crate::config::Config;
use crate::plan::settings_in;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Settings that two configs have differently, beside each other.
pub(super) fn table(names: [&Path; 2], configs: [&Config; 2]) -> Result<String> {
    let (one, other) = (settings(configs[0])?, settings(configs[1])?);
    let said = |value: Option<&String>| {
        value
            .filter(|value| *value != "null")
            .map_or("-", String::as_str)
            .to_owned()
    };
    let all: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let rows = all
        .into_iter()
        .map(|name| [name.clone(), said(one.get(name)), said(other.get(name))]);
    let differing: Vec<[String; 3]> = rows.filter(|[_, one, other]| one != other).collect();
    if differing.is_empty() {
        return Ok("they do not differ".to_owned());
    }
    let head = [
        "".to_owned(),
        names[0].display().to_string(),
        names[1].display().to_string(),
    ];
    Ok(aligned(&[&[head], &differing[..]].concat()))
}

fn settings(config: &Config) -> Result<BTreeMap<String, String>> {
    Ok(settings_in(&serde_json::to_string(config)?))
}

/// Columns as wide as what is in them.
fn aligned(rows: &[[String; 3]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let line = |[name, one, other]: &[String; 3]| {
        format!("{name:<first$}  {one:<second$}  {other}")
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let one = Config::parse("lr: 0.1\n").expect("sound");
        let other = Config::parse("lr: 0.5\ndeadline: 3\n").expect("sound");
        let names = [Path::new("a.yaml"), Path::new("b")];
        let text = table(names, [&one, &other]).expect("plain");
        assert_eq!(text, "          a.yaml  b\ndeadline  -       3.0\nlr        0.1     0.5");
        assert_eq!(table(names, [&one, &one]).expect("plain"), "they do not differ");
    }
}
