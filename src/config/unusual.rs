//! What of a config differs from that of somebody who says nothing.

use super::{Config, KINDS};
use crate::part::{Choice, PartError};
use serde_yaml::{Mapping, Value};

impl Config {
    /// Settings that differ from their defaults, and of chosen parts those settings that differ
    /// from the part's, as a `--cf` file says them.
    ///
    /// # Errors
    /// As [`Config::completed`].
    pub fn unusual(&self) -> Result<Mapping, PartError> {
        // What a mode brings along is not said again.
        let usual = Config {
            mode: self.mode,
            ..Config::default()
        }
        .completed()?;
        let usual = settings(&Config {
            mode: Config::default().mode,
            ..usual
        });
        let mut given = settings(&self.clone().completed()?);
        given.retain(|name, value| usual.get(name) != Some(value));
        for (name, value) in &mut given {
            *value = bare(name.as_str().unwrap_or_default(), value.clone());
        }
        Ok(given)
    }
}

fn settings(config: &Config) -> Mapping {
    let written = serde_yaml::to_value(config).and_then(serde_yaml::from_value);
    written.expect("plain data always encodes")
}

/// A part, or several, without what it would be told anyway.
fn bare(setting: &str, value: Value) -> Value {
    if let Value::Sequence(parts) = value {
        return parts.into_iter().map(|part| bare(setting, part)).collect();
    }
    let Ok(mut choice) = serde_yaml::from_value::<Choice>(value.clone()) else {
        return value;
    };
    let named = Choice::from(choice.name.as_str());
    let mut kinds = KINDS.iter().filter(|kind| kind.setting() == setting);
    let Some(usual) = kinds.find_map(|kind| kind.complete(&named).ok()) else {
        return value;
    };
    choice
        .values
        .retain(|name, own| usual.values.get(name) != Some(own));
    serde_yaml::to_value(choice).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    fn unusual(yaml: &str) -> String {
        let config = Config::parse(yaml).expect("sound");
        serde_yaml::to_string(&config.unusual().expect("sound")).expect("plain data")
    }

    #[test]
    fn only_what_differs_is_said() {
        assert_eq!(unusual("{}"), "{}\n");
        assert_eq!(unusual("comm_round: 10\nepochs: 3\n"), "epochs: 3\n");
        let optimizer = "client_optimizer:\n  name: sgd\n  lr: 0.5\n";
        assert_eq!(unusual("client_optimizer: 'sgd:lr=0.5,momentum=0'"), optimizer);
        assert_eq!(unusual("server_step: adam"), "server_step: adam\n");
    }

    #[test]
    fn a_mode_is_said_without_what_it_brings_along() {
        assert_eq!(unusual("mode: async"), "mode: async\n");
        assert_eq!(Config::default().mode, Mode::Sync);
    }

    #[test]
    fn what_is_said_is_the_same_run() {
        let text = "mode: async\nconcurrency: 4\naggregator: fedbuff\nupdate: clip:norm=1\n";
        let config = |text: &str| {
            Config::parse(text).and_then(|config| config.completed().map_err(|e| e.to_string()))
        };
        assert_eq!(config(&unusual(text)), config(text));
    }
}
