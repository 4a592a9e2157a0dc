//! `--cf` files: flat, or in FedML's sections, whose titles mean nothing. FedML's other names for our
//! settings are translated; its settings for parts that do not exist here are ignored
//! (`--verbose 1` names them). An algorithm that we do not have is refused, not replaced. async-FL's
//! JSON files are understood too.

use super::kinds::{is_setting, near};
use super::{ConfigError, async_fl};
use crate::files;
use serde_yaml::{Mapping, Value};
use std::path::Path;

/// FedML's names for our settings.
const ALIASES: &[(&str, &str)] = &[
    ("random_seed", "seed"),
    ("data_cache_dir", "data_dir"),
    ("learning_rate", "lr"),
    ("weight_decay", "wd"),
    ("federated_optimizer", "aggregator"),
    ("fedprox_mu", "mu"),
    ("proximal_mu", "mu"),
    ("rho", "mu"),
    ("server_optimizer", "server_step"),
];

/// FedML's settings that decide nothing here.
const IGNORED: &[&str] = &[
    "training_type",
    "using_mlops",
    "config_version",
    "scenario",
    "backend",
    "is_mobile",
    "worker_num",
    "using_gpu",
    "client_id_list",
    "enable_wandb",
    "wandb_only_server",
    "wandb_project",
    "wandb_name",
    "wandb_entity",
    "run_name",
    "log_file_dir",
    "gpu_id",
    "device_type",
];

/// Reads a file into one flat mapping with our names.
pub fn read(path: &Path) -> Result<Mapping, ConfigError> {
    let text =
        files::text(path).map_err(|error| ConfigError::Read { path: path.to_owned(), reason: error.to_string() })?;
    flatten(&text).map_err(|reason| ConfigError::Content { path: path.to_owned(), reason })
}

/// The same of a text.
pub fn flatten(text: &str) -> Result<Mapping, String> {
    let parsed: Value = serde_yaml::from_str(text).map_err(|error| format!("{error} (hint: the file must be YAML)"))?;
    let sections = match parsed {
        Value::Null => return Ok(Mapping::new()),
        Value::Mapping(sections) => sections,
        _ => return Err("not a list of `name: value` lines".to_owned()),
    };
    if async_fl::is_one(&sections) {
        return async_fl::translate(&sections);
    }
    let mut flat = Mapping::new();
    for (title, value) in sections {
        match value {
            // A choice with its settings is no section.
            Value::Mapping(choice) if choice.contains_key("name") => add(&mut flat, title, Value::Mapping(choice))?,
            Value::Mapping(section) => section.into_iter().try_for_each(|(key, value)| add(&mut flat, key, value))?,
            value => add(&mut flat, title, value)?,
        }
    }
    Ok(flat)
}

fn add(flat: &mut Mapping, key: Value, value: Value) -> Result<(), String> {
    let written = key.as_str().ok_or("a key is not a word")?;
    let name = ALIASES.iter().find(|(alias, _)| *alias == written).map_or(written, |(_, ours)| ours);
    if IGNORED.contains(&name) {
        log::debug!("`{name}` decides nothing here and is ignored");
        return Ok(());
    }
    if !is_setting(name) {
        return Err(format!("unknown key `{written}` (hint: {})", near(name)));
    }
    flat.insert(name.into(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fedml_sections_and_names_are_understood() {
        let text = "common_args:\n  random_seed: 4\n  using_mlops: false\ntrain_args:\n  learning_rate: 0.1\n";
        let flat = flatten(text).expect("well-formed");
        assert_eq!(flat.get("seed"), Some(&Value::from(4)));
        assert_eq!(flat.get("lr"), Some(&Value::from(0.1)));
        assert_eq!(flat.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let _ = flatten(&text);
        }
    }
}
