//! What of a run's config goes over to another run: all but where it wrote.

use super::Config;
use super::document::Entry;
use serde_yaml::{Mapping, Value};
use std::path::Path;

/// Where a run writes and what it may replace there. Only who starts a run says so, never the
/// config of another one.
const WHERE: [&str; 5] = [
    "out_dir",
    "overwrite",
    "resume",
    "partition_save",
    "log_dir",
];

/// What is of the terminal of whoever starts a run.
const SHOWN: [&str; 3] = ["progress", "quiet", "json"];

impl Config {
    /// What a run's folder says of it, as a `--cf` file that repeats the run elsewhere: all but
    /// where it wrote and what it showed.
    ///
    /// # Errors
    /// What YAML cannot say.
    pub fn portable(&self) -> Result<String, serde_yaml::Error> {
        let mut settings = serde_yaml::to_value(self)?;
        if let Value::Mapping(settings) = &mut settings {
            for name in WHERE.iter().chain(&SHOWN) {
                settings.remove(*name);
            }
        }
        serde_yaml::to_string(&without_nulls(settings))
    }
}

/// What was not said need not be unsaid: a value without settings that have none, those of parts
/// too.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Mapping(settings) => {
            let said = settings.into_iter().filter(|(_, value)| !value.is_null());
            Value::Mapping(
                said.map(|(name, value)| (name, without_nulls(value)))
                    .collect(),
            )
        }
        Value::Sequence(parts) => Value::Sequence(parts.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

/// Whether a file is what an older run left: all of them have `resume`, which nobody else writes.
pub fn is_of_a_run(written: &[Entry]) -> bool {
    written.iter().any(|entry| entry.key == "resume")
}

/// Takes out of a run's own config where that run wrote; gives a note if it said so, as those of
/// older runs do.
pub fn leave_places(settings: &mut Mapping, path: &Path) -> Option<String> {
    let mut left = Vec::new();
    for name in WHERE {
        match settings.remove(name) {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(_) => left.push(format!("--{name}")),
        }
    }
    if left.is_empty() {
        return None;
    }
    let (left, path) = (left.join(", "), path.display());
    Some(format!("{left} of {path} are that run's own and not taken over"))
}

#[cfg(test)]
mod tests {
    use super::super::Flags;
    use super::*;

    #[test]
    fn a_runs_config_repeats_it_elsewhere() {
        let written = Config {
            out_dir: Some("a".into()),
            overwrite: true,
            partition_save: Some("thesis.tex".into()),
            log_dir: Some("logs".into()),
            comm_round: 7,
            ..Config::default()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.yaml");
        let again = |text: &str| {
            std::fs::write(&path, text).expect("writable");
            Config::resolve(&Flags {
                cf: Some(path.clone()),
                ..Flags::default()
            })
            .expect("own output")
        };
        let portable = again(&written.portable().expect("plain data"));
        assert_eq!((portable.comm_round, portable.idle.len()), (7, 0));
        // Older runs said where they wrote.
        let older = again(&serde_yaml::to_string(&written).expect("plain data"));
        for config in [&portable, &older] {
            assert_eq!(
                (&config.out_dir, &config.partition_save, config.overwrite),
                (&None, &None, false)
            );
            assert_eq!(config.log_dir, None);
        }
        assert!(
            older.idle[0].starts_with("--out_dir, --overwrite, --partition_save, --log_dir of "),
            "{:?}",
            older.idle
        );
        // A user's own file may say it.
        assert_eq!(again("out_dir: a\n").out_dir, Some("a".into()));
    }
}
