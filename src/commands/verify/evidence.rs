//! What a run left behind: rounds with the hashes of their models, and checkpoints to begin at.

use crate::cli::Rounds;
use crate::config::Mode;
use crate::engine::EngineError;
use crate::event::{RecordError, RoundDone, State};
use crate::plan::{OTHER_DATA, Plan};
use crate::record::checkpoint::{self, CheckpointError, Saved};
use crate::record::{History, Summary, checkpoints};
use crate::schedule::Clock;
use crate::weights;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a run's folder says of it.
pub(super) struct Evidence {
    pub(super) folder: PathBuf,
    pub(super) summary: Summary,
    /// Rounds by their number, from 1.
    pub(super) recorded: BTreeMap<u32, RoundDone>,
    /// Those that are asked for.
    pub(super) asked: BTreeSet<u32>,
    /// What is trained again.
    pub(super) stretches: Vec<Stretch>,
    /// What is wrong already.
    pub(super) faults: Vec<String>,
}

/// Rounds that are trained one after another: after `from` of them are done, until `to` are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Evidence {
    /// Reads a run's folder, and plans what is trained again.
    ///
    /// # Errors
    /// Records that cannot be read; a run of another plan or other data, or one that cannot be
    /// repeated; rounds that are on no record.
    pub(super) fn read(folder: &Path, rounds: &Rounds, plan: &Plan) -> Result<Evidence> {
        let summary = Summary::read(folder)?.unwrap_or_default();
        let history = History::read(folder)?;
        let timed = plan.mode() == Mode::Async && plan.clock() == Clock::Real;
        ensure!(
            !timed,
            "updates arrived by the real clock, which never comes again \
             (hint: --clock virtual can be)"
        );
        check_plan(folder, &summary, plan)?;
        let recorded: BTreeMap<u32, RoundDone> = history
            .rounds
            .into_iter()
            .map(|done| (done.round.0 + 1, done))
            .collect();
        let asked = asked(rounds, &recorded).with_context(|| folder.display().to_string())?;
        let mut evidence = Evidence {
            folder: folder.to_owned(),
            summary,
            faults: gaps(&recorded),
            recorded,
            asked,
            stretches: Vec::new(),
        };
        evidence.plan_stretches(plan);
        Ok(evidence)
    }

    fn plan_stretches(&mut self, plan: &Plan) {
        let kept = checkpoint::by_rounds(&checkpoints(&self.folder));
        let rounds: Vec<u32> = kept.keys().copied().collect();
        let mut faults = Vec::new();
        self.stretches = stretches(&self.asked, &rounds, |done| {
            let (is_usable, found) = self.try_out(done, &kept[&done], plan);
            faults.extend(found);
            is_usable
        });
        self.faults.append(&mut faults);
    }

    /// Whether a stretch can begin at a checkpoint, and what is wrong with it.
    fn try_out(&self, done: u32, path: &Path, plan: &Plan) -> (bool, Option<String>) {
        match checkpoint::read(path, plan) {
            // To go on would overwrite what lies at the clients' homes.
            Ok(saved) => (saved.state.kept_in.is_none(), self.other_model(done, &saved, plan)),
            Err(fault) => (false, Some(described(&fault))),
        }
    }

    /// What is wrong with the model of a checkpoint.
    fn other_model(&self, done: u32, saved: &Saved, plan: &Plan) -> Option<String> {
        let found = weights::hash(&saved.weights);
        let recorded = &self.recorded.get(&done)?.model_hash;
        // A run that falls back goes on from an earlier model.
        if found == *recorded || plan.config.fall_back {
            return None;
        }
        Some(format!(
            "the checkpoint after round {done} holds the model {found}, recorded is {recorded}"
        ))
    }

    /// Where a stretch begins; none at the initial model.
    ///
    /// # Errors
    /// A checkpoint that was there before and is not any more.
    pub(super) fn saved(
        &self,
        plan: &Plan,
        stretch: Stretch,
    ) -> Result<Option<(State, Vec<f32>)>, EngineError> {
        if stretch.from == 0 {
            return Ok(None);
        }
        let mut kept = checkpoint::by_rounds(&checkpoints(&self.folder));
        let path = kept.remove(&stretch.from).unwrap_or_default();
        let saved = checkpoint::read(&path, plan).map_err(|fault| RecordError::Unread {
            path: path.display().to_string(),
            reason: described(&fault),
        })?;
        // What is on record already is not looked at again.
        let state = State {
            open: None,
            ..saved.state
        };
        Ok(Some((state, saved.weights)))
    }
}

/// A fault without advice for those who resume.
fn described(fault: &CheckpointError) -> String {
    match fault {
        CheckpointError::Damaged { path, reason, .. } => {
            format!("{} is damaged: {reason}", path.display())
        }
        other => other.to_string(),
    }
}

/// The plan is the run's, as far as the result goes.
fn check_plan(folder: &Path, summary: &Summary, plan: &Plan) -> Result<()> {
    if summary.plan_digest == plan.digest() {
        return Ok(());
    }
    let newest = checkpoint::newest_file(&checkpoints(folder));
    let (data, then) = (plan.data_digest(), &summary.data_digest);
    let is_other_data = !then.is_empty() && *then != data;
    let differs = match newest.map(|path| checkpoint::read(&path, plan)) {
        // Only what does not touch the result differs.
        Some(Ok(_)) => return Ok(()),
        Some(Err(CheckpointError::OtherPlan { differs, .. })) => differs,
        _ if is_other_data => OTHER_DATA.to_owned(),
        _ => "other settings, or another version of the program".to_owned(),
    };
    let digests = if is_other_data {
        format!(" (data {data}, recorded is {then})")
    } else {
        String::new()
    };
    bail!(
        "{} cannot be verified: {differs}{digests} (hint: the settings of its config.yaml as they \
         are, and its data; `fedmpi verify RUN -- --data_dir FOLDER` says where that is)",
        folder.display()
    )
}

/// The rounds that are asked for, all of which are on record.
fn asked(rounds: &Rounds, recorded: &BTreeMap<u32, RoundDone>) -> Result<BTreeSet<u32>> {
    let Some((&last, _)) = recorded.last_key_value() else {
        bail!("no round of the run is on record yet")
    };
    match rounds {
        Rounds::Last => Ok([last].into()),
        Rounds::All => Ok(recorded.keys().copied().collect()),
        Rounds::These(rounds) => {
            if let Some(round) = rounds.iter().find(|round| !recorded.contains_key(round)) {
                bail!("round {round} is on no record (hint: --rounds, from 1 to {last})")
            }
            Ok(rounds.iter().copied().collect())
        }
    }
}

/// What the journal lacks before its end.
fn gaps(recorded: &BTreeMap<u32, RoundDone>) -> Vec<String> {
    let last = recorded.keys().next_back().copied().unwrap_or(0);
    let missing = (1..last).filter(|round| !recorded.contains_key(round));
    missing
        .map(|round| format!("round {round} is on no record: the journal is damaged"))
        .collect()
}

/// What must be trained so that all asked rounds are: each begins at the nearest checkpoint that
/// can be used, unless it is on the way from the one before. `kept` says after which rounds there
/// are checkpoints.
fn stretches(
    asked: &BTreeSet<u32>,
    kept: &[u32],
    mut is_usable: impl FnMut(u32) -> bool,
) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for &round in asked {
        let reached = stretches.last().map_or(0, |stretch| stretch.to);
        let mut nearer = kept
            .iter()
            .rev()
            .copied()
            .filter(|done| (reached + 1..round).contains(done));
        match (nearer.find(|&done| is_usable(done)), stretches.last_mut()) {
            (None, Some(stretch)) => stretch.to = round,
            (from, _) => stretches.push(Stretch {
                from: from.unwrap_or(0),
                to: round,
            }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(rounds: &[u32]) -> BTreeMap<u32, RoundDone> {
        rounds
            .iter()
            .map(|round| (*round, RoundDone::default()))
            .collect()
    }

    #[test]
    fn each_round_begins_at_the_nearest_checkpoint_unless_it_is_on_the_way() {
        let planned = |asked: &[u32], kept: &[u32], damaged: u32| {
            let found = stretches(&asked.iter().copied().collect(), kept, |done| done != damaged);
            found
                .into_iter()
                .map(|stretch| (stretch.from, stretch.to))
                .collect::<Vec<_>>()
        };
        assert_eq!(planned(&[10], &[9, 10], 0), [(9, 10)]);
        assert_eq!(planned(&[10], &[10], 0), [(0, 10)]);
        assert_eq!(planned(&[10], &[5, 9], 9), [(5, 10)]);
        assert_eq!(planned(&[3, 17], &[2, 10, 16], 0), [(2, 3), (16, 17)]);
        assert_eq!(planned(&[3, 4, 5], &[2], 0), [(2, 5)]);
        assert_eq!(planned(&[1, 2, 3], &[1, 2], 0), [(0, 3)]);
        assert_eq!(planned(&[1, 9], &[], 0), [(0, 9)]);
    }

    #[test]
    fn rounds_must_be_on_record() {
        let known = recorded(&[1, 2, 4]);
        assert_eq!(asked(&Rounds::Last, &known).expect("there"), [4].into());
        assert_eq!(asked(&Rounds::All, &known).expect("there"), [1, 2, 4].into());
        let refused = asked(&Rounds::These(vec![2, 3]), &known)
            .expect_err("missing")
            .to_string();
        assert!(refused.contains("round 3 is on no record"), "{refused}");
        assert!(asked(&Rounds::Last, &recorded(&[])).is_err());
        assert_eq!(gaps(&known), ["round 3 is on no record: the journal is damaged"]);
    }
}
