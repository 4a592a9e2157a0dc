//! What a sweep is: parameters, how members are chosen among their values, and the flags that all
//! of them have. It is written into the sweep's folder, and read from files that people write.

use super::parameter::{Parameter, Values, word};
use super::{Member, SEED, SweepError};
use crate::files;
use crate::launch::last_wins;
use crate::part::{plain, yaml};
use crate::seed::{Purpose, Seed, Stream};
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

/// The file in the sweep's folder that says what it is.
pub const FILE: &str = "sweep.yaml";
/// Members of one sweep.
const MOST: usize = 10_000;
/// Draws for each setting that is wanted, until those that are new come too rarely.
const DRAWS: usize = 1000;

/// A sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// What differs between members; the first changes slowest.
    pub parameters: Vec<Parameter>,
    /// How many settings are drawn at random; none takes all, as a grid.
    pub samples: Option<usize>,
    /// What the draws follow from.
    pub sample_seed: u64,
    /// The metric that members are compared by; none is the one that says most.
    pub metric: Option<String>,
    /// Flags of every member.
    pub flags: Vec<String>,
}

/// How members are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// All combinations.
    #[default]
    Grid,
    /// Some, drawn.
    Random,
}

/// A sweep's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    parameters: Mapping,
    #[serde(default)]
    method: Method,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    samples: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample_seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(default)]
    flags: Value,
}

impl Spec {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is not YAML, has other keys, or parameters and flags that are none.
    pub fn parse(text: &str) -> Result<Spec, String> {
        let written: Written = yaml(text)?;
        let samples = match (written.method, written.samples) {
            (Method::Random, None) => {
                return Err("method random needs samples (hint: samples: 20)".to_owned());
            }
            (Method::Grid, Some(_)) => {
                return Err("samples are of method random (hint: method: random)".to_owned());
            }
            (_, samples) => samples,
        };
        let parameter = |(name, values): (&Value, &Value)| Parameter::of_yaml(&plain(name), values);
        let parameters = written
            .parameters
            .iter()
            .map(parameter)
            .collect::<Result<_, _>>();
        Ok(Spec {
            parameters: parameters.map_err(|error: SweepError| error.to_string())?,
            samples,
            sample_seed: written.sample_seed.unwrap_or(0),
            metric: written.metric,
            flags: flags(&written.flags)?,
        })
    }

    /// The sweep of a folder; none where there is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Spec>, SweepError> {
        match files::text(&folder.join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(in_file(&folder.join(FILE), error)),
            Ok(text) => Spec::parse(&text)
                .map(Some)
                .map_err(|reason| in_file(&folder.join(FILE), reason)),
        }
    }

    /// Makes a folder this sweep's, unless it is that already.
    ///
    /// # Errors
    /// A folder of another sweep, or one that cannot be written to.
    pub fn claim(&self, folder: &Path) -> Result<(), SweepError> {
        let there = Spec::read(folder)?;
        if let Some(what) = there.as_ref().and_then(|there| self.difference(there)) {
            return Err(SweepError::Another {
                folder: folder.display().to_string(),
                what,
            });
        }
        let file = folder.join(FILE);
        let written = self.text().and_then(|text| {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            files::write_whole(&file, text.as_bytes()).map_err(|error| error.to_string())
        });
        written.map_err(|reason| in_file(&file, reason))
    }

    /// The file's text.
    fn text(&self) -> Result<String, String> {
        let pair = |parameter: &Parameter| (Value::from(parameter.name.as_str()), parameter.yaml());
        let written = Written {
            parameters: self.parameters.iter().map(pair).collect(),
            method: if self.samples.is_some() {
                Method::Random
            } else {
                Method::Grid
            },
            samples: self.samples,
            sample_seed: self.samples.map(|_| self.sample_seed),
            metric: self.metric.clone(),
            flags: line(&self.flags)?.into(),
        };
        serde_yaml::to_string(&written).map_err(|error| error.to_string())
    }

    /// In what members differ from those of another sweep; how they are compared does not matter.
    fn difference(&self, there: &Spec) -> Option<String> {
        let shown = |spec: &Spec| -> Vec<String> {
            spec.parameters
                .iter()
                .map(|parameter| format!("{} {}", parameter.name, parameter.values))
                .collect()
        };
        let drawn = |spec: &Spec| {
            spec.samples
                .map(|samples| format!("{samples} of seed {}", spec.sample_seed))
        };
        let sides = [
            ("its parameters are", shown(there).join(", "), shown(self).join(", ")),
            (
                "samples are",
                drawn(there).unwrap_or("all".to_owned()),
                drawn(self).unwrap_or("all".to_owned()),
            ),
            (
                "its flags are",
                line(&there.flags).unwrap_or_default(),
                line(&self.flags).unwrap_or_default(),
            ),
        ];
        let (what, theirs, ours) = sides.into_iter().find(|(_, theirs, ours)| theirs != ours)?;
        Some(format!("{what} `{theirs}`, not `{ours}`"))
    }

    /// The flags as words of a command line, of which the last of a name wins.
    pub fn words(&self) -> Vec<OsString> {
        last_wins(&self.flags.iter().map(OsString::from).collect::<Vec<_>>())
    }

    /// Every member, in order.
    ///
    /// # Errors
    /// No parameters, or the same twice; too many members; fewer settings than samples.
    pub fn members(&self) -> Result<Vec<Member>, SweepError> {
        if self.parameters.is_empty() {
            return Err(SweepError::Nothing);
        }
        let mut names = BTreeSet::new();
        let named = self.parameters.iter().map(|parameter| &parameter.name);
        if let Some(twice) = named
            .into_iter()
            .find(|name| !names.insert(*name) || self.is_flag(name))
        {
            return Err(SweepError::Twice(twice.clone()));
        }
        let settings = match self.samples {
            None => grid(&self.parameters)?,
            Some(samples) => self.drawn(samples)?,
        };
        Ok(Member::all(settings))
    }

    /// Whether the flags say a setting that is a parameter too.
    fn is_flag(&self, name: &str) -> bool {
        let named = |word: &String| {
            let flag = word.strip_prefix("--")?;
            Some(flag.split('=').next().unwrap_or(flag).replace('-', "_"))
        };
        self.flags.iter().filter_map(named).any(|flag| flag == name)
    }

    /// So many different settings at random, each with every seed: repeats are not searched among.
    fn drawn(&self, samples: usize) -> Result<Vec<Settings>, SweepError> {
        let (seeds, others): (Vec<Parameter>, Vec<Parameter>) = self
            .parameters
            .iter()
            .cloned()
            .partition(|parameter| parameter.name == SEED);
        let mut stream = Seed(self.sample_seed).stream(Purpose::Sweep);
        let (mut seen, mut drawn) = (BTreeSet::new(), Vec::new());
        for _ in 0..samples.min(MOST + 1) * DRAWS {
            if drawn.len() == samples || drawn.len() > MOST {
                break;
            }
            let settings = draw(&others, &mut stream);
            if seen.insert(settings.clone()) {
                drawn.push(settings);
            }
        }
        if drawn.len() < samples && drawn.len() <= MOST {
            return Err(SweepError::TooFew {
                wanted: samples,
                found: drawn.len(),
            });
        }
        let mut members = Vec::new();
        for settings in drawn {
            for seed in grid(&seeds)? {
                members.push([settings.clone(), seed].concat());
            }
        }
        if members.len() > MOST {
            Err(SweepError::TooMany(MOST))
        } else {
            Ok(members)
        }
    }
}

/// A member's parameters with their values.
type Settings = Vec<(String, String)>;

fn draw(parameters: &[Parameter], stream: &mut Stream) -> Settings {
    parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.values.draw(stream)))
        .collect()
}

/// All combinations, the last parameter changing fastest.
fn grid(parameters: &[Parameter]) -> Result<Vec<Settings>, SweepError> {
    let mut all: Vec<Settings> = vec![Vec::new()];
    for Parameter { name, values } in parameters {
        let Values::List(values) = values else {
            let reason = format!(
                "{values} is a range of numbers, and a grid has no end there (hint: --random 20)"
            );
            return Err(SweepError::Values {
                name: name.clone(),
                reason,
            });
        };
        if all.len() * values.len() > MOST {
            return Err(SweepError::TooMany(MOST));
        }
        let with = |settings: &Settings, value: &String| {
            [settings.clone(), vec![(name.clone(), value.clone())]].concat()
        };
        all = all
            .iter()
            .flat_map(|settings| values.iter().map(move |value| with(settings, value)))
            .collect();
    }
    Ok(all)
}

/// Flags as one line of a shell, or as a list of words.
fn flags(written: &Value) -> Result<Vec<String>, String> {
    let hint = "(hint: `flags: --model 2nn --comm_round 20`, or a list of words)";
    match written {
        Value::Null => Ok(Vec::new()),
        Value::String(line) => {
            shlex::split(line).ok_or(format!("flags: a quotation mark is open {hint}"))
        }
        Value::Sequence(words) => Ok(words.iter().map(word).collect()),
        _ => Err(format!("flags are no words {hint}")),
    }
}

/// The line of a shell that flags are read back from.
fn line(flags: &[String]) -> Result<String, String> {
    shlex::try_join(flags.iter().map(String::as_str)).map_err(|error| format!("flags: {error}"))
}

fn in_file(path: &Path, reason: impl ToString) -> SweepError {
    SweepError::File {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(words: &str) -> Spec {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        Spec {
            parameters: Parameter::of_words(&words).expect("sound"),
            ..Spec::default()
        }
    }

    fn names(spec: &Spec) -> Vec<String> {
        spec.members()
            .expect("members")
            .into_iter()
            .map(|member| member.name)
            .collect()
    }

    #[test]
    fn a_grid_has_every_combination_once_the_last_changing_fastest() {
        let wanted = [
            "lr=0.1,seed=0",
            "lr=0.1,seed=1",
            "lr=1,seed=0",
            "lr=1,seed=1",
        ];
        assert_eq!(names(&spec("lr 0.1,1 seed 0..1")), wanted);
        let refused = |words: &str| spec(words).members().expect_err(words).to_string();
        assert!(refused("seed 0..9999 lr 0.1,1").contains("more than 10000 members"));
        assert!(refused("seed 0..99999").contains("more than 10000 members"));
        assert!(refused("lr 0.1,1 lr 2").contains("`lr` is said twice"));
        assert!(refused("lr 0.1..0.2").contains("--random 20"));
        let flagged = Spec {
            flags: vec!["--lr=1".to_owned()],
            ..spec("lr 0.1,1")
        };
        assert!(
            flagged
                .members()
                .expect_err("twice")
                .to_string()
                .contains("`lr` is said twice")
        );
        assert!(matches!(Spec::default().members(), Err(SweepError::Nothing)));
    }

    #[test]
    fn random_settings_are_different_the_same_each_time_and_repeated_over_all_seeds() {
        let drawn = |seed: u64| {
            let some = Spec {
                samples: Some(3),
                sample_seed: seed,
                ..spec("lr 0.1,1,10 seed 0..1 epochs 1,2")
            };
            names(&some)
        };
        let first = drawn(0);
        assert_eq!(first, drawn(0));
        assert_ne!(first, drawn(1));
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 6);
        assert!(first[0].ends_with("seed=0") && first[1] == first[0].replace("seed=0", "seed=1"));
        let all = Spec {
            samples: Some(6),
            ..spec("lr 0.1,1,10 epochs 1,2")
        };
        assert_eq!(names(&all).len(), 6);
        let more = Spec {
            samples: Some(7),
            ..all
        };
        assert!(
            more.members()
                .expect_err("six")
                .to_string()
                .contains("7 different settings are wanted, and 6")
        );
    }

    #[test]
    fn files_say_what_the_command_line_says() {
        let text =
            "parameters:\n  lr: [0.01, 0.1]\n  seed: 0..1\nflags: --model 2nn --comm_round 3\n";
        let read = Spec::parse(text).expect("sound");
        assert_eq!(read.parameters, spec("lr 0.01,0.1 seed 0,1").parameters);
        assert_eq!(read.flags, ["--model", "2nn", "--comm_round", "3"]);
        let random = "parameters: {lr: 'log:1e-4..1.0'}\nmethod: random\nsamples: 4\nflags: [--epochs, 2, 'a b', '3']\nmetric: loss\n";
        let random = Spec::parse(random).expect("sound");
        for spec in [read, random] {
            assert_eq!(Spec::parse(&spec.text().expect("plain")).expect("own output"), spec);
        }
        for (text, reason) in [
            ("parameters: {lr: [1]}\nsample: 3\n", "unknown field `sample`"),
            ("parameters: {lr: [1]}\nsamples: 3\n", "method: random"),
            ("parameters: {lr: [1]}\nmethod: random\n", "samples: 20"),
            ("parameters: {lr: [1]}\nflags: {a: b}\n", "flags are no words"),
            ("parameters: {lrr: [1]}\n", "no setting that a sweep can change"),
        ] {
            let refused = Spec::parse(text).expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn a_folder_takes_no_other_sweep() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a");
        let first = spec("lr 0.1,1");
        first.claim(&folder).expect("free");
        first.claim(&folder).expect("its own");
        assert_eq!(Spec::read(&folder).expect("there"), Some(first.clone()));
        let compared = Spec {
            metric: Some("loss".to_owned()),
            ..first.clone()
        };
        compared.claim(&folder).expect("the same members");
        let other = spec("lr 0.1,2")
            .claim(&folder)
            .expect_err("another")
            .to_string();
        assert!(other.contains("its parameters are `lr 0.1,1`, not `lr 0.1,2`"), "{other}");
        let longer = Spec {
            flags: vec!["--epochs".to_owned(), "2".to_owned()],
            ..first
        };
        assert!(
            longer
                .claim(&folder)
                .expect_err("flags")
                .to_string()
                .contains("its flags are ``, not `--epochs 2`")
        );
    }
}
