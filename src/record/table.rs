//! What a run's folder can hold beside its config, journal, checkpoints and summary: a table of
//! recorders.

use crate::config::{Config, Mode};
use crate::event::{RecordError, Recorder};
use crate::part::{Entry, Kind, PartError};
use crate::plan::Plan;
use crate::record::async_fl::{self, AsyncFl};
use crate::record::best::BestModel;
use crate::record::tensorboard::{self, TensorBoard};
use crate::record::{MetricsCsv, ModelFile, Whole};
use std::path::Path;

/// What a recorder is made for.
pub struct Scene<'a> {
    /// Where its files go.
    pub folder: &'a Path,
    /// What is run.
    pub plan: &'a Plan,
    /// All tensors of the model.
    pub whole: &'a Whole,
}

/// A recorder; none where it has nothing to say.
pub type Made = Result<Option<Box<dyn Recorder>>, RecordError>;

/// The files that a recorder writes, and how it is made.
#[derive(Clone, Copy)]
pub struct Record {
    /// The files' names in the run's folder.
    pub files: &'static [&'static str],
    /// Makes it, before training.
    pub make: fn(&Scene<'_>) -> Made,
}

const METRICS: &str = "metrics.csv";
/// The final model, in a run's folder.
pub const MODEL: &str = "model.safetensors";
/// The best model, in a run's folder.
pub const BEST: &str = "best.safetensors";

/// All recorders of which a user chooses.
pub const KIND: Kind<Record> = Kind {
    setting: "record",
    about: "recorder",
    table: RECORDERS,
};

/// Every recorder, by the name users write.
pub const RECORDERS: &[Entry<Record>] = &[
    Entry::new(
        "csv",
        "metrics.csv, a line a round",
        Record {
            files: &[METRICS],
            make: |scene| Ok(Some(Box::new(MetricsCsv::create(scene.folder.join(METRICS))?))),
        },
    ),
    Entry::new(
        "model",
        "model.safetensors, the final model",
        Record {
            files: &[MODEL],
            make: |scene| {
                Ok(Some(Box::new(ModelFile::new(scene.folder.join(MODEL), scene.whole.clone()))))
            },
        },
    ),
    Entry::new(
        "best",
        "best.safetensors, the model that was best so far by the target's metric or the accuracy, with its round",
        Record {
            files: &[BEST],
            make: |scene| {
                let (path, target) = (scene.folder.join(BEST), scene.plan.target());
                Ok(Some(Box::new(BestModel::new(path, scene.whole.clone(), target.as_ref()))))
            },
        },
    ),
    Entry::new(
        "tensorboard",
        "events.out.tfevents.fedmpi, figures of every round for TensorBoard: tensorboard --logdir runs",
        Record {
            files: &[tensorboard::EVENTS],
            make: |scene| {
                Ok(Some(Box::new(TensorBoard::create(scene.folder.join(tensorboard::EVENTS))?)))
            },
        },
    ),
    Entry::new(
        "async_fl",
        "accuracy.txt and time.txt of async-FL, in async mode",
        Record {
            files: &[async_fl::ACCURACY, async_fl::TIME],
            make: |scene| match scene.plan.mode() {
                Mode::Async => Ok(Some(Box::new(AsyncFl::create(scene.folder)?))),
                Mode::Sync => Ok(None),
            },
        },
    ),
];

/// Those that a config asks for.
///
/// # Errors
/// A name of none of them, or settings that it does not have.
pub fn chosen(config: &Config) -> Result<Vec<Record>, PartError> {
    config
        .record
        .0
        .iter()
        .map(|choice| KIND.look_up(choice).map(|(entry, _)| entry.build))
        .collect()
}
