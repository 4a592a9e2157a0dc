//! What clients keep, as a worker has it: it comes with their orders, was left here by the last
//! training, or lies in a folder at home.

use super::EngineError;
use super::home::Home;
use super::kept::Kept;
use crate::ids::{Rank, Round};
use crate::message::{Content, Errand, Keeps, Label};
use crate::plan::Plan;
use crate::train::TrainError;
use crate::weights::Weights;

/// A worker's store.
pub struct Keeper {
    // Values that each client keeps.
    length: usize,
    place: Place,
}

enum Place {
    /// Clients keep nothing.
    Nowhere,
    /// What clients kept that were trained here; the server has it too.
    Here(Kept),
    /// On this machine, for all who hold this data.
    Home(Home),
}

impl Keeper {
    /// For clients that keep `length` values each.
    ///
    /// # Errors
    /// A file or folder that cannot be made.
    pub fn new(plan: &Plan, length: usize, rank: Rank) -> Result<Keeper, EngineError> {
        let place = match (length, plan.homes()) {
            (0, _) => Place::Nowhere,
            (_, None) => Place::Here(Kept::create(length, None, 0)?),
            (_, Some(_)) => Place::Home(Home::open(&plan.config, length, rank)?),
        };
        Ok(Keeper { length, place })
    }

    /// Values that each client keeps.
    pub fn length(&self) -> usize {
        self.length
    }

    /// What a client keeps, zeros at first.
    ///
    /// # Errors
    /// A state that is not where it should be.
    pub fn of(
        &self,
        Errand { client, kept }: &Errand,
        content: &Content,
    ) -> Result<Vec<f32>, TrainError> {
        let missing = || {
            TrainError::Failed(format!("what client {client} keeps did not come with its order"))
        };
        match (kept, &self.place) {
            (Keeps::Nothing | Keeps::AtHome { since: None, .. }, _) => Ok(vec![0.0; self.length]),
            (Keeps::Sent, _) => match content.floats(Label::Kept(*client)) {
                Some(kept) if kept.len() == self.length => Ok(kept.to_vec()),
                _ => Err(missing()),
            },
            (Keeps::Held(round), Place::Here(file)) if file.version(*client) == Some(*round) => {
                file.of(*client).map_err(unkept)?.ok_or_else(missing)
            }
            (
                Keeps::AtHome {
                    run,
                    since: Some(round),
                    ..
                },
                Place::Home(home),
            ) => home.of(run, *client, *round).map_err(unkept),
            (Keeps::Held(_) | Keeps::AtHome { .. }, _) => Err(missing()),
        }
    }

    /// Takes note of what a client keeps since `round`, and gives what of it is to be sent.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn note(
        &mut self,
        errand: &Errand,
        round: Round,
        kept: Weights,
    ) -> Result<Option<Weights>, TrainError> {
        match (&errand.kept, &mut self.place) {
            (Keeps::AtHome { run, needed, .. }, Place::Home(home)) => {
                home.note(run, errand.client, round, &kept, needed)
                    .map_err(unkept)?;
                Ok(None)
            }
            (_, Place::Here(file)) => {
                file.note(errand.client, round, &kept).map_err(unkept)?;
                file.settle();
                Ok(Some(kept))
            }
            _ => Ok(Some(kept)),
        }
    }
}

/// What clients keep cannot be read or written.
fn unkept(fault: EngineError) -> TrainError {
    TrainError::Failed(fault.to_string())
}
