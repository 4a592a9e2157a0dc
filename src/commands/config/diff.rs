//! In what two configs differ.

use crate::commands::columns::widths;
use crate::config::Config;
use crate::plan::settings_in;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Settings that two configs have differently, beside each other.
pub(super) fn table(names: [&Path; 2], configs: [&Config; 2]) -> Result<String> {
    let (one, other) = (settings(configs[0])?, settings(configs[1])?);
    let names_of_all: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut rows = Vec::new();
    for name in names_of_all {
        let (one, other) = (said(one.get(name)), said(other.get(name)));
        if one != other {
            rows.push([name.clone(), one, other]);
        }
    }
    if rows.is_empty() {
        return Ok("they do not differ".to_owned());
    }
    let [one, other] = names.map(|name| name.display().to_string());
    rows.insert(0, [String::new(), one, other]);
    Ok(aligned(&rows))
}

/// A value, or a sign that there is none.
fn said(value: Option<&String>) -> String {
    match value.map_or("null", String::as_str) {
        "null" => "-".to_owned(),
        value => value.to_owned(),
    }
}

fn settings(config: &Config) -> Result<BTreeMap<String, String>> {
    Ok(settings_in(&serde_json::to_string(config)?))
}

/// Columns as wide as what is in them.
fn aligned(rows: &[[String; 3]]) -> String {
    let widths = widths(rows.iter().map(|row| &row[..]));
    let mut lines = Vec::new();
    for [name, one, other] in rows {
        let line = format!("{name:<0$}  {one:<1$}  {other}", widths[0], widths[1]);
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
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
