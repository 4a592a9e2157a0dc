//! What was said, put together: flags over `--set` over the `--cf` file over defaults.

use super::choose::{Said, alike};
use super::document::{Entry, Node};
use super::foreign::{self, Around, Translation};
use super::kinds::{is_setting, near};
use super::portable::{is_of_a_run, leave_places};
use super::{Config, ConfigError, Flags, RUN_CONFIG, Traced};
use crate::files;
use crate::part::{plain, yaml};
use serde_yaml::{Mapping, Value};
use std::io;
use std::path::{Path, PathBuf};

impl Config {
    /// Reads the text of a `--cf` file over defaults.
    ///
    /// # Errors
    /// What is not YAML, unknown keys, or values of the wrong kind.
    pub fn parse(text: &str) -> Result<Config, String> {
        let around = Around {
            file: Path::new(""),
            data_dir: None,
        };
        let (given, _) = settings(&Node::parse(text)?, around)?;
        let mut said = Said::default();
        said.lay("--cf", given)?;
        said.chosen()
    }

    /// Lays flags over the `--cf` file over defaults, and gives settings of parts to the parts that
    /// were chosen.
    ///
    /// # Errors
    /// A file that cannot be read, is not YAML, has unknown keys, or values of the wrong kind;
    /// settings of parts that were not chosen.
    pub fn resolve(flags: &Flags) -> Result<Config, ConfigError> {
        Ok(Traced::of(flags)?.config)
    }
}

impl Traced {
    /// As [`Config::resolve`], and remembers who said what.
    ///
    /// # Errors
    /// The same.
    pub fn of(flags: &Flags) -> Result<Traced, ConfigError> {
        let in_flags = |reason| blame(Path::new("flags"), reason);
        let (file, resumed) =
            (at_home(flags.cf.as_deref())?.map(in_run), at_home(flags.resume.as_deref())?);
        let stored = resumed.as_ref().map(|folder| folder.join(RUN_CONFIG));
        let mut said = Said::default();
        let (mut translation, mut left) = (Translation::default(), None);
        let set = all_set(&flags.set).map_err(|reason| blame(Path::new("--set"), reason))?;
        if let Some(path) = file.as_deref().or(stored.as_deref()) {
            let given;
            (given, translation, left) = read_file(path, flags, &set)?;
            said.lay(path.display(), given)
                .map_err(|reason| blame(path, reason))?;
        }
        said.lay("--set", set)
            .map_err(|reason| blame(Path::new("--set"), reason))?;
        said.lay("flag", flags.given().map_err(in_flags)?)
            .map_err(in_flags)?;
        let mut config = Config {
            translation,
            ..said.clone().chosen().map_err(in_flags)?
        };
        config
            .go_home()
            .map_err(|error| in_flags(error.to_string()))?;
        config
            .idle
            .extend(left.into_iter().chain(flags.seed_scripts.notes()));
        check_resumed(&config, resumed.as_deref()).map_err(in_flags)?;
        let config = match resumed {
            Some(folder) => Config {
                resume: Some(folder.clone()),
                out_dir: Some(folder),
                ..config
            },
            None => Config {
                resume: None,
                ..config
            },
        };
        Ok(Traced { config, said })
    }
}

/// The config of a run, where its folder is meant.
fn in_run(path: PathBuf) -> PathBuf {
    if path.is_dir() {
        path.join(RUN_CONFIG)
    } else {
        path
    }
}

/// Who said what cannot be understood.
fn blame(path: &Path, reason: String) -> ConfigError {
    ConfigError::Content {
        path: path.to_owned(),
        reason,
    }
}

/// A path with `~` at its start as the home folder.
fn at_home(path: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    files::at_home(path)
        .map(Some)
        .map_err(|error| unread(path, &error))
}

/// A file that cannot be read.
fn unread(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError::Read {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// What a `--cf` file, or the config of a run that goes on, says in our words; what was done to get
/// there; and a note if that run's own places were left out.
fn read_file(
    path: &Path,
    flags: &Flags,
    set: &Mapping,
) -> Result<(Mapping, Translation, Option<String>), ConfigError> {
    let text = files::text(path).map_err(|error| unread(path, &error))?;
    let set = set.get("data_dir").and_then(Value::as_str).map(Path::new);
    let around = Around {
        file: path,
        data_dir: flags.data_dir.as_deref().or(set),
    };
    let entries = Node::parse(&text).map_err(|reason| blame(path, reason))?;
    let (mut given, translation) =
        settings(&entries, around).map_err(|reason| blame(path, reason))?;
    let is_of_a_run = flags.cf.is_none() || is_of_a_run(&entries);
    let left = if is_of_a_run {
        leave_places(&mut given, path)
    } else {
        None
    };
    Ok((given, translation, left))
}

impl Flags {
    /// Those that were given, settings of parts among them.
    fn given(&self) -> Result<Mapping, String> {
        let settings: Mapping = serde_yaml::to_value(self)
            .and_then(serde_yaml::from_value)
            .map_err(|error| error.to_string())?;
        let mut given = self.parts.given();
        given.extend(settings);
        Ok(given)
    }
}

/// A run goes on where it is.
fn check_resumed(config: &Config, resumed: Option<&Path>) -> Result<(), String> {
    let (Some(run), Some(folder)) = (resumed, &config.out_dir) else {
        return Ok(());
    };
    if files::are_one(run, folder) {
        return Ok(());
    }
    let (run, folder) = (run.display(), folder.display());
    Err(format!(
        "--resume goes on in {run}, so --out_dir {folder} would do nothing (hint: leave it out)"
    ))
}

/// What a file says, in our words, and what was done to get there.
fn settings(entries: &[Entry], around: Around<'_>) -> Result<(Mapping, Translation), String> {
    foreign::translate(entries, around).map_err(|findings| findings.to_string())
}

/// All `--set` together: none comes before another.
fn all_set(texts: &[String]) -> Result<Mapping, String> {
    let mut all = Mapping::new();
    let sets: Vec<Mapping> = texts
        .iter()
        .map(|text| set(text))
        .collect::<Result<_, _>>()?;
    for (name, value) in sets.into_iter().flatten() {
        match all.get(&name) {
            Some(said) if !alike(said, &value) => {
                let (name, said, value) = (plain(&name), plain(said), plain(&value));
                return Err(format!("`{name}` is {said} and {value} (hint: say it once)"));
            }
            _ => _ = all.insert(name, value),
        }
    }
    Ok(all)
}

/// `section.name=value`: the name without its section, and the value as YAML.
fn set(text: &str) -> Result<Mapping, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or(format!("`{text}` is not NAME=VALUE"))?;
    let name = name.rsplit('.').next().unwrap_or(name).trim();
    if !is_setting(name) {
        return Err(format!("unknown setting `{name}` (hint: {})", near(name)));
    }
    if name == "resume" {
        return Err("a run goes on by its own flag (hint: --resume FOLDER)".to_owned());
    }
    let value = yaml(value).map_err(|error| format!("`{text}`: {error}"))?;
    Ok(Mapping::from_iter([(name.into(), value)]))
}

/// A config of settings alone.
pub fn parse(written: Mapping) -> Result<Config, String> {
    check_kinds(&written)?;
    serde_yaml::from_value(Value::Mapping(written)).map_err(|error| error.to_string())
}

/// Settings are tried one by one, so that an error can name the key.
pub fn check_kinds(written: &Mapping) -> Result<(), String> {
    for (key, value) in written {
        let one = Mapping::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = serde_yaml::from_value::<Config>(Value::Mapping(one)) {
            let key = key.as_str().unwrap_or("?");
            return Err(format!("`{key}`: {error} (hint: `fedmpi --help` says what {key} takes)"));
        }
    }
    Ok(())
}
