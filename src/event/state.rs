//! What a run needs to go on.

use super::RoundDone;
use crate::ids::{ClientId, Round};
use crate::metrics::Metrics;
use crate::weights::Weights;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run needs to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Rounds done.
    pub rounds: u32,
    /// Seconds on the run's clock.
    #[serde(with = "crate::number")]
    pub clock: f64,
    /// Async: seconds that the run has taken.
    #[serde(default, with = "crate::number")]
    pub taken: f64,
    /// Updates that have counted.
    pub updates: u64,
    /// The last evaluation.
    pub test: Option<Metrics>,
    /// The last round, if it is not on record: its evaluation is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Box<RoundDone>>,
    /// What the selector has learned.
    pub selector: serde_json::Value,
    /// What the scheduler has learned.
    pub cost: serde_json::Value,
    /// What algorithm and server step remember; then the best model, if the run falls back on it
    /// and has moved on.
    #[serde(skip)]
    pub memory: Vec<Vec<f32>>,
    /// Where what clients keep is.
    #[serde(skip)]
    pub kept: KeptIndex,
    /// What that is called at their homes, if it lies there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_in: Option<String>,
    /// Async: what is in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight: Option<InFlight>,
}

/// Where what clients keep is in the file of it: the place of each, and which round left it there.
/// At their homes there are no places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptIndex(pub Vec<(ClientId, u32, Round)>);

/// Trainings under way when an asynchronous run is saved; they are done again when it goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// The number of the next training.
    pub next: u32,
    /// Those under way, in the order of their arrival.
    pub trainings: Vec<Training>,
    /// Seconds on the run's clock when the model moved last.
    #[serde(with = "crate::number")]
    pub moved_at: f64,
    /// What the choice of clients depends on.
    pub chooser: serde_json::Value,
    /// What the rule remembers.
    pub rule: serde_json::Value,
    /// The models that they start from, by version.
    #[serde(skip)]
    pub starts: BTreeMap<u32, Weights>,
}

/// One client's training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Its number, which keys its random streams.
    pub number: u32,
    /// Whom.
    pub client: ClientId,
    /// Version of the model that it starts from.
    pub version: u32,
    /// When it arrives, on the run's clock.
    #[serde(with = "crate::number")]
    pub arrives: f64,
}
