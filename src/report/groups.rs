//! What differs between runs, and which of them are one experiment with several seeds.

use super::reported::Reported;
use std::collections::{BTreeMap, BTreeSet};

/// What does not touch the result.
const IDLE: &[&str] = &[
    "checkpoint_every",
    "data_dir",
    "gpu_mapping_file",
    "gpu_mapping_key",
    "gpu_util_parse",
    "json",
    "keep_checkpoints",
    "out_dir",
    "progress",
    "quiet",
    "record",
    "round_timeout",
    "verbose",
];
/// What the words for a run's method say already.
const OF_METHOD: &[&str] = &[
    "aggregator",
    "algorithm",
    "client_num_per_round",
    "combine",
    "concurrency",
    "mode",
    "server_step",
];
const SEED: &str = "seed";
/// More settings than this make no name.
const IN_NAME: usize = 2;

/// Runs that differ in nothing but their seed; one run alone is a group too.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What it is called.
    pub name: String,
    /// Which runs, by place.
    pub members: Vec<usize>,
}

/// Settings in which runs differ, beside their method.
pub fn beside_method(runs: &[Reported]) -> Vec<String> {
    differing(runs)
        .into_iter()
        .filter(|name| !OF_METHOD.contains(&name.as_str()))
        .collect()
}

/// Settings in which runs differ.
pub fn differing(runs: &[Reported]) -> Vec<String> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.settings.keys()).collect();
    let shown = names
        .into_iter()
        .filter(|name| !IDLE.contains(&name.as_str()));
    shown.filter(|name| differs(runs, name)).cloned().collect()
}

fn differs(runs: &[Reported], name: &str) -> bool {
    runs.iter()
        .any(|run| run.settings.get(name) != runs[0].settings.get(name))
}

/// Every run for itself.
pub fn alone(runs: &[Reported]) -> Vec<Group> {
    (0..runs.len())
        .map(|place| Group::of_one(runs, place))
        .collect()
}

impl Group {
    /// A run for itself.
    fn of_one(runs: &[Reported], place: usize) -> Group {
        Group {
            name: runs[place].name.clone(),
            members: vec![place],
        }
    }
}

/// Runs that differ only in their seed belong together, in the order of the first of them. Runs
/// that failed or were killed stand for themselves: what they have is no sample of what the others
/// reach.
pub fn by_seed(runs: &[Reported]) -> Vec<Group> {
    let differ: Vec<String> = differing(runs)
        .into_iter()
        .filter(|name| name != SEED)
        .collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut known: BTreeMap<Vec<Option<&String>>, usize> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        let key: Vec<Option<&String>> = differ.iter().map(|name| run.settings.get(name)).collect();
        match known.get(&key) {
            Some(&group) if !run.is_broken() => groups[group].members.push(place),
            _ => {
                if !run.is_broken() {
                    known.insert(key, groups.len());
                }
                groups.push(Group::of_one(runs, place));
            }
        }
    }
    for group in groups.iter_mut().filter(|group| group.members.len() > 1) {
        group.name = name(&runs[group.members[0]], &differ, group.members.len());
    }
    groups
}

/// What sets the runs of a group apart from the others, if that is little, or the first of them;
/// and how many they are.
fn name(first: &Reported, differ: &[String], seeds: usize) -> String {
    let own = differ
        .iter()
        .filter_map(|name| Some(format!("{name} {}, ", first.settings.get(name)?)));
    match differ.len() {
        0..=IN_NAME => format!("{}{seeds} seeds", own.collect::<String>()),
        _ => format!("{}, {seeds} seeds", first.name),
    }
}

/// Mean and standard deviation (of a sample: divided by n - 1; 0 for one value) of values; none of
/// nothing.
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (count - 1.0).max(1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Standing;
    use crate::report::tests::reported;

    #[test]
    fn seeds_belong_together_and_broken_runs_stand_alone() {
        let run = |name: &str, lr: &str, seed: &str, standing| {
            let mut run = reported(name);
            run.run.standing = standing;
            run.settings = [("lr", lr), ("seed", seed), ("verbose", seed)]
                .map(|(a, b)| (a.into(), b.into()))
                .into();
            run
        };
        let done = Standing::Finished;
        let runs = [
            run("a", "1", "0", done),
            run("b", "2", "0", done),
            run("c", "1", "1", Standing::Failed),
            run("d", "1", "2", done),
        ];
        assert_eq!(differing(&runs), ["lr", "seed"]);
        let groups: Vec<(String, Vec<usize>)> = by_seed(&runs)
            .into_iter()
            .map(|group| (group.name, group.members))
            .collect();
        let wanted = [
            ("lr 1, 2 seeds", vec![0, 3]),
            ("b", vec![1]),
            ("c", vec![2]),
        ];
        assert_eq!(groups, wanted.map(|(name, members)| (name.to_owned(), members)));
        assert_eq!(alone(&runs).len(), 4);
    }

    #[test]
    fn deviation_is_that_of_a_sample() {
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), Some((2.0, 2f64.sqrt())));
        assert_eq!((mean_and_deviation(&[5.0]), mean_and_deviation(&[])), (Some((5.0, 0.0)), None));
    }
}
