//! Reading checkpoints: where a run goes on, or why it cannot, and what to do then.

use super::Saved;
use super::names::files;
use crate::files as door;
use crate::plan::{Plan, differences};
use crate::record::packed::{FORMAT, Unfit, unpack};
use std::path::{Path, PathBuf};

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

impl CheckpointError {
    fn damaged(path: &Path, reason: String) -> CheckpointError {
        CheckpointError::Damaged {
            path: path.to_owned(),
            reason,
            hint: String::new(),
        }
    }
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
        CheckpointError::Damaged { path, reason, .. } => CheckpointError::Damaged {
            path,
            reason,
            hint: hint(older, plan),
        },
        other => other,
    })
}

/// What to do when the newest one is damaged.
fn hint(older: &[PathBuf], plan: &Plan) -> String {
    match older.iter().rev().find(|path| read(path, plan).is_ok()) {
        Some(good) => {
            format!("{} is whole: remove the damaged one to go on from there", good.display())
        }
        None => "there is no older one that is whole".to_owned(),
    }
}

/// A checkpoint of a plan.
///
/// # Errors
/// A file that cannot be read, is damaged, or belongs to another plan.
pub fn read(path: &Path, plan: &Plan) -> Result<Saved, CheckpointError> {
    let bytes = door::bytes(path);
    let bytes = bytes.map_err(|error| CheckpointError::damaged(path, error.to_string()))?;
    let (facts, weights) = unpack(&bytes).map_err(|fault| match fault {
        Unfit::Damaged(reason) => CheckpointError::damaged(path, reason),
        Unfit::Format(found) => CheckpointError::Format {
            path: path.to_owned(),
            found,
        },
    })?;
    if facts.plan != plan.lasting_digest() {
        return Err(CheckpointError::OtherPlan {
            path: path.to_owned(),
            differs: differences(&plan.lasting_text(), &facts.decisive),
        });
    }
    Ok(Saved {
        state: facts.state,
        weights,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Checkpoints;
    use super::super::tests::{config, plan, state};
    use super::*;
    use crate::config::Config;
    use crate::event::{Event, Recorder};
    use safetensors::tensor::{Dtype, TensorView};
    use std::collections::HashMap;
    use std::fs;

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
}
