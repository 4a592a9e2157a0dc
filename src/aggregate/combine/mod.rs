//! How the changes of a cohort become one. The mean is made on the way, wherever updates meet; a
//! rule that must see each of them has them all sent to the server.

mod median;

use crate::ids::ClientId;
use crate::part::{Choice, Entry, Kind, PartError, Values};
use crate::weights::Weights;
use std::sync::Arc;

/// Makes one change of many.
///
/// Law: equal changes give that change; the order of clients does not matter.
pub trait Combine: Send + Sync {
    /// Writes the combined change, a number for each weight; `each` is by client id and not empty.
    fn combine(&self, each: &[Each], change: &mut [f64]);
}

/// One client's update.
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    /// Whose.
    pub client: ClientId,
    /// Samples behind it.
    pub samples: u64,
    /// The weights that it got; none when `weights` are its change.
    pub start: Option<Weights>,
    /// The client's weights.
    pub weights: Weights,
}

impl Each {
    /// Its change of the weight at a place.
    pub fn change(&self, place: usize) -> f64 {
        let old = self
            .start
            .as_ref()
            .map_or(0.0, |start| f64::from(start[place]));
        f64::from(self.weights[place]) - old
    }
}

/// Makes a rule, none for the mean.
pub type Build = fn(&Values) -> Option<Arc<dyn Combine>>;

/// All rules.
pub const KIND: Kind<Build> = Kind {
    setting: "combine",
    about: "combination",
    table: COMBINES,
};

/// What is meant when nobody says.
pub const PLAIN: &str = "mean";

/// Makes a rule by choice; none is the mean.
///
/// # Errors
/// A choice that makes no sense.
pub fn make(choice: &Choice) -> Result<Option<Arc<dyn Combine>>, PartError> {
    KIND.look_up(choice)
        .map(|(entry, values)| (entry.build)(&values))
}

/// Every rule, by the name users write.
pub const COMBINES: &[Entry<Build>] = &[
    Entry::<Build>::new(
        "mean",
        "the mean, weighted as the algorithm says; made wherever updates meet",
        |_| None,
    ),
    Entry::<Build>::new(
        "median",
        "the middle value of each weight, against broken clients \
         (Yin et al. 2018); needs --reduce server",
        |_| Some(Arc::new(median::Median)),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_updates_are_a_fixed_point_of_every_rule() {
        let (start, end): (Weights, Weights) =
            (Arc::new(vec![0.25, -1.0]), Arc::new(vec![0.5, -3.0]));
        let each = [0, 1, 2].map(|id| Each {
            client: ClientId(id),
            samples: u64::from(id) + 1,
            start: Some(start.clone()),
            weights: end.clone(),
        });
        for entry in COMBINES {
            let Some(rule) = make(&entry.name.into()).expect("sound") else { continue };
            let mut change = [9.0; 2];
            rule.combine(&each, &mut change);
            assert_eq!(change, [0.25, -2.0], "{}", entry.name);
        }
    }
}
