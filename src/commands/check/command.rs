//! The command that trains what was checked.

use crate::launch::pasteable;
use std::ffi::{OsStr, OsString};

/// What `check` alone understands.
const OWN: [&str; 2] = ["np", "partition_report"];
/// The same, without a value.
const SWITCH: &str = "full";

/// The training's command as a shell takes it, of the words that came after `check`.
pub(super) fn of(ranks: usize, checked: impl Iterator<Item = OsString>) -> String {
    let mut flags = Vec::new();
    let mut words = checked;
    while let Some(word) = words.next() {
        match own(&word) {
            // Its value is the next word.
            Some(false) => _ = words.next(),
            Some(true) => {}
            None => flags.push(word),
        }
    }
    let ranks = ranks.to_string();
    let start = match ranks.as_str() {
        "1" => vec!["fedmpi"],
        many => vec!["mpirun", "-np", many, "fedmpi"],
    };
    pasteable(start.into_iter().map(OsString::from).chain(flags))
}

/// Whether a flag of `check` itself has its value with it; nothing for other words.
fn own(word: &OsStr) -> Option<bool> {
    let word = word.to_str()?;
    let name = word
        .split('=')
        .next()?
        .strip_prefix('-')?
        .trim_start_matches('-')
        .replace('-', "_");
    if name == SWITCH {
        return Some(true);
    }
    OWN.contains(&name.as_str()).then(|| word.contains('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_training_has_all_flags_but_those_of_the_check() {
        let command = |line: &str| of(5, line.split(' ').map(OsString::from));
        assert_eq!(command("--np 5 --lr 0.1"), "mpirun -np 5 fedmpi --lr 0.1");
        assert_eq!(command("--full --lr 0.1"), "mpirun -np 5 fedmpi --lr 0.1");
        let alone = of(1, ["--workers", "4"].map(OsString::from).into_iter());
        assert_eq!(alone, "fedmpi --workers 4");
        let quoted = "mpirun -np 5 fedmpi --update 'clip;topk' --dataset mnist";
        assert_eq!(
            command("-np 5 --update clip;topk --partition-report=x --dataset mnist"),
            quoted
        );
    }
}
