//! A member of a sweep: one run, with its settings, its name and its folder.

use super::{Outcome, SEED};
use crate::event::Standing;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Letters of a folder's name that no file system refuses.
const LONGEST: usize = 200;

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// What its folder is called, such as `lr=0.01,seed=0`.
    pub name: String,
    /// Parameters and their values, in the order of the parameters.
    pub settings: Vec<(String, String)>,
}

/// How a member is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the start, in a new folder.
    New,
    /// From the start; what is in its folder goes.
    Again,
    /// From its newest checkpoint.
    On,
}

impl Member {
    /// Members with names that tell them apart.
    pub fn all(settings: Vec<Vec<(String, String)>>) -> Vec<Member> {
        let mut names = BTreeSet::new();
        let mut members = Vec::new();
        for settings in settings {
            let plain = name(&settings);
            let numbered = (2..).map(|number: usize| format!("{plain}-{number}"));
            let free = std::iter::once(plain.clone())
                .chain(numbered)
                .find(|name| names.insert(name.clone()));
            members.push(Member {
                name: free.unwrap_or(plain),
                settings,
            });
        }
        members
    }

    /// Where it is, in the sweep's folder.
    pub fn folder(&self, sweep: &Path) -> PathBuf {
        sweep.join(&self.name)
    }

    /// What it says beside the flags of the sweep.
    pub fn flags(&self) -> impl Iterator<Item = OsString> {
        self.settings
            .iter()
            .map(|(name, value)| format!("--{name}={value}").into())
    }

    /// Its settings but the seed: members that agree in them repeat each other.
    pub fn setting(&self) -> Vec<(String, String)> {
        self.settings
            .iter()
            .filter(|(name, _)| name != SEED)
            .cloned()
            .collect()
    }
}

impl Way {
    /// How a member that stands like this is trained; none when there is nothing to do. One that
    /// failed, and would again, is tried only if that is `wanted`.
    pub fn of(outcome: &Outcome, wanted: bool) -> Option<Way> {
        match outcome.standing {
            None => Some(Way::New),
            Some(Standing::Finished | Standing::Running) => None,
            Some(Standing::Failed) if outcome.settled => wanted.then_some(Way::Again),
            Some(_) if outcome.saved => Some(Way::On),
            Some(_) => Some(if outcome.begun { Way::Again } else { Way::New }),
        }
    }

    /// What the program is told of the folder.
    pub fn flags(self, folder: &Path) -> Vec<OsString> {
        let at = |flag: &str| vec![flag.into(), folder.into()];
        match self {
            Way::New => at("--out_dir"),
            Way::Again => [at("--out_dir"), vec!["--overwrite".into(), "true".into()]].concat(),
            Way::On => at("--resume"),
        }
    }
}

/// `lr=0.01,seed=0`, of signs that every file system and shell takes as they are.
fn name(settings: &[(String, String)]) -> String {
    let pairs: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let is_kept = |sign: char| sign.is_ascii_alphanumeric() || "=,._+-@".contains(sign);
    pairs
        .join(",")
        .chars()
        .take(LONGEST)
        .map(|sign| if is_kept(sign) { sign } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(values: &[&str]) -> Vec<String> {
        let settings = values
            .iter()
            .map(|value| vec![("model".to_owned(), (*value).to_owned())])
            .collect();
        Member::all(settings)
            .into_iter()
            .map(|member| member.name)
            .collect()
    }

    #[test]
    fn names_can_be_read_and_tell_members_apart() {
        assert_eq!(
            named(&["lr", "a/b", "a:b", "a b"]),
            ["model=lr", "model=a_b", "model=a_b-2", "model=a_b-3"]
        );
        let long = "x".repeat(300);
        assert_eq!(named(&[&long])[0].len(), LONGEST);
    }

    #[test]
    fn what_is_done_is_left_and_what_was_ended_goes_on() {
        let way = |standing, begun, saved, settled| {
            let outcome = Outcome {
                standing,
                begun,
                saved,
                settled,
                ..Outcome::default()
            };
            Way::of(&outcome, false)
        };
        assert_eq!(way(None, false, false, false), Some(Way::New));
        assert_eq!(way(Some(Standing::Finished), true, true, true), None);
        assert_eq!(way(Some(Standing::Running), true, true, false), None);
        assert_eq!(way(Some(Standing::Stopped), true, true, false), Some(Way::On));
        assert_eq!(way(Some(Standing::Killed), true, false, false), Some(Way::Again));
        assert_eq!(way(Some(Standing::Failed), true, true, false), Some(Way::On));
        assert_eq!(way(Some(Standing::Failed), true, true, true), None);
        // Refused before it had a folder.
        assert_eq!(way(Some(Standing::Failed), false, false, false), Some(Way::New));
        let settled = Outcome {
            standing: Some(Standing::Failed),
            settled: true,
            begun: true,
            ..Outcome::default()
        };
        assert_eq!(Way::of(&settled, true), Some(Way::Again));
    }
}
