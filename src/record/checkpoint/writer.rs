//! Writing checkpoints: as often as users say, or as rarely as their cost demands; the last few are
//! kept.

use super::names::{files, is_own_folder, name};
use crate::event::{Event, RecordError, Recorder};
use crate::files as door;
use crate::plan::Plan;
use crate::record::fault;
use crate::record::packed::{FORMAT, Facts, encode};
use crate::stop;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What clients keep, beside the checkpoints' folder.
pub const KEPT_FILE: &str = "kept.bin";
/// Without a fixed rhythm, writing takes at most one part in so many of the time.
const SPARING: u32 = 20;

/// Writes checkpoints.
pub struct Checkpoints {
    folder: PathBuf,
    plan: String,
    decisive: String,
    every: Option<u32>,
    keep: usize,
    last: Instant,
    cost: Duration,
    // Asked so many times.
    rounds: u32,
    // Rounds since the last one was written.
    unsaved: u32,
}

impl Checkpoints {
    /// Will write to `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(folder: PathBuf, plan: &Plan) -> Result<Checkpoints, RecordError> {
        match fs::create_dir(&folder) {
            Err(error) if !is_own_folder(&folder) => return Err(fault(&folder, error)),
            _ => {}
        }
        Ok(Checkpoints {
            folder,
            plan: plan.lasting_digest(),
            decisive: plan.lasting_text(),
            every: plan.checkpoint_every(),
            keep: plan.config.keep_checkpoints as usize,
            last: Instant::now(),
            cost: Duration::ZERO,
            rounds: 0,
            unsaved: 0,
        })
    }

    /// Removes all but the newest ones.
    fn thin_out(&self) -> Result<(), RecordError> {
        let files = files(&self.folder);
        let old = files.len().saturating_sub(self.keep);
        for file in &files[..old] {
            door::remove(file).map_err(|error| fault(file, error))?;
        }
        Ok(())
    }
}

impl Recorder for Checkpoints {
    fn wants_state(&mut self) -> bool {
        self.rounds += 1;
        self.unsaved += 1;
        if stop::save_wanted() {
            return true;
        }
        match self.every {
            Some(0) => false,
            Some(every) => self.rounds.is_multiple_of(every),
            None => self.last.elapsed() >= self.cost * SPARING,
        }
    }

    fn wants_last_state(&self) -> bool {
        self.unsaved > 0 && self.every != Some(0)
    }

    fn keeps_at(&self) -> Option<PathBuf> {
        Some(self.folder.parent()?.join(KEPT_FILE))
    }

    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        let Event::Saved(state) = event else { return Ok(()) };
        let began = Instant::now();
        let path = self.folder.join(name(state.rounds));
        let facts = Facts {
            format: FORMAT,
            plan: self.plan.clone(),
            decisive: self.decisive.clone(),
            state: state.clone(),
        };
        let bytes = encode(&facts, weights).map_err(|error| fault(&path, error))?;
        door::write_whole(&path, &bytes).map_err(|error| fault(&path, error))?;
        self.unsaved = 0;
        self.cost = began.elapsed();
        self.last = Instant::now();
        self.thin_out()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, state};
    use super::super::{CheckpointError, newest};
    use super::*;
    use crate::event::State;
    use crate::metrics::Metrics;

    #[test]
    fn the_last_ones_are_kept_and_come_back_exactly() {
        let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan());
        let mut checkpoints = Checkpoints::create(folder.path().join("c"), &plan).expect("made");
        for rounds in 1..6 {
            checkpoints
                .record(&Event::Saved(state(rounds)), &[rounds as f32, 0.1])
                .expect("written");
        }
        assert_eq!(files(&folder.path().join("c")).len(), 2);
        let saved = newest(&folder.path().join("c"), &plan).expect("whole");
        assert_eq!((saved.state, saved.weights), (state(5), vec![5.0, 0.1]));
        assert!(matches!(newest(folder.path(), &plan), Err(CheckpointError::None(_))));
    }

    #[test]
    fn losses_that_are_none_come_back() {
        let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan());
        let mut checkpoints = Checkpoints::create(folder.path().to_owned(), &plan).expect("made");
        let test = Some(Metrics::default().with("loss", f64::NAN, 3).with(
            "accuracy",
            f64::INFINITY,
            3,
        ));
        checkpoints
            .record(&Event::Saved(State { test, ..state(1) }), &[1.0])
            .expect("written");
        let test = newest(folder.path(), &plan)
            .expect("whole")
            .state
            .test
            .expect("evaluated");
        assert!(test.loss().is_nan() && test.accuracy() == f64::INFINITY);
    }
}
