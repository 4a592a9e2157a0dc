//! How a run went: a measure along an axis, of one run or as the mean of several seeds.

use super::axis::By;
use super::figure::{Line, Point};
use super::groups::{Group, mean_and_deviation};
use super::reported::Reported;
use crate::event::RoundDone;
use crate::metrics::{ACCURACY, LOSS};
use std::collections::{BTreeMap, BTreeSet};

/// What is measured after rounds.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// A metric on the test set, by name.
    Test(String),
    /// Mean loss of the clients' training.
    TrainLoss,
    /// How near the schedule came to the best one, from 0 to 1.
    Efficiency,
    /// Mean relative error of the predicted seconds of clients.
    PredictionError,
    /// What is given away of each client so far.
    Epsilon,
}

impl Measure {
    /// After a round; none when it was not measured, or is no finite number.
    pub fn of(&self, done: &RoundDone) -> Option<f64> {
        let value = match self {
            Measure::Test(name) => done.test.as_ref()?.value(name),
            Measure::TrainLoss => done.train_loss,
            Measure::Efficiency => done.schedule.efficiency,
            Measure::PredictionError => done.schedule.prediction_error,
            Measure::Epsilon => done.epsilon,
        };
        value.filter(|value| value.is_finite())
    }

    /// What it is called.
    pub fn title(&self) -> String {
        match self {
            Measure::Test(name) => format!("test {name}"),
            Measure::TrainLoss => "training loss".to_owned(),
            Measure::Efficiency => "efficiency".to_owned(),
            Measure::PredictionError => "relative error".to_owned(),
            Measure::Epsilon => "epsilon".to_owned(),
        }
    }
}

/// Everything about the model that runs measure: accuracy first, then test loss, training loss and
/// what else there is.
pub fn measures(runs: &[Reported]) -> Vec<Measure> {
    let rounds = || runs.iter().flat_map(|run| &run.history.rounds);
    let tests = rounds().filter_map(|done| done.test.as_ref());
    let names: BTreeSet<&str> = tests
        .flat_map(|test| test.shown())
        .map(|(name, _)| name)
        .collect();
    let test = |name: &&str| Measure::Test((*name).to_owned());
    let lead = [ACCURACY, LOSS]
        .into_iter()
        .filter(|name| names.contains(name));
    let mut found: Vec<Measure> = lead.map(|name| test(&name)).collect();
    if rounds().any(|done| done.train_loss.is_some()) {
        found.push(Measure::TrainLoss);
    }
    let others = names
        .iter()
        .filter(|name| ![ACCURACY, LOSS].contains(*name));
    found.extend(others.map(test));
    found
}

/// A line for each group.
pub fn lines(runs: &[Reported], groups: &[Group], measure: &Measure, by: By) -> Vec<Line> {
    let mut lines = Vec::with_capacity(groups.len());
    for group in groups {
        lines.push(Line {
            label: group.name.clone(),
            points: points(runs, group, measure, by),
        });
    }
    lines
}

/// One point for each round that all runs of a group have measured: the means of where they stood
/// and of what they reached, and the standard deviation of the latter.
fn points(runs: &[Reported], group: &Group, measure: &Measure, by: By) -> Vec<Point> {
    let mut rounds: BTreeMap<u64, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for run in group.members.iter().map(|place| &runs[*place]) {
        for (done, place) in run.history.rounds.iter().zip(&run.places) {
            let Some((value, at)) = measure.of(done).zip(place.along(by)) else { continue };
            let (along, values) = rounds.entry(done.round.number()).or_default();
            along.push(at);
            values.push(value);
        }
    }
    let whole = rounds
        .into_values()
        .filter(|(_, values)| values.len() == group.members.len());
    whole
        .filter_map(|(along, values)| mean_point(&along, &values))
        .collect()
}

fn mean_point(along: &[f64], values: &[f64]) -> Option<Point> {
    let (x, _) = mean_and_deviation(along)?;
    let (y, spread) = mean_and_deviation(values)?;
    Some(Point { x, y, spread })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{reported, with_rounds};

    #[test]
    fn seeds_are_averaged_over_the_rounds_that_all_have() {
        let runs = [
            with_rounds(reported("a"), &[0.2, 0.4, 0.6]),
            with_rounds(reported("b"), &[0.4, 0.6]),
        ];
        let group = Group {
            name: "2 seeds".into(),
            members: vec![0, 1],
        };
        let lines = lines(&runs, &[group], &Measure::Test(ACCURACY.into()), By::Rounds);
        let points = &lines[0].points;
        assert_eq!((points.len(), points[1].x), (2, 2.0));
        assert!(
            (points[1].y - 0.5).abs() < 1e-6 && (points[1].spread - 0.02f64.sqrt()).abs() < 1e-6
        );
        assert_eq!(measures(&runs), [Measure::Test(ACCURACY.into()), Measure::Test(LOSS.into())]);
    }
}
