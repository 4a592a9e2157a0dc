//! From what was said, in layers, to a config of completed choices: settings of parts go to the
//! parts that were chosen. A setting that no chosen part has is refused, or noted where scripts of
//! the seed systems always give it.

use super::kinds::{near, params};
use super::resolve::{check_kinds, parse};
use super::{Config, Mode, NAMES};
use crate::aggregate::{arrivals, combine, preset, step};
use crate::algorithm::{self, Shape};
use crate::part::{AnyKind, Choice, ParamKind, PartError, plain, yaml};
use crate::train::{optimizer, schedule as rates};
use crate::{data, delay, partition, schedule, select, staleness, update};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use serde_yaml::{Mapping, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;

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
        let value = |text: &String| yaml(text).unwrap_or_else(|_| Value::from(text.as_str()));
        self.0
            .iter()
            .map(|(name, text)| (Value::from(name.as_str()), value(text)))
            .collect()
    }
}

impl Args for PartFlags {
    fn augment_args(command: Command) -> Command {
        params()
            .into_iter()
            .fold(command, |command, (name, parts)| {
                let first = parts[0].1;
                let names: Vec<&str> = parts.iter().map(|(part, _)| *part).collect();
                let default = if first.default.is_empty() {
                    "none"
                } else {
                    first.default
                };
                let help = format!("Of {}: {} [default: {default}]", names.join(", "), first.about);
                let flag = Arg::new(name)
                    .long(name)
                    .value_name(first.unit)
                    .help(help)
                    .allow_negative_numbers(true);
                let flag = if name == "mu" {
                    flag.aliases(OLD)
                } else {
                    flag
                };
                command.arg(match first.kind {
                    ParamKind::Switch => flag.num_args(0..=1).default_missing_value("true"),
                    _ => flag,
                })
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
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

/// The three choices that a method is made of.
pub(super) const AXES: [&str; 3] = ["algorithm", "server_step", "combine"];
/// What they are unless said.
pub(super) const PLAIN: [&str; 3] = [algorithm::PLAIN, step::PLAIN, combine::PLAIN];
/// Settings that scripts give whatever the part: said, not refused, when no chosen part has them.
const TOLERATED: [&str; 3] = ["partition_alpha", "momentum", "wd"];

/// What was said, layer over layer: each setting with the layer that said it last.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Who says each layer, for people.
    pub(super) layers: Vec<String>,
    pub(super) settings: BTreeMap<String, (usize, Value)>,
    pub(super) loose: BTreeMap<String, (usize, Value)>,
}

impl Said {
    /// Lays what somebody says over what was said before.
    ///
    /// # Errors
    /// Names of nothing, and values of the wrong kind.
    pub fn lay(&mut self, who: impl ToString, given: Mapping) -> Result<(), String> {
        let layer = self.layers.len();
        self.layers.push(who.to_string());
        let mut own = Mapping::new();
        // A method named as a whole takes the place of one that was put together below.
        if given.contains_key("aggregator") {
            AXES.iter().for_each(|axis| _ = self.settings.remove(*axis));
        }
        for (key, value) in given {
            let name = key.as_str().ok_or("a key is not a word")?;
            if value.is_null() {
                // As if it had never been said.
                self.settings.remove(name);
                continue;
            }
            if NAMES.contains(&name) {
                own.insert(key.clone(), value.clone());
                self.settings.insert(name.to_owned(), (layer, value));
                continue;
            }
            let name = if OLD.contains(&name) { "mu" } else { name };
            match params().contains_key(name) {
                true => _ = self.loose.insert(name.to_owned(), (layer, value)),
                false => return Err(format!("unknown setting `{name}` (hint: {})", near(name))),
            }
        }
        check_kinds(&own)
    }

    /// The config of all that was said, its choices completed.
    ///
    /// # Errors
    /// Parts that do not exist, and settings that no chosen part takes, or that more than one does.
    pub fn chosen(self) -> Result<Config, String> {
        let settings = self
            .settings
            .iter()
            .map(|(name, (_, value))| (Value::from(name.as_str()), value.clone()));
        let mut config = parse(settings.collect())?;
        if let Some((_, value)) = self.loose.get("mu") {
            config.choose_prox(value);
        }
        let said = |setting: &str| self.settings.get(setting).map_or(0, |(layer, _)| *layer);
        config.overrule_whole(|axis| said(axis) > said("aggregator"));
        let axes = if config.mode == Mode::Sync {
            Some(config.axes().map_err(|fault| fault.to_string())?)
        } else {
            None
        };
        if let Some([algorithm, server_step, combine]) = axes {
            (config.aggregator, config.algorithm) = (None, Some(algorithm));
            (config.server_step, config.combine) = (Some(server_step), Some(combine));
        }
        for (name, (layer, value)) in &self.loose {
            config.claim(name, value, |setting| said(setting).cmp(layer))?;
        }
        config.completed().map_err(|fault| fault.to_string())
    }
}

/// Whether two values say the same.
pub(super) fn alike(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// Whether a setting is what some part has anyway; no proximal term is as usual as any.
fn is_usual(name: &str, value: &Value) -> bool {
    let same = |default: &str| {
        serde_yaml::from_str(default).is_ok_and(|usual: Value| alike(&usual, value))
    };
    let none = name == "mu" && value.as_f64() == Some(0.0);
    none || params()
        .get(name)
        .into_iter()
        .flatten()
        .any(|(_, param)| same(param.default))
}

/// Other names for the strength of the proximal term.
const OLD: [&str; 3] = ["rho", "fedprox_mu", "proximal_mu"];

/// Under which key a choice is told a setting: its name, or its place.
pub(super) fn told_place(kind: &dyn AnyKind, choice: &Choice, name: &str) -> Option<Value> {
    let part = kind.described(&choice.name).ok()?;
    let place = part.params.iter().position(|param| param.name == name)?;
    [Value::from(name), Value::from(place)]
        .into_iter()
        .find(|key| choice.values.contains_key(key))
}

impl Config {
    /// The choices that are in force in this mode, each with its kind.
    fn choices(&mut self) -> Vec<(&'static dyn AnyKind, &mut Choice)> {
        let mut choices: Vec<(&'static dyn AnyKind, &mut Choice)> = vec![
            (&data::KIND, &mut self.dataset),
            (&partition::KIND, &mut self.partition_method),
            (&select::KIND, &mut self.client_selection),
            (&delay::KIND, &mut self.delay),
            (&schedule::KIND, &mut self.scheduler),
            (&optimizer::KIND, &mut self.client_optimizer),
            (&rates::KIND, &mut self.lr_schedule),
            (&rates::SERVER_KIND, &mut self.server_lr_schedule),
            #[cfg(feature = "torch")]
            (&crate::models::KIND, &mut self.model),
        ];
        choices.extend(
            self.update
                .0
                .iter_mut()
                .map(|choice| (&update::KIND as &dyn AnyKind, choice)),
        );
        let axes: [(&'static dyn AnyKind, _); 3] = [
            (&algorithm::KIND, &mut self.algorithm),
            (&step::KIND, &mut self.server_step),
            (&combine::KIND, &mut self.combine),
        ];
        choices.extend(
            axes.into_iter()
                .filter_map(|(kind, choice)| Some((kind, choice.as_mut()?))),
        );
        if self.mode == Mode::Async {
            choices.push((&staleness::KIND, &mut self.staleness));
            let rule = self
                .aggregator
                .get_or_insert_with(|| arrivals::PLAIN.into());
            choices.push((&arrivals::KIND, rule));
        }
        choices
    }

    /// What a later layer tells one of the three itself wins over what came with the whole's name.
    fn overrule_whole(&mut self, later: impl Fn(&str) -> bool) {
        let Some(whole) = &mut self.aggregator else { return };
        for (axis, own) in AXES
            .into_iter()
            .zip([&self.algorithm, &self.server_step, &self.combine])
        {
            if let Some(own) = own.as_ref().filter(|_| later(axis)) {
                whole.values.retain(|key, _| !own.values.contains_key(key));
            }
        }
    }

    /// The files that the model is made of.
    pub(crate) fn model_files(&self) -> Vec<PathBuf> {
        let own = self
            .model
            .values
            .get("file")
            .and_then(Value::as_str)
            .map(PathBuf::from);
        own.into_iter().chain(self.init_from.clone()).collect()
    }

    /// Whether a chosen part reads a file.
    #[cfg(all(feature = "mpi", feature = "torch"))]
    pub(crate) fn names_files(&self) -> bool {
        let mut config = self.clone();
        let reads = |(kind, choice): (&dyn AnyKind, &mut Choice)| {
            let params = kind
                .described(&choice.name)
                .map_or(&[][..], |part| part.params);
            let files = params.iter().filter(|param| param.kind == ParamKind::File);
            files.into_iter().any(|param| {
                choice
                    .values
                    .get(param.name)
                    .is_some_and(|file| !file.is_null())
            })
        };
        config.choices().into_iter().any(reads)
    }

    /// A proximal term that was asked for without an algorithm is FedProx.
    fn choose_prox(&mut self, mu: &Value) {
        let plain = self
            .aggregator
            .as_ref()
            .is_none_or(|name| self.mode == Mode::Async || name.name == PLAIN[0]);
        if self.algorithm.is_none() && plain && mu.as_f64() != Some(0.0) {
            self.algorithm = Some(algorithm::PROXIMAL.into());
        }
    }

    /// Algorithm, server step and combination: as said, else as the aggregator's name says, else
    /// plain.
    pub(super) fn axes(&self) -> Result<[Choice; 3], PartError> {
        let whole = self.aggregator.clone().unwrap_or_else(|| PLAIN[0].into());
        let found = crate::part::find(preset::KIND.about(), preset::PRESETS, &whole.name);
        let preset =
            found.map_err(|fault| fault.of_another_mode(&arrivals::KIND, "--mode async"))?;
        let own = [&self.algorithm, &self.server_step, &self.combine];
        let kinds: [&dyn AnyKind; 3] = [&algorithm::KIND, &step::KIND, &combine::KIND];
        let mut axes: [Choice; 3] = preset.build.map(Choice::from);
        for (place, own) in own.into_iter().enumerate() {
            let Some(own) = own else { continue };
            let (meant, named) = (kinds[place].described(&own.name)?.name, preset.build[place]);
            if named != PLAIN[place] && named != meant {
                let wanted = format!("{named}, as --aggregator {} has it", preset.name);
                let (kind, part, name) = (kinds[place].about(), preset.name, AXES[place]);
                return Err(PartError::Value {
                    kind,
                    part,
                    name,
                    value: own.name.clone(),
                    wanted,
                });
            }
            axes[place] = own.clone();
        }
        // What was said with the whole's name is meant for one of the three.
        for (key, value) in &whole.values {
            let has = |place: &usize| {
                kinds[*place]
                    .described(&axes[*place].name)
                    .is_ok_and(|part| {
                        part.params
                            .iter()
                            .any(|param| Some(param.name) == key.as_str())
                    })
            };
            let Some(place) = (0..3).find(has) else {
                let key = key.as_str().unwrap_or("a value without a name").to_owned();
                let hint = format!("it is {}", preset.build.join(", "));
                return Err(PartError::NoParam {
                    kind: preset::KIND.about(),
                    part: preset.name,
                    key,
                    hint,
                });
            };
            let told = axes[place].values.insert(key.clone(), value.clone());
            if let Some(told) = told.filter(|told| !alike(told, value)) {
                let wanted = format!("{}, as --aggregator {} has it", plain(value), preset.name);
                let part = kinds[place].described(&axes[place].name)?;
                let name = part
                    .params
                    .iter()
                    .find(|param| Some(param.name) == key.as_str())
                    .map_or("", |p| p.name);
                let (kind, part, value) = (kinds[place].about(), part.name, plain(&told));
                return Err(PartError::Value {
                    kind,
                    part,
                    name,
                    value,
                    wanted,
                });
            }
        }
        Ok(axes)
    }

    /// Gives a setting to the chosen part that has it, unless a later layer has told the part
    /// itself. `told` is when the part was chosen, as against the setting.
    fn claim(
        &mut self,
        name: &str,
        value: &Value,
        told: impl Fn(&str) -> Ordering,
    ) -> Result<(), String> {
        let mut choices = self.choices();
        let has = |(kind, choice): &(&'static dyn AnyKind, &mut Choice)| {
            let part = kind.described(&choice.name);
            part.is_ok_and(|part| part.params.iter().any(|param| param.name == name))
        };
        let mut takers: Vec<_> = choices.iter_mut().filter(|choice| has(choice)).collect();
        match &mut takers[..] {
            [(kind, choice)] => {
                let place = told_place(*kind, choice, name);
                let own = place.as_ref().and_then(|place| choice.values.get(place));
                match (own, told(kind.setting())) {
                    (Some(_), Ordering::Greater) => return Ok(()),
                    (Some(own), Ordering::Equal) if !alike(own, value) => {
                        let (value, own, setting) = (plain(value), plain(own), kind.setting());
                        return Err(format!(
                            "--{name} is {value}, and {own} in --{setting} {choice} (hint: say it once)"
                        ));
                    }
                    _ => {}
                }
                place
                    .into_iter()
                    .for_each(|place| _ = choice.values.remove(place));
                choice.values.insert(name.into(), value.clone());
                Ok(())
            }
            // Files that say everything say the usual too.
            [] if is_usual(name, value) => Ok(()),
            [] => {
                let parts: Vec<&str> = params()
                    .get(name)
                    .into_iter()
                    .flatten()
                    .map(|(part, _)| *part)
                    .collect();
                let belongs = format!(
                    "it belongs to {}, which {} not chosen",
                    parts.join(", "),
                    if parts.len() == 1 { "is" } else { "are" }
                );
                if !TOLERATED.contains(&name) {
                    return Err(format!("--{name} would do nothing: {belongs}"));
                }
                self.idle.push(format!("--{name} has no effect: {belongs}"));
                Ok(())
            }
            many => {
                let ways: Vec<String> = many
                    .iter()
                    .map(|(kind, choice)| {
                        format!("--{} {}:{name}=...", kind.setting(), choice.name)
                    })
                    .collect();
                Err(format!(
                    "--{name} could be meant for {} parts (hint: {})",
                    many.len(),
                    ways.join(", or ")
                ))
            }
        }
    }

    /// The same wishes with every choice completed: parts by their own names, with all their
    /// settings. What was completed stays as it is.
    ///
    /// # Errors
    /// Parts that do not exist, and settings that they do not have or that are out of range.
    pub fn completed(mut self) -> Result<Config, PartError> {
        if self.mode == Mode::Sync {
            let [algorithm, server_step, combine] = self.axes()?;
            self.aggregator = None;
            (self.algorithm, self.server_step) = (Some(algorithm), Some(server_step));
            self.combine = Some(combine);
        } else {
            self.algorithm.get_or_insert_with(|| PLAIN[0].into());
        }
        self.delay = delay::spelled(self.delay);
        for (kind, choice) in self.choices() {
            let whole = kind.complete(choice);
            *choice = whole.map_err(|fault| match kind.setting() {
                "aggregator" => fault.of_another_mode(&preset::KIND, "--mode sync"),
                _ => fault,
            })?;
        }
        Ok(self)
    }

    /// Why a run without rounds cannot have this algorithm, if it cannot.
    pub(crate) fn unfit_without_rounds(&self) -> Option<&'static str> {
        let algorithm = algorithm::make(self.algorithm.as_ref()?).ok()?;
        (algorithm.shape(1) != Shape::default())
            .then_some("its clients say or keep more than a change, which needs rounds (hint: --mode sync, or another --algorithm)")
    }
}
