//! What training one client yields: how it travels, and how it enters a sum. Every reduction adds
//! the same numbers.

use crate::ids::ClientId;
use crate::message::{Content, Failure, Label, Update};
use crate::train::TrainError;
use crate::weights::{
    Accumulator, ExactSum, Layout, Piece, Sections, SumError, Total, Units, Weights, Who,
};
use std::sync::Arc;

/// One client's part.
pub struct Contribution {
    /// Who, and how it went.
    pub update: Update,
    /// How it changes the model.
    pub change: Change,
    /// What it says beside that.
    pub said: Vec<Weights>,
    /// What it keeps, if it does.
    pub kept: Option<Weights>,
}

/// A change of the model.
pub enum Change {
    /// None, or one that is in the sum already.
    Nothing,
    /// To these weights.
    To(Weights),
    /// By these values.
    By(Weights),
}

impl Contribution {
    /// What travels to the server.
    pub fn content(&self) -> Content {
        let mut content = match &self.change {
            Change::Nothing => Content::nothing(),
            Change::To(weights) => Content::nothing().with(Label::Model, Arc::clone(weights)),
            Change::By(values) => match few(values) {
                Some(few) => Content::nothing().with_units(Label::Few, few),
                None => Content::nothing().with(Label::Change, Arc::clone(values)),
            },
        };
        for (place, said) in (0..).zip(&self.said) {
            content = content.with(Label::Said(place), Arc::clone(said));
        }
        match &self.kept {
            Some(kept) => content.with(Label::Kept(self.update.client), Arc::clone(kept)),
            None => content,
        }
    }

    /// What has travelled, for a model of so many weights; none if it is not of such a model.
    pub fn of(update: Update, content: &Content, weights: usize) -> Option<Contribution> {
        let floats = |label| content.floats(label).map(Arc::clone);
        let change = match (floats(Label::Model), floats(Label::Change), content.units(Label::Few))
        {
            (Some(weights), ..) => Change::To(weights),
            (None, Some(values), _) => Change::By(values),
            (None, None, Some(few)) => Change::By(Arc::new(all(few, weights)?)),
            (None, None, None) => Change::Nothing,
        };
        let said = (0..=u8::MAX)
            .map_while(|place| floats(Label::Said(place)))
            .collect();
        Some(Contribution {
            change,
            said,
            kept: floats(Label::Kept(update.client)),
            update,
        })
    }

    /// Whether there is nothing to be added, or nothing any more.
    pub fn is_empty(&self) -> bool {
        matches!(self.change, Change::Nothing) && self.said.is_empty()
    }

    /// Adds everything to a sum, or nothing. In a pass before training there is no change, and what
    /// is said comes first.
    ///
    /// # Errors
    /// Values that cannot enter it, or of another length than their section.
    pub fn add_to(
        &self,
        sum: &mut dyn Accumulator,
        sections: &Sections,
        total: Total,
        samples: u64,
        start: &Weights,
    ) -> Result<(), SumError> {
        let Update { client, weight, .. } = self.update;
        let who = Who {
            client,
            samples,
            weight,
        };
        let starts: Vec<usize> = sections.starts().collect();
        let mut pieces = Vec::new();
        for (place, new, old) in self.vectors(sections.0.len(), start) {
            let share = sections.share(place, who, total).map(ExactSum::units_of)?;
            let (found, wanted) = (new.len(), sections.0[place].length);
            if found != wanted {
                return Err(SumError::Length {
                    client,
                    found,
                    wanted,
                });
            }
            pieces.push(Piece {
                share,
                start: starts[place],
                new,
                old,
            });
        }
        sum.add_pieces(client, &pieces)
    }

    /// Its vectors: of so many sections the place of its own, its values, and those that it is a
    /// difference from.
    fn vectors<'a>(&'a self, sections: usize, start: &'a Weights) -> Vec<Vector<'a>> {
        let mut vectors: Vec<Vector<'_>> = Vec::new();
        match &self.change {
            Change::To(weights) if !Arc::ptr_eq(weights, start) => {
                vectors.push((0, weights, Some(start)));
            }
            Change::By(values) => vectors.push((0, values, None)),
            Change::Nothing | Change::To(_) => {}
        }
        let first = sections - self.said.len().min(sections);
        for (place, said) in (first..sections).zip(&self.said) {
            vectors.push((place, said, None));
        }
        vectors
    }
}

/// The section of a vector, its values, and those that it is a difference from.
type Vector<'a> = (usize, &'a [f32], Option<&'a [f32]>);

/// What is told of a client that contributes nothing; values are told by the tensors that they are
/// in.
pub fn failure(client: ClientId, seconds: f64, error: &TrainError, layout: &Layout) -> Failure {
    let (reason, diverged) = match error {
        TrainError::Unfit(fault) => (fault.told(layout), fault.is_divergence()),
        TrainError::Failed(reason) => (reason.clone(), false),
    };
    Failure {
        client,
        reason,
        diverged,
        seconds,
    }
}

/// The values that are not zero, if they are few: the length of all, then of each its place in the
/// high half and its bits in the low one. A negative zero is a value.
fn few(values: &[f32]) -> Option<Units> {
    let count = values.iter().filter(|value| value.to_bits() != 0).count();
    // A place takes as many bytes as a value.
    if 2 * (count + 1) >= values.len() {
        return None;
    }
    let mut few = Vec::with_capacity(count + 1);
    few.push(values.len() as i64);
    for (place, value) in values.iter().enumerate() {
        if value.to_bits() != 0 {
            few.push(((place as i64) << 32) | i64::from(value.to_bits()));
        }
    }
    Some(Arc::new(few))
}

/// All values of which few are not zero; none for places that such a vector does not have.
fn all(few: &[i64], length: usize) -> Option<Vec<f32>> {
    let (&said, entries) = few.split_first()?;
    let mut values = vec![0.0; (said == length as i64).then_some(length)?];
    for &entry in entries {
        let place = usize::try_from(entry >> 32).ok()?;
        *values.get_mut(place)? = f32::from_bits(entry as u32);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_travel_as_they_are() {
        let mut values = vec![0.0; 12];
        [values[0], values[7], values[11]] = [-0.0, f32::MIN_POSITIVE, -3.5];
        let sent = few(&values).expect("few");
        assert_eq!(sent.len(), 4);
        let bits = |values: &[f32]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(all(&sent, 12).map(|read| bits(&read)), Some(bits(&values)));
        assert_eq!(few(&[1.0, 2.0, 0.0, 0.0]), None);
    }

    #[test]
    fn what_is_of_another_model_is_not_read() {
        assert_eq!(all(&[4, 0], 4), Some(vec![0.0; 4]));
        for wrong in [&[][..], &[5], &[4, 4 << 32], &[4, -1]] {
            assert_eq!(all(wrong, 4), None, "{wrong:?}");
        }
    }
}
