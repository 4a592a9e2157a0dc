//! Runs side by side: what each reached, and at what cost. Runs that failed, were stopped or still
//! go on are compared by what they have.

mod csv;
mod table;

use super::axis::By;
use super::curve::{Measure, lines};
use super::figure::{Axes, Figure};
use super::groups::{Group, alone, by_seed, mean_and_deviation};
use super::reported::Reported;
use crate::metrics::{ACCURACY, LOSS};

/// Several runs, side by side.
pub struct Comparison<'a> {
    runs: &'a [Reported],
    groups: Vec<Group>,
    by: By,
    metric: &'static str,
    target: Option<f64>,
}

/// A mean, and the standard deviation; none of nothing.
type Mean = Option<(f64, f64)>;

/// What is said of a group of runs: the mean of its runs, and their standard deviation.
struct Row<'a> {
    group: &'a Group,
    state: String,
    rounds: usize,
    result: Mean,
    spent: Mean,
    // None when no run reached the target.
    to_target: Mean,
    reached: usize,
    utilised: Option<f64>,
}

/// Compares runs along an axis. `target` is the accuracy whose cost is asked for; without one it is
/// the best that all reach which came to an end of their own. `seeds` puts runs together that
/// differ only in their seed.
pub fn compare(runs: &[Reported], by: By, target: Option<f64>, seeds: bool) -> Comparison<'_> {
    let metric = if target.is_some() || runs.iter().any(has_accuracy) {
        ACCURACY
    } else {
        LOSS
    };
    let groups = if seeds { by_seed(runs) } else { alone(runs) };
    let mut comparison = Comparison {
        runs,
        groups,
        by,
        metric,
        target,
    };
    comparison.target = target.or_else(|| comparison.common());
    comparison
}

fn has_accuracy(run: &Reported) -> bool {
    run.test()
        .is_some_and(|test| test.value(ACCURACY).is_some())
}

impl Comparison<'_> {
    /// Whether a value is as good as another.
    fn is_as_good(&self, value: f64, other: f64) -> bool {
        if self.metric == LOSS {
            value <= other
        } else {
            value >= other
        }
    }

    fn better(&self, one: f64, other: f64) -> f64 {
        if self.is_as_good(one, other) {
            one
        } else {
            other
        }
    }

    fn worse(&self, one: f64, other: f64) -> f64 {
        if self.is_as_good(one, other) {
            other
        } else {
            one
        }
    }

    fn measure(&self) -> Measure {
        Measure::Test(self.metric.to_owned())
    }

    /// The best that a run reached.
    fn best(&self, run: &Reported) -> Option<f64> {
        let measure = self.measure();
        run.history
            .rounds
            .iter()
            .filter_map(|done| measure.of(done))
            .reduce(|one, other| self.better(one, other))
    }

    /// The best that all runs reached, but for broken ones, if there are others.
    fn common(&self) -> Option<f64> {
        let whole = self.runs.iter().filter(|run| !run.is_broken());
        self.best_of_all(whole)
            .or_else(|| self.best_of_all(self.runs.iter()))
    }

    /// The best that each of some runs reached.
    fn best_of_all<'r>(&self, runs: impl Iterator<Item = &'r Reported>) -> Option<f64> {
        runs.filter_map(|run| self.best(run))
            .reduce(|one, other| self.worse(one, other))
    }

    /// Where a run stood when it reached the target.
    fn cost(&self, run: &Reported) -> Option<f64> {
        let (target, measure) = (self.target?, self.measure());
        let reached = |value: f64| self.is_as_good(value, target);
        let first = run
            .history
            .rounds
            .iter()
            .position(|done| measure.of(done).is_some_and(reached))?;
        run.places[first].along(self.by)
    }

    fn rows(&self) -> Vec<Row<'_>> {
        self.groups.iter().map(|group| self.row(group)).collect()
    }

    fn row<'a>(&self, group: &'a Group) -> Row<'a> {
        let mut states: Vec<String> = self
            .members(group)
            .map(|run| run.standing().to_string())
            .collect();
        states.dedup();
        let rounds = self.members(group).map(|run| run.history.rounds.len());
        let reached = self.members(group).filter(|run| self.cost(run).is_some());
        let utilised = self.over(group, Reported::utilised);
        Row {
            group,
            state: states.join(", "),
            rounds: rounds.max().unwrap_or(0),
            result: self.over(group, |run| self.result(run)),
            spent: self.over(group, |run| run.places.last()?.along(self.by)),
            to_target: self.over(group, |run| self.cost(run)),
            reached: reached.count(),
            utilised: utilised.map(|(mean, _)| mean),
        }
    }

    /// The runs of a group.
    fn members(&self, group: &Group) -> impl Iterator<Item = &Reported> {
        group.members.iter().map(|place| &self.runs[*place])
    }

    /// What the runs of a group have of something, those that have it.
    fn over(&self, group: &Group, value: impl Fn(&Reported) -> Option<f64>) -> Mean {
        mean_and_deviation(&self.members(group).filter_map(value).collect::<Vec<f64>>())
    }

    /// The metric at the last evaluation.
    fn result(&self, run: &Reported) -> Option<f64> {
        let value = run.test()?.value(self.metric)?;
        value.is_finite().then_some(value)
    }

    /// The metric along the axis; none when no run has two evaluations.
    pub fn figure(&self) -> Option<Figure> {
        let (measure, groups) = (self.measure(), &self.groups);
        let lines = lines(self.runs, groups, &measure, self.by);
        let title = measure.title();
        let axes = Axes {
            x: self.by.title(),
            y: &title,
            holds: None,
        };
        let drawn = lines.iter().any(|line| line.points.len() > 1);
        drawn.then(|| Figure::of_lines("compare", &title, &axes, &lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Standing;
    use crate::report::tests::{reported, with_rounds};

    /// Two runs that differ in their seed, and one that failed.
    pub(super) fn runs() -> Vec<Reported> {
        let set = |mut run: Reported, lr: &str, seed: &str| {
            run.settings = [("lr", lr), ("seed", seed)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
            run
        };
        let long = "a_rather_long_name_of_a_run_that_no_terminal_has_room_for/and_more_of_it";
        let mut failed = with_rounds(reported("z"), &[0.1]);
        failed.run.standing = Standing::Failed;
        failed.history.end = Some((Standing::Failed, "client 7 returned NaN".into()));
        vec![
            set(with_rounds(reported("x/run"), &[0.2, 0.4]), "0.1", "0"),
            set(with_rounds(reported(long), &[0.3, 0.8]), "0.1", "1"),
            set(failed, "9.0", "0"),
        ]
    }

    #[test]
    fn a_target_costs_what_was_taken_along_each_axis() {
        let runs = runs();
        let costs = |by| compare(&runs, by, Some(0.19), false).rows()[0].to_target;
        assert_eq!(
            [By::Rounds, By::Updates, By::Bytes].map(costs),
            [1.0, 10.0, 100.0].map(|cost| Some((cost, 0.0)))
        );
    }
}
