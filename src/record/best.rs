//! `best.safetensors`: the best model so far, with the round that made it. What is best is said by
//! the target's metric, else by the accuracy, else by the loss.

use super::fault;
use super::model::Whole;
use crate::event::{Event, RecordError, Recorder, RoundDone};
use crate::files;
use crate::ids::Round;
use crate::metrics::{Aim, Target};
use std::path::PathBuf;

/// After which round a run was best.
#[derive(Clone, Debug, Default)]
pub struct Best {
    aim: Option<Aim>,
    found: Option<(Round, f64)>,
}

impl Best {
    /// By the metric of a target, if there is one.
    pub fn of(target: Option<&Target>) -> Best {
        Best {
            aim: target.map(Target::aim),
            found: None,
        }
    }

    /// Takes note of a round; whether it is better than all before. Of equals the first counts, and
    /// no number counts that is not finite.
    pub fn note(&mut self, done: &RoundDone) -> bool {
        let Some(test) = &done.test else { return false };
        let aim = self.aim.get_or_insert_with(|| test.aim());
        let Some(value) = test.value(aim.metric()).filter(|value| value.is_finite()) else {
            return false;
        };
        let better = self
            .found
            .is_none_or(|(_, known)| aim.prefers(value, known));
        if better {
            self.found = Some((done.round, value));
        }
        better
    }

    /// The metric, the round and the value.
    pub fn found(&self) -> Option<(&str, Round, f64)> {
        let (round, value) = self.found?;
        Some((self.aim.as_ref()?.metric(), round, value))
    }
}

/// Writes the model whenever it is better than all before.
pub struct BestModel {
    path: PathBuf,
    whole: Whole,
    best: Best,
}

impl BestModel {
    /// Will write the flat weights as the tensors of `whole`.
    pub fn new(path: PathBuf, whole: Whole, target: Option<&Target>) -> BestModel {
        BestModel {
            path,
            whole,
            best: Best::of(target),
        }
    }
}

impl Recorder for BestModel {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        let Event::RoundDone(done) = event else { return Ok(()) };
        // A run that goes on tells of earlier rounds without their models: the file is there
        // already.
        if !self.best.note(done) || weights.is_empty() {
            return Ok(());
        }
        let (metric, round, value) = self.best.found().expect("it has just been noted");
        let said = [("round", round.to_string()), (metric, value.to_string())];
        let said = said.map(|(name, value)| (name.to_owned(), value)).into();
        let bytes = self
            .whole
            .tensors(weights, Some(said))
            .map_err(|error| fault(&self.path, error))?;
        files::write_whole(&self.path, &bytes).map_err(|error| fault(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use safetensors::SafeTensors;

    fn done(round: u32, accuracy: f64, loss: f64) -> Event {
        let test = Metrics::default()
            .with("accuracy", accuracy, 1)
            .with("loss", loss, 1);
        Event::RoundDone(RoundDone {
            round: Round(round),
            test: Some(test),
            ..RoundDone::default()
        })
    }

    /// The value of the only tensor, and what is said of it.
    fn kept(path: &std::path::Path) -> (f32, String, String) {
        let bytes = std::fs::read(path).expect("there");
        let (_, head) = SafeTensors::read_metadata(&bytes).expect("whole");
        let said = head.metadata().clone().expect("said");
        let tensor = SafeTensors::deserialize(&bytes)
            .expect("whole")
            .tensor("w")
            .expect("there")
            .data()
            .to_vec();
        let metric = said
            .keys()
            .find(|name| *name != "round")
            .expect("a metric")
            .clone();
        (f32::from_le_bytes(tensor.try_into().expect("one value")), said["round"].clone(), metric)
    }

    /// Accuracy and loss after each round.
    const ROUNDS: [(f64, f64); 5] = [
        (0.5, 2.0),
        (0.75, 3.0),
        (0.75, 1.0),
        (f64::NAN, 0.5),
        (0.25, 4.0),
    ];

    /// Tells of all rounds, with models of those from so many on.
    fn run(mut best: BestModel, from: usize) {
        for (round, (accuracy, loss)) in ROUNDS.into_iter().enumerate() {
            let model = [round as f32];
            let weights = if round < from { &[][..] } else { &model };
            best.record(&done(round as u32, accuracy, loss), weights)
                .expect("written");
        }
    }

    #[test]
    fn the_best_model_is_kept_whatever_comes_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("best.safetensors");
        let mut whole = Whole::default();
        whole.layout.push("w", &[1]);
        let best = || BestModel::new(path.clone(), whole.clone(), None);
        run(best(), 0);
        assert_eq!(kept(&path), (1.0, "2".to_owned(), "accuracy".to_owned()));
        // A run that goes on after its best round leaves the file as it is.
        run(best(), 3);
        assert_eq!(kept(&path).0, 1.0);
        let target = Target::parse("loss<=0.1").expect("a target");
        run(BestModel::new(path.clone(), whole.clone(), Some(&target)), 0);
        assert_eq!(kept(&path), (3.0, "4".to_owned(), "loss".to_owned()));
    }
}
