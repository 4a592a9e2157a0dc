//! Looks on while rounds are trained again, and compares.

use super::evidence::{Evidence, Stretch};
use crate::commands::tell;
use crate::event::{Event, RecordError, Recorder, RoundDone};
use crate::metrics::Metrics;
use crate::record::checkpoint::KEPT_FILE;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};
use tempfile::TempDir;

/// What came of a round that was trained again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// Which, from 1.
    pub(super) round: u32,
    /// After how many rounds the training began; 0: at the initial model.
    pub(super) from: u32,
    /// Hash of its model on record; none when the round is on no record.
    pub(super) recorded: Option<String>,
    /// Hash of its model now.
    pub(super) found: String,
    /// Whether model and metrics are those on record.
    pub(super) same: bool,
    /// Metrics on record and now, by name, where they differ.
    pub(super) metrics: BTreeMap<String, [f64; 2]>,
}

impl Finding {
    fn of(done: &RoundDone, recorded: Option<&RoundDone>, from: u32) -> Finding {
        let then = recorded.and_then(|recorded| recorded.test.as_ref());
        let metrics = differing(then, done.test.as_ref());
        let hash = recorded.map(|recorded| recorded.model_hash.clone());
        let same = hash.as_ref() == Some(&done.model_hash) && metrics.is_empty();
        let (round, found) = (done.round.0 + 1, done.model_hash.clone());
        Finding {
            round,
            from,
            recorded: hash,
            found,
            same,
            metrics,
        }
    }

    /// One line.
    pub(super) fn text(&self) -> String {
        let Finding { round, found, .. } = self;
        let metric = self.metrics.iter().next();
        match (&self.recorded, metric) {
            (None, _) => format!("round {round}: {found}, but it is on no record"),
            (Some(recorded), _) if recorded != found => {
                format!("round {round}: {found}, but recorded is {recorded}")
            }
            (_, Some((name, [then, now]))) => {
                format!("round {round}: {found}, but {name} is {now}, recorded is {then}")
            }
            _ => format!("round {round}: {found}, as recorded"),
        }
    }
}

/// Metrics that both know and that are not the same, to the bit.
fn differing(then: Option<&Metrics>, now: Option<&Metrics>) -> BTreeMap<String, [f64; 2]> {
    let (Some(then), Some(now)) = (then, now) else { return BTreeMap::new() };
    let mut differing = BTreeMap::new();
    for (name, now) in now.shown() {
        if let Some(then) = then.value(name)
            && then.to_bits() != now.to_bits()
        {
            differing.insert(name.to_owned(), [then, now]);
        }
    }
    differing
}

/// Compares every round with the record of it, and says so as it comes.
pub(super) struct Witness<'a> {
    recorded: &'a BTreeMap<u32, RoundDone>,
    from: u32,
    // A copy of what clients keep, which training goes on with.
    kept: TempDir,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Witness<'a> {
    /// Nothing is found yet.
    ///
    /// # Errors
    /// What clients keep cannot be copied.
    pub(super) fn new(
        evidence: &'a Evidence,
        stretch: Stretch,
    ) -> Result<Witness<'a>, RecordError> {
        let own = evidence.folder.join(KEPT_FILE);
        let begins = stretch.from == 0;
        let kept = copied(&own, begins).map_err(|error| RecordError::Unread {
            path: own.display().to_string(),
            reason: format!("it cannot be copied: {error}"),
        })?;
        Ok(Witness {
            recorded: &evidence.recorded,
            from: stretch.from,
            kept,
            findings: Vec::new(),
        })
    }
}

/// A folder with a copy of what clients keep, if they keep anything after the beginning.
fn copied(kept: &Path, begins: bool) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    if !begins && kept.is_file() {
        fs::copy(kept, folder.path().join(KEPT_FILE))?;
    }
    Ok(folder)
}

impl Recorder for Witness<'_> {
    fn record(&mut self, event: &Event, _: &[f32]) -> Result<(), RecordError> {
        let Event::RoundDone(done) = event else { return Ok(()) };
        let finding = Finding::of(done, self.recorded.get(&(done.round.0 + 1)), self.from);
        tell(finding.text());
        self.findings.push(finding);
        Ok(())
    }

    fn keeps_at(&self) -> Option<PathBuf> {
        Some(self.kept.path().join(KEPT_FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Round;

    #[test]
    fn a_round_is_the_recorded_one_by_its_model_and_its_metrics() {
        let done = |hash: &str, accuracy: Option<f64>| RoundDone {
            round: Round(2),
            model_hash: hash.to_owned(),
            test: accuracy.map(|accuracy| Metrics::default().with("accuracy", accuracy, 1)),
            ..RoundDone::default()
        };
        let text = |now: &RoundDone, then: Option<&RoundDone>| Finding::of(now, then, 0).text();
        assert_eq!(
            text(&done("a", Some(0.5)), Some(&done("a", Some(0.5)))),
            "round 3: a, as recorded"
        );
        // Not evaluated then.
        assert!(Finding::of(&done("a", Some(0.5)), Some(&done("a", None)), 0).same);
        assert_eq!(text(&done("a", None), Some(&done("b", None))), "round 3: a, but recorded is b");
        let embellished = Finding::of(&done("a", Some(0.5)), Some(&done("a", Some(0.75))), 0);
        assert_eq!(embellished.text(), "round 3: a, but accuracy is 0.5, recorded is 0.75");
        assert!(!embellished.same);
        assert_eq!(text(&done("a", None), None), "round 3: a, but it is on no record");
    }
}
