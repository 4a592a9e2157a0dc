//! What became of one member, by what lies in its folder.

use crate::config::RUN_CONFIG;
use crate::event::Standing;
use crate::files;
use crate::record::{Summary, checkpoint, checkpoints, reason, standing};
use std::collections::BTreeMap;
use std::path::Path;

/// What a member's launcher and ranks say, in its folder.
pub const OUTPUT: &str = "output.log";

/// How a member stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How; none when it has not been tried.
    pub standing: Option<Standing>,
    /// Why it ended, if it says so.
    pub reason: String,
    /// Whether another attempt would end alike.
    pub settled: bool,
    /// Whether its folder holds a run.
    pub begun: bool,
    /// Whether it can go on from a checkpoint.
    pub saved: bool,
    /// Rounds done.
    pub rounds: u32,
    /// Seconds of all rounds.
    pub seconds: f64,
    /// Metrics of the last evaluation by name.
    pub metrics: BTreeMap<String, f64>,
    /// The one that says most.
    pub lead: &'static str,
    /// The final model's hash.
    pub model_hash: String,
}

impl Outcome {
    /// Looks at a member's folder.
    pub fn of(folder: &Path) -> Outcome {
        if !files::is_there(&folder.join(RUN_CONFIG)) {
            return Outcome::before_its_run(folder);
        }
        // A summary that cannot be read tells nothing.
        let summary = Summary::read(folder).ok().flatten();
        let standing = standing(folder, summary.as_ref());
        let reason = reason(folder, standing, summary.as_ref());
        let summary = summary.unwrap_or_default();
        let (lead, value) = summary.lead();
        let mut metrics = summary.final_test;
        if summary.rounds > 0 {
            metrics.entry(lead.to_owned()).or_insert(value);
        }
        Outcome {
            standing: Some(standing),
            reason,
            settled: summary.settled,
            begun: true,
            saved: checkpoint::newest_file(&checkpoints(folder)).is_some(),
            rounds: summary.rounds,
            seconds: summary.total_seconds,
            metrics,
            lead,
            model_hash: summary.model_hash,
        }
    }

    /// One that never came to have a run: it was refused, or never tried.
    fn before_its_run(folder: &Path) -> Outcome {
        let Ok(said) = files::text(&folder.join(OUTPUT)) else {
            return Outcome::default();
        };
        match last_error(&said) {
            Some(reason) => Outcome {
                standing: Some(Standing::Failed),
                reason,
                ..Outcome::default()
            },
            None => Outcome {
                standing: Some(Standing::Killed),
                ..Outcome::default()
            },
        }
    }

    /// Whether it has come to its end, so that its figures count.
    pub fn is_finished(&self) -> bool {
        self.standing == Some(Standing::Finished)
    }

    /// Whether nothing is left to be done.
    pub fn is_over(&self) -> bool {
        self.is_finished() || (self.standing == Some(Standing::Failed) && self.settled)
    }

    /// In a word or two, and why if there is a reason.
    pub fn words(&self) -> String {
        let mut words = match self.standing {
            Some(standing) => standing.to_string(),
            None => "not begun".to_owned(),
        };
        if self.rounds > 0 {
            words += &format!(" after round {}", self.rounds);
        }
        if !self.reason.is_empty() {
            words += &format!(": {}", self.reason);
        }
        words
    }
}

/// The last line that is an error, without what stands before it.
fn last_error(said: &str) -> Option<String> {
    let last = said.lines().rev().find_map(error_of)?;
    Some(last.to_owned())
}

/// What a line says after `error: `, or a rank's line of the log.
fn error_of(line: &str) -> Option<&str> {
    if let Some((_, reason)) = line.rsplit_once("error: ") {
        return Some(reason.trim());
    }
    let (_, said) = line.split_once(" ERROR ")?;
    let named = said.trim().strip_prefix("rank ");
    match named.and_then(|said| said.split_once(": ")) {
        Some((_, reason)) => Some(reason),
        None => Some(said.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn members_without_a_run_say_why_by_their_last_error() {
        let parent = tempfile::tempdir().expect("a folder");
        assert_eq!(Outcome::of(&parent.path().join("none")).standing, None);
        for (said, reason) in [
            (
                "mpirun -np 2\nerror: no file a\nerror: cannot read ./data (hint: x)\nboilerplate\n",
                "cannot read ./data (hint: x)",
            ),
            ("2026-01-01 ERROR rank 0 on a: cannot read b: no\n", "cannot read b: no"),
        ] {
            fs::write(parent.path().join(OUTPUT), said).expect("writable");
            let outcome = Outcome::of(parent.path());
            assert_eq!((outcome.standing, outcome.begun), (Some(Standing::Failed), false));
            assert_eq!(outcome.reason, reason);
            assert!(!outcome.is_over());
        }
        fs::write(parent.path().join(OUTPUT), "mpirun -np 2\n").expect("writable");
        assert_eq!(Outcome::of(parent.path()).standing, Some(Standing::Killed));
    }

    #[test]
    fn figures_are_the_summarys() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writable");
        write(RUN_CONFIG, "lr: 1\n");
        assert_eq!(Outcome::of(folder.path()).standing, Some(Standing::Killed));
        write(
            "summary.json",
            r#"{"rounds": 3, "final_test": {"loss": 0.5}, "final_test_loss": 0.5}"#,
        );
        let outcome = Outcome::of(folder.path());
        assert!(outcome.is_finished() && outcome.is_over());
        assert_eq!((outcome.rounds, outcome.lead, outcome.metrics["loss"]), (3, "loss", 0.5));
        write(
            "summary.json",
            r#"{"state": "failed", "reason": "NaN", "settled": true, "rounds": 1}"#,
        );
        let failed = Outcome::of(folder.path());
        assert!(failed.is_over() && !failed.is_finished());
        assert_eq!(failed.words(), "failed after round 1: NaN");
    }
}
