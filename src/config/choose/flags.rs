//! The settings of parts as flags of their own names, whichever part is chosen.

use super::OLD;
use crate::config::kinds::params;
use crate::part::{Param, ParamKind, guessed};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// The settings of parts as flags of their own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartFlags(BTreeMap<String, String>);

impl PartFlags {
    /// A single one.
    pub fn one(name: &str, value: &str) -> PartFlags {
        PartFlags([(name.to_owned(), value.to_owned())].into())
    }

    /// Those that were given.
    pub fn given(&self) -> Mapping {
        let flags = self.0.iter();
        flags
            .map(|(name, text)| (Value::from(name.as_str()), guessed(text)))
            .collect()
    }
}

impl Args for PartFlags {
    fn augment_args(command: Command) -> Command {
        command.args(params().into_iter().map(|(name, parts)| flag(name, &parts)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The flag of a setting, which some parts have.
fn flag(name: &'static str, parts: &[(&'static str, &'static Param)]) -> Arg {
    let first = parts[0].1;
    let names: Vec<&str> = parts.iter().map(|(part, _)| *part).collect();
    let default = match first.default {
        "" => "none",
        default => default,
    };
    let help = format!("Of {}: {} [default: {default}]", names.join(", "), first.about);
    let mut flag = Arg::new(name)
        .long(name)
        .value_name(first.unit)
        .help(help)
        .allow_negative_numbers(true);
    if name == "mu" {
        flag = flag.aliases(OLD);
    }
    if first.kind == ParamKind::Switch {
        flag = flag.num_args(0..=1).default_missing_value("true");
    }
    flag
}

impl FromArgMatches for PartFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = PartFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for name in params().into_keys() {
            if let Some(text) = matches.get_one::<String>(name) {
                self.0.insert(name.to_owned(), text.clone());
            }
        }
        Ok(())
    }
}
