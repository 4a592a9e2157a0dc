//! Why a model cannot be had.

use crate::part::PartError;
use std::path::PathBuf;

/// A model that does not fit the data.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A name of nothing, or settings that make no sense.
    #[error(transparent)]
    Unknown(#[from] PartError),
    /// The device cannot be used, or has no room for it.
    #[error("cannot use {device}: {reason}")]
    Device {
        /// Which.
        device: String,
        /// What CUDA or libtorch says.
        reason: String,
    },
    /// Other data is needed, or another file.
    #[error("model {model} {unfit}")]
    Unfit {
        /// The model.
        model: &'static str,
        /// Why.
        unfit: Unfit,
    },
}

/// Why a model cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It takes other data.
    #[error("takes {wanted}, the data set has {found} (hint: `fedmpi list model` shows all)")]
    Data {
        /// What it takes.
        wanted: &'static str,
        /// What there is.
        found: String,
    },
    /// Its channels cannot be divided so.
    #[error(
        "cannot divide {channels} channels into {groups} groups (hint: --groups that divide the \
         channels of every layer)"
    )]
    Groups {
        /// Of a layer.
        channels: usize,
        /// That are wanted.
        groups: usize,
    },
    /// It was not told enough.
    #[error("needs {0}")]
    Needs(&'static str),
    /// What is to be trained of it is not there.
    #[error("cannot be trained so: {0}")]
    Pattern(String),
    /// Its file is not there, is none, or does not fit the data.
    #[error("cannot be made of {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Unfit {
    pub(super) fn new<T>(wanted: &'static str, found: impl Into<String>) -> Result<T, Unfit> {
        Err(Unfit::Data {
            wanted,
            found: found.into(),
        })
    }
}
