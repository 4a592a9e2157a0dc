//! Stage 10, record: what happened? Each recorder listens to the engine's events and writes one
//! thing. [`RunFolder`] is where the files go.

mod async_fl;
mod best;
pub mod checkpoint;
mod csv;
mod ending;
pub mod environment;
mod figures;
mod folder;
mod history;
mod journal;
mod lines;
mod listed;
mod memory;
mod model;
mod owner;
mod packed;
mod predict;
mod runs;
mod summary;
mod table;
mod tail;
mod tensorboard;

use crate::event::RecordError;
use std::path::Path;

pub use self::csv::MetricsCsv;
pub use async_fl::AsyncFl;
pub use checkpoint::Checkpoints;
pub use ending::{note_killed, reason};
pub use environment::Environment;
pub use figures::SummaryFile;
pub use folder::{FolderError, RUNS, RunFolder, checkpoints, default_folder, free_folder};
pub use history::{Follower, History};
pub use journal::Journal;
pub use listed::Listed;
pub use memory::Memory;
pub use model::{ModelFile, Whole};
pub use owner::{CLIENTS, job_of};
pub use predict::{Predicted, Predictor};
pub use runs::{NoRun, Run, find, folders_in, is_run, standing};
pub use summary::{SUMMARY, Summary};
pub use table::{BEST, KIND, MODEL, RECORDERS, Record, Scene};

fn fault(path: &Path, reason: impl ToString) -> RecordError {
    RecordError::Unwritten {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

fn unread(path: &Path, reason: impl ToString) -> RecordError {
    RecordError::Unread {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
