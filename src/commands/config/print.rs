//! Every setting in a line, with who says it: a `--cf` file that says all.

use crate::config::{NAMES, Traced, commented, without_nulls};
use anyhow::Result;
use serde_yaml::Value;

/// Where comments begin.
const COLUMN: usize = 36;

/// All settings that have a value, in the order of the walk; the others by their names.
pub(super) fn lines(traced: &Traced) -> Result<String> {
    let settings = without_nulls(serde_yaml::to_value(&traced.config)?);
    let (mut text, mut unset) = (String::new(), Vec::new());
    for name in NAMES {
        match settings.get(name) {
            None => unset.push(*name),
            Some(value) => text += &setting(traced, name, value)?,
        }
    }
    if !unset.is_empty() {
        text += &commented(&format!("not set: {}", unset.join(", ")));
    }
    Ok(text)
}

/// A setting, or a part with each of its own.
fn setting(traced: &Traced, name: &str, value: &Value) -> Result<String> {
    let Value::Mapping(part) = value else {
        return line("", name, value, &traced.origin(name, None));
    };
    let mut text = format!("{name}:\n");
    for (key, value) in part {
        let key = key.as_str().unwrap_or_default();
        let origin = traced.origin(name, Some(key).filter(|key| *key != "name"));
        text += &line("  ", key, value, &origin)?;
    }
    Ok(text)
}

/// JSON is YAML that fits in a line, whatever the value.
fn line(indent: &str, name: &str, value: &Value, origin: &str) -> Result<String> {
    let yaml = serde_yaml::to_string(value)?;
    let shown = match (value, yaml.trim_end()) {
        (Value::Sequence(_), _) => serde_json::to_string(value)?,
        (Value::String(_), yaml) if yaml.contains('\n') => serde_json::to_string(value)?,
        (_, yaml) => yaml.to_owned(),
    };
    // A file's name may be anything.
    let origin = origin.replace('\n', " ");
    Ok(format!("{:<COLUMN$} # {origin}\n", format!("{indent}{name}: {shown}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, PartFlags};

    #[test]
    fn all_is_said_once_with_who_says_it_and_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("run.yaml");
        std::fs::write(&file, "aggregator: fedadam:tau=0.5\nepochs: 3\nupdate: clip:norm=1;topk\n")
            .expect("writable");
        let flags = Flags {
            cf: Some(file.clone()),
            set: vec!["batch_size=7".to_owned()],
            parts: PartFlags::one("lr", "0.5"),
            log_dir: Some("a\nb".into()),
            ..Flags::default()
        };
        let traced = Traced::of(&flags).expect("sound");
        let text = lines(&traced).expect("plain");
        let lines: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once(" # "))
            .collect();
        let said = |line: &str, origin: &str| {
            let is_it = |(said, by): &(&str, &str)| said.trim_end() == line && by.ends_with(origin);
            assert!(lines.iter().any(is_it), "{line} # {origin}\n{text}");
        };
        said("epochs: 3", "run.yaml");
        said("  lr: 0.5", "flag");
        said("  momentum: 0.0", "default");
        said("batch_size: 7", "--set");
        said("  name: adam", "run.yaml, aggregator");
        said("  tau: 0.5", "run.yaml, aggregator");
        said("combine: mean", "default");
        assert!(!text.contains("null") && text.contains("# not set: "), "{text}");
        assert_eq!(Config::parse(&text).expect("own output"), traced.config);
    }
}
