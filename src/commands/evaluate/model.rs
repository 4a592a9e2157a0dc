//! The model of a run: its last, its best, or that of its newest checkpoint.

use crate::files;
use crate::ids::counted;
use crate::plan::Plan;
use crate::record::{BEST, MODEL, Whole, checkpoint, checkpoints};
use crate::train::Trainer;
use crate::weights::Weights;
use anyhow::{Context, Error, Result, bail, ensure};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// A model that a run has left.
pub(super) struct Model {
    /// The file that it is from.
    pub(super) name: String,
    content: Content,
}

enum Content {
    /// A file of tensors.
    Tensors(Vec<u8>),
    /// The flat weights of a checkpoint.
    Flat(Vec<f32>),
}

impl Model {
    /// The final or the best model; that of the newest checkpoint where there is no final one.
    pub(super) fn read(run: &Path, best: bool, plan: &Plan) -> Result<Model> {
        let name = if best { BEST } else { MODEL };
        let path = run.join(name);
        match files::bytes(&path) {
            Ok(bytes) => Ok(Model {
                name: name.to_owned(),
                content: Content::Tensors(bytes),
            }),
            Err(error) if best => bail!(
                "cannot read {}: {error} (hint: runs keep it with --record 'csv;model;best')",
                path.display()
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => Model::saved(run, plan),
            Err(error) => bail!("cannot read {}: {error}", path.display()),
        }
    }

    /// That of the newest checkpoint.
    fn saved(run: &Path, plan: &Plan) -> Result<Model> {
        let saved = checkpoint::newest(&checkpoints(run), plan).with_context(|| {
            format!("{} has no {MODEL}, and no checkpoint of use", run.display())
        })?;
        let name = format!("checkpoint after {}", counted(saved.state.rounds as usize, "round"));
        Ok(Model {
            name,
            content: Content::Flat(saved.weights),
        })
    }

    /// Its flat weights, for the network of a trainer.
    pub(super) fn weights(self, trainer: &dyn Trainer) -> Result<Weights> {
        let layout = trainer.layout();
        let weights = match self.content {
            Content::Flat(weights) => weights,
            Content::Tensors(bytes) => {
                let whole = Whole {
                    layout: layout.clone(),
                    frozen: trainer.frozen(),
                };
                let weights = whole.weights(&bytes).map_err(Error::msg);
                let hint = "hint: is the data of as many inputs and classes as the run's?";
                weights.with_context(|| format!("{} does not fit ({hint})", self.name))?
            }
        };
        ensure!(weights.len() == layout.length(), "{} is of another model", self.name);
        Ok(Arc::new(weights))
    }
}
