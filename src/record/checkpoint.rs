//! Checkpoints: everything that the next round depends on, in a file that is whole or not there.
//! The last few are kept.

use super::fault;
use super::packed::{FORMAT, Facts, Unfit, encode, unpack};
use crate::event::{Event, RecordError, Recorder};
use crate::files;
use crate::plan::{Plan, differences};
use crate::stop;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use super::packed::{Saved, decode};

/// What the names of checkpoints are around the number of their rounds.
const BEGIN: &str = "round-";
const END: &str = ".safetensors";
/// What clients keep, beside the checkpoints' folder.
pub const KEPT_FILE: &str = "kept.bin";
/// Without a fixed rhythm, writing takes at most one part in so many of the time.
const SPARING: u32 = 20;

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is none.
    #[error("{0} holds no checkpoint (hint: start without --resume, or name the run's folder)")]
    None(PathBuf),
    /// A file that is not whole any more.
    #[error("{path} is damaged: {reason} (hint: {hint})")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A file of an older or newer program.
    #[error(
        "{path} has format {found}, this program reads {FORMAT} (hint: resume with the version that wrote it)"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// A file of another plan.
    #[error(
        "{path} belongs to another plan: {differs} (hint: resume with the settings in the run's config.yaml)"
    )]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// What is different.
        differs: String,
    },
    /// More is done than is asked for.
    #[error(
        "{folder}: {done} rounds are done, and --comm_round {wanted} would take some of them back (hint: --comm_round \
         {done} or more, or a shorter run in another --out_dir)"
    )]
    Shorter {
        /// The run's folder.
        folder: PathBuf,
        /// Rounds that are done.
        done: u32,
        /// Rounds that are asked for.
        wanted: u32,
    },
}

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
        files[..old]
            .iter()
            .try_for_each(|file| files::remove(file).map_err(|error| fault(file, error)))
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
        let path = self.folder.join(format!("{BEGIN}{:08}{END}", state.rounds));
        let (plan, decisive) = (self.plan.clone(), self.decisive.clone());
        let facts = Facts {
            format: FORMAT,
            plan,
            decisive,
            state: state.clone(),
        };
        let bytes = encode(&facts, weights).map_err(|error| fault(&path, error))?;
        files::write_whole(&path, &bytes).map_err(|error| fault(&path, error))?;
        self.unsaved = 0;
        self.cost = began.elapsed();
        self.last = Instant::now();
        self.thin_out()
    }
}

/// The checkpoints of a folder in the order of their rounds: what has another name, or is no plain
/// file, is none.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    if !is_own_folder(folder) {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let plain = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut files: Vec<(u32, PathBuf)> = plain
        .filter_map(|entry| Some((round_of(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// The rounds that are done in the checkpoint of this name.
fn round_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let counts = digits.len() >= 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| counts)
}

/// Whether checkpoints can be there: a link may lead to a folder of somebody else.
fn is_own_folder(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|there| there.is_dir())
}

/// The newest checkpoint of a folder.
///
/// # Errors
/// None there, or the newest one cannot be used; then the message names the newest that can.
pub fn newest(folder: &Path, plan: &Plan) -> Result<Saved, CheckpointError> {
    let files = files(folder);
    let (newest, older) = files
        .split_last()
        .ok_or_else(|| CheckpointError::None(folder.to_owned()))?;
    read(newest, plan).map_err(|error| match error {
        CheckpointError::Damaged { path, reason, .. } => {
            let good = older.iter().rev().find(|path| read(path, plan).is_ok());
            let hint = good.map_or("there is no older one that is whole".to_owned(), |good| {
                format!("{} is whole: remove the damaged one to go on from there", good.display())
            });
            CheckpointError::Damaged { path, reason, hint }
        }
        other => other,
    })
}

/// The checkpoints of a folder by the rounds that are done in them.
pub fn by_rounds(folder: &Path) -> BTreeMap<u32, PathBuf> {
    let rounds = |path: &PathBuf| round_of(path.file_name()?.to_str()?);
    files(folder)
        .into_iter()
        .filter_map(|path| Some((rounds(&path)?, path)))
        .collect()
}

/// The file of a folder's newest checkpoint, whatever it holds.
pub fn newest_file(folder: &Path) -> Option<PathBuf> {
    files(folder).pop()
}

/// A checkpoint of a plan.
///
/// # Errors
/// A file that cannot be read, is damaged, or belongs to another plan.
pub fn read(path: &Path, plan: &Plan) -> Result<Saved, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        path: path.to_owned(),
        reason,
        hint: String::new(),
    };
    let bytes = files::bytes(path).map_err(|error| damaged(error.to_string()))?;
    let (facts, weights) = unpack(&bytes).map_err(|fault| match fault {
        Unfit::Damaged(reason) => damaged(reason),
        Unfit::Format(found) => CheckpointError::Format {
            path: path.to_owned(),
            found,
        },
    })?;
    match facts.plan == plan.lasting_digest() {
        true => Ok(Saved {
            state: facts.state,
            weights,
        }),
        false => Err(CheckpointError::OtherPlan {
            path: path.to_owned(),
            differs: differences(&plan.lasting_text(), &facts.decisive),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::event::{KeptIndex, State};
    use crate::ids::{ClientId, Round};
    use crate::metrics::Metrics;
    use safetensors::tensor::{Dtype, TensorView};
    use std::collections::HashMap;

    fn config() -> Config {
        Config {
            client_num_in_total: 3,
            client_num_per_round: 2,
            ..Config::default()
        }
    }

    fn plan() -> Plan {
        Plan::resolve(config()).expect("sound")
    }

    fn state(rounds: u32) -> State {
        let kept = KeptIndex(vec![(ClientId(3), 1, Round(2))]);
        State {
            rounds,
            clock: 0.1 + 0.2,
            updates: 7,
            memory: vec![vec![0.5], vec![]],
            kept,
            ..State::default()
        }
    }

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
    fn damaged_foreign_and_newer_ones_are_refused_and_the_good_one_is_offered() {
        let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan());
        let mut checkpoints = Checkpoints::create(folder.path().to_owned(), &plan).expect("made");
        (1..3).for_each(|rounds| {
            checkpoints
                .record(&Event::Saved(state(rounds)), &[1.0])
                .expect("written")
        });
        let last = files(folder.path()).pop().expect("there");
        let whole = fs::read(&last).expect("readable");
        let refused = |bytes: &[u8], plan: &Plan| {
            fs::write(&last, bytes).expect("writable");
            newest(folder.path(), plan)
                .expect_err("refused")
                .to_string()
        };
        assert!(
            refused(&whole[..whole.len() - 1], &plan)
                .contains("round-00000001.safetensors is whole")
        );
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("bytes") ^= 1;
        assert!(refused(&flipped, &plan).contains("checksum"));
        let newer = TensorView::new(Dtype::F32, vec![0], &[]).expect("an empty tensor");
        let facts =
            HashMap::from([("facts".to_owned(), r#"{"format": 9, "state": "other"}"#.to_owned())]);
        let newer = safetensors::serialize([("model", newer)], &Some(facts)).expect("encodes");
        assert!(refused(&newer, &plan).contains("has format 9"));
        let other = Plan::resolve(Config {
            client_optimizer: "sgd:lr=0.9".into(),
            ..config()
        })
        .expect("sound");
        let said = refused(&whole, &other);
        assert!(said.contains("another plan: --lr is 0.9, and was 0.03"), "{said}");
        // More rounds are no other plan.
        let longer = Plan::resolve(Config {
            comm_round: 99,
            ..config()
        })
        .expect("sound");
        assert!(newest(folder.path(), &longer).is_ok());
    }

    #[test]
    fn only_what_has_our_names_counts_and_rounds_not_names_are_in_order() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("c");
        fs::create_dir(&folder).expect("writable");
        let names = [
            "round-100000000.safetensors",
            "round-99999999.safetensors",
            "round-00000002.safetensors",
        ];
        for name in names.iter().chain(&[
            "best.safetensors",
            "round-3.safetensors",
            "round-00000009.safetensors.part",
        ]) {
            fs::write(folder.join(name), "x").expect("writable");
        }
        fs::create_dir(folder.join("round-00000004.safetensors")).expect("writable");
        std::os::unix::fs::symlink("best.safetensors", folder.join("round-00000005.safetensors"))
            .expect("links");
        let found: Vec<PathBuf> = names.iter().rev().map(|name| folder.join(name)).collect();
        assert_eq!(files(&folder), found);
        std::os::unix::fs::symlink(&folder, parent.path().join("link")).expect("links");
        let link = parent.path().join("link");
        assert!(files(&link).is_empty() && Checkpoints::create(link, &plan()).is_err());
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
