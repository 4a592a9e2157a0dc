//! Fingerprints of a plan: what must be the same on all ranks, and what when a run goes on.

use super::{Method, Plan};
use crate::config::{Collective, Config, Evaluator, OnNan, Progress, Translation};
use crate::delay::Delay;
use crate::files;
use crate::message::Reduce;
use crate::part::Choice;
use crate::schedule::DispatchMode;
use crate::seed::Seed;
use crate::select::List;
use crate::train::schedule::{self as rates, RateError};
use crate::update::Chain;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Plan {
    /// Fingerprint of everything that decides the result; equal on all ranks of a sound job.
    pub fn digest(&self) -> String {
        hashed(&self.text_of(self.config.clone()))
    }

    /// Everything that decides the result under a config: the version, the settings, and the data,
    /// a line each.
    fn text_of(&self, config: Config) -> String {
        let decisive = Config {
            // Where things lie and how much is said may differ from host to host.
            data_dir: Default::default(),
            kept_dir: None,
            out_dir: None,
            overwrite: false,
            partition_save: None,
            partition_load: None,
            gpu_mapping_file: None,
            gpu_mapping_key: String::new(),
            gpu_util_parse: None,
            partition_method: without_files(config.partition_method),
            client_selection: without_files(config.client_selection),
            delay: without_files(config.delay),
            model: without_files(config.model),
            init_from: None,
            lr_schedule: without_files(config.lr_schedule),
            server_lr_schedule: without_files(config.server_lr_schedule),
            resume: None,
            round_timeout: None,
            checkpoint_every: None,
            keep_checkpoints: 0,
            record: Chain::default(),
            progress: Progress::Auto,
            quiet: false,
            json: false,
            verbose: 0,
            log_dir: None,
            // Who trains whom, and where updates are summed, does not touch the result.
            scheduler: Choice::default(),
            idle: Vec::new(),
            translation: Translation::default(),
            dispatch: DispatchMode::Planned,
            worker_slowdown: None,
            workers: 1,
            reduce: Reduce::Server,
            collective: Collective::Auto,
            ..config
        };
        let text = serde_json::to_string(&decisive).expect("plain data always encodes");
        [env!("CARGO_PKG_VERSION"), &text, &self.fingerprint].join("\n")
    }

    /// Fingerprint of the data, of how it is divided, and of what other files say.
    pub fn data_digest(&self) -> String {
        hashed(&self.fingerprint)
    }

    /// Fingerprint of what must not change when a run goes on: how long it goes on and how often it
    /// is looked at may.
    pub fn lasting_digest(&self) -> String {
        hashed(&self.lasting_text())
    }

    /// The root of the noise for privacy: runs that differ in anything but how long they go on
    /// share none, or their models' difference would be without it.
    pub fn noise_seed(&self) -> Seed {
        let digest = blake3::hash(self.lasting_text().as_bytes());
        let (first, _) = digest.as_bytes().split_first_chunk().expect("32 bytes");
        Seed(u64::from_le_bytes(*first))
    }

    /// What [`Plan::lasting_digest`] is made of; see [`differences`].
    pub fn lasting_text(&self) -> String {
        let comm_round = if follows_length(&self.config) {
            self.config.comm_round
        } else {
            0
        };
        let config = Config {
            comm_round,
            frequency_of_the_test: 0,
            first_test: None,
            ci: 0,
            target_accuracy: None,
            target: None,
            evaluate: Evaluator::Server,
            evaluate_training: false,
            // A run that has ended by a diverged client may go on without it.
            on_nan: OnNan::End,
            update: without_budget(self.config.update.clone()),
            ..self.config.clone()
        };
        self.text_of(config)
    }
}

/// Whether what is done in a round depends on how many there are, so that a run cannot be made
/// longer.
pub fn follows_length(config: &Config) -> bool {
    let schedules = [&config.lr_schedule, &config.server_lr_schedule];
    schedules
        .into_iter()
        .filter_map(|schedule| rates::make(schedule).ok())
        .any(|rate| rate.follows_length())
}

/// Numbers or words as JSON has them, in a line for a fingerprint: the same whoever compiled it.
pub(super) fn written<T: Serialize>(items: &[T]) -> String {
    let words: Vec<String> = items
        .iter()
        .map(|item| serde_json::to_string(item).expect("plain data always encodes"))
        .collect();
    format!("[{}]", words.join(", "))
}

/// Fingerprint of what files say that the config only names.
pub(super) fn of_files(
    config: &Config,
    method: &Method,
    delay: &Delay,
    list: Option<&List>,
) -> Result<String, RateError> {
    let listed = list.map_or(&[][..], |list| list.text.as_bytes());
    let server_rate = rates::make(&config.server_lr_schedule)?;
    let rates = [method.rate.contents(), server_rate.contents()].concat();
    let said = [written(delay.contents()), written(listed), written(&rates)].join(" ");
    let mut files = blake3::hash(said.as_bytes()).to_hex().to_string();
    for path in config.model_files() {
        // One that cannot be read is told when the model is made.
        let bytes = files::bytes(&path).unwrap_or_default();
        files += blake3::hash(&bytes).to_hex().as_str();
    }
    Ok(files)
}

fn hashed(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// What differs between plans when it is nothing that the config says.
pub const OTHER_DATA: &str =
    "the data differs, how it is divided, or what a file of delays, cohorts or rates says";

/// What differs between two plans, by what their fingerprints are made of: settings by name, else
/// the version or the data. `before` may be empty where nobody knows.
pub fn differences(now: &str, before: &str) -> String {
    let parts = |text: &str| text.splitn(3, '\n').map(str::to_owned).collect::<Vec<_>>();
    let ([version, settings, data], [old_version, old_settings, old_data]) =
        (&parts(now)[..], &parts(before)[..])
    else {
        return "other settings or other data".to_owned();
    };
    let (settings, old) = (settings_in(settings), settings_in(old_settings));
    let names: BTreeSet<&String> = settings.keys().chain(old.keys()).collect();
    let other = names
        .into_iter()
        .filter(|name| settings.get(*name) != old.get(*name));
    let said = |value: Option<&String>| value.map_or("not said".to_owned(), String::clone);
    let mut differ: Vec<String> = other
        .map(|name| {
            format!("--{name} is {}, and was {}", said(settings.get(name)), said(old.get(name)))
        })
        .collect();
    if version != old_version {
        differ.push(format!("this is version {version}, it was {old_version}"));
    }
    if differ.is_empty() && data != old_data {
        differ.push(OTHER_DATA.to_owned());
    }
    differ.join("; ")
}

/// Settings by name, those of parts too, of a config in JSON.
pub fn settings_in(text: &str) -> BTreeMap<String, String> {
    let said: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let mut settings = BTreeMap::new();
    for (kind, value) in said {
        match value {
            Value::Object(mut part) => {
                let name = part.remove("name").unwrap_or_default();
                settings.insert(kind, plain(&name));
                settings.extend(
                    part.iter()
                        .map(|(name, value)| (name.clone(), plain(value))),
                );
            }
            value => _ = settings.insert(kind, plain(&value)),
        }
    }
    settings
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) => match Chain::deserialize(value) {
            Ok(chain) => chain.to_string(),
            Err(_) => value.to_string(),
        },
        value => value.to_string(),
    }
}

/// Updates without how much privacy may be spent in all.
fn without_budget(mut updates: Chain) -> Chain {
    for choice in &mut updates.0 {
        choice.values.remove("epsilon");
    }
    updates
}

/// A choice without where its file lies; what the file says is in the fingerprint.
fn without_files(mut choice: Choice) -> Choice {
    for file in [
        "selection_file",
        "delay_file",
        "partition_file",
        "rates_file",
        "file",
    ] {
        choice.values.remove(file);
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_one_after_another_are_told_as_people_write_them() {
        let told = settings_in(r#"{"update":[{"name":"clip","norm":0.5},"topk"],"seed":3}"#);
        assert_eq!((told["update"].as_str(), told["seed"].as_str()), ("clip:norm=0.5;topk", "3"));
    }

    /// Checkpoints hold fingerprints of these words, so they stay.
    #[test]
    fn what_is_hashed_is_written_as_ever() {
        assert_eq!(written(&[0.0, 2.5, 300.0]), "[0.0, 2.5, 300.0]");
        assert_eq!(written(b"1\n"), "[49, 10]");
        assert_eq!(written(&["a\"b"]), r#"["a\"b"]"#);
        assert_eq!(written::<f64>(&[]), "[]");
    }
}
