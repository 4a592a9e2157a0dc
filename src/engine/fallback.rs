//! Falling back: a model that is no better than the best so far is left, and the run goes on from
//! that one. What clients, algorithm and server step remember goes on as it is.

use crate::metrics::{Aim, Metrics, Target};
use crate::weights::Weights;
use std::sync::Arc;

/// The best model so far.
pub struct Fallback {
    aim: Option<Aim>,
    best: Option<(Metrics, Weights)>,
}

impl Fallback {
    /// None yet. What is best is said by the target's metric, else by the accuracy, else by the
    /// loss.
    pub fn new(target: Option<&Target>) -> Fallback {
        Fallback {
            aim: target.map(Target::aim),
            best: None,
        }
    }

    /// Goes on with a run of which that is the best model.
    pub fn restore(&mut self, test: Option<&Metrics>, weights: Weights) {
        self.best = test.map(|test| (test.clone(), weights));
    }

    /// Takes note of an evaluation; gives the best model, if that is another one. Of equals the
    /// first counts, and no number counts that is not finite.
    pub fn judge(&mut self, test: &Metrics, weights: &Weights) -> Option<(Metrics, Weights)> {
        let aim = self.aim.get_or_insert_with(|| test.aim());
        let value = test.value(aim.metric()).filter(|value| value.is_finite());
        let known = self
            .best
            .as_ref()
            .and_then(|(best, _)| best.value(aim.metric()));
        match (value, known) {
            (Some(value), Some(known)) if !aim.prefers(value, known) => self.best.clone(),
            (None, _) => self.best.clone(),
            _ => {
                self.best = Some((test.clone(), Arc::clone(weights)));
                None
            }
        }
    }

    /// The weights of the best model, if the model in hand has others.
    pub fn other_than(&self, weights: &Weights) -> Option<&Weights> {
        let (_, best) = self.best.as_ref()?;
        (!Arc::ptr_eq(best, weights)).then_some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_better_than_the_best_gives_it_back() {
        let mut fallback = Fallback::new(None);
        let tested = |accuracy: f64| Metrics::default().with("accuracy", accuracy, 1);
        let models: Vec<Weights> = (0..5).map(|number| Arc::new(vec![number as f32])).collect();
        let mut judged = |model: usize, accuracy: f64| {
            fallback
                .judge(&tested(accuracy), &models[model])
                .map(|(test, weights)| (test.accuracy(), weights[0]))
        };
        assert_eq!((judged(0, 0.5), judged(1, 0.75)), (None, None));
        assert_eq!((judged(2, 0.75), judged(3, f64::NAN)), (Some((0.75, 1.0)), Some((0.75, 1.0))));
        assert_eq!(judged(4, 0.875), None);
        assert!(
            fallback.other_than(&models[4]).is_none()
                && fallback.other_than(&models[1]) == Some(&models[4])
        );
    }
}
