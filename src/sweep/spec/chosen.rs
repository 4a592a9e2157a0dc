//! Which members a sweep has: every combination of its values, or some that are drawn.

use super::Spec;
use crate::seed::{Purpose, Seed, Stream};
use crate::sweep::parameter::{Parameter, Values};
use crate::sweep::{Member, SEED, SweepError};
use std::collections::BTreeSet;

/// Members of one sweep.
const MOST: usize = 10_000;
/// Draws for each setting that is wanted, until those that are new come too rarely.
const DRAWS: usize = 1000;

/// A member's parameters with their values.
type Settings = Vec<(String, String)>;

impl Spec {
    /// Every member, in order.
    ///
    /// # Errors
    /// No parameters, or the same twice; too many members; fewer settings than samples.
    pub fn members(&self) -> Result<Vec<Member>, SweepError> {
        if self.parameters.is_empty() {
            return Err(SweepError::Nothing);
        }
        let mut names = BTreeSet::new();
        for Parameter { name, .. } in &self.parameters {
            if !names.insert(name) || self.is_flag(name) {
                return Err(SweepError::Twice(name.clone()));
            }
        }
        let settings = match self.samples {
            None => grid(&self.parameters)?,
            Some(samples) => self.drawn(samples)?,
        };
        Ok(Member::all(settings))
    }

    /// Whether the flags say a setting that is a parameter too.
    fn is_flag(&self, name: &str) -> bool {
        self.flags
            .iter()
            .any(|word| setting_of(word).is_some_and(|setting| setting == name))
    }

    /// So many different settings at random, each with every seed: repeats are not searched among.
    fn drawn(&self, samples: usize) -> Result<Vec<Settings>, SweepError> {
        let (seeds, others): (Vec<Parameter>, Vec<Parameter>) = self
            .parameters
            .iter()
            .cloned()
            .partition(|parameter| parameter.name == SEED);
        let mut stream = Seed(self.sample_seed).stream(Purpose::Sweep);
        let mut members = Vec::new();
        for settings in different(&others, samples, &mut stream)? {
            for seed in grid(&seeds)? {
                members.push([settings.clone(), seed].concat());
            }
        }
        if members.len() > MOST {
            return Err(SweepError::TooMany(MOST));
        }
        Ok(members)
    }
}

/// The setting that a flag says, without its value; none of other words.
fn setting_of(word: &str) -> Option<String> {
    let flag = word.strip_prefix("--")?;
    Some(flag.split('=').next().unwrap_or(flag).replace('-', "_"))
}

/// So many settings that differ, but no more than one that is too many.
fn different(
    parameters: &[Parameter],
    samples: usize,
    stream: &mut Stream,
) -> Result<Vec<Settings>, SweepError> {
    let wanted = samples.min(MOST + 1);
    let (mut seen, mut drawn) = (BTreeSet::new(), Vec::new());
    for _ in 0..wanted * DRAWS {
        if drawn.len() == wanted {
            break;
        }
        let settings = draw(parameters, stream);
        if seen.insert(settings.clone()) {
            drawn.push(settings);
        }
    }
    if drawn.len() < wanted {
        return Err(SweepError::TooFew {
            wanted: samples,
            found: drawn.len(),
        });
    }
    Ok(drawn)
}

/// A value of each parameter.
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
        let mut longer = Vec::new();
        for settings in &all {
            for value in values {
                let one = vec![(name.clone(), value.clone())];
                longer.push([settings.clone(), one].concat());
            }
        }
        all = longer;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;

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
}
