//! Runs side by side in 80 columns: a table, and a figure of the metric that says most. Runs that
//! failed, were stopped or still go on are compared by what they have.

use super::axis::By;
use super::curve::{Measure, lines};
use super::figure::{Axes, Figure};
use super::groups::{Group, alone, beside_method, by_seed, differing, mean_and_deviation};
use super::reported::Reported;
use super::words::{NONE, short, short_or_none, shortened};
use crate::event::Standing;
use crate::metrics::{ACCURACY, LOSS};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// No name is shortened to less.
const LEAST_NAME: usize = 12;

/// Several runs, side by side.
pub struct Comparison<'a> {
    runs: &'a [Reported],
    groups: Vec<Group>,
    by: By,
    metric: &'static str,
    target: Option<f64>,
}

/// What is said of a group of runs: the mean of its runs, and their standard deviation.
struct Row<'a> {
    group: &'a Group,
    state: String,
    rounds: usize,
    result: Option<(f64, f64)>,
    spent: Option<(f64, f64)>,
    // None when no run reached the target.
    to_target: Option<(f64, f64)>,
    reached: usize,
    utilised: Option<f64>,
}

/// Compares runs along an axis. `target` is the accuracy whose cost is asked for; without one it is
/// the best that all reach which came to an end of their own. `seeds` puts runs together that
/// differ only in their seed.
pub fn compare(runs: &[Reported], by: By, target: Option<f64>, seeds: bool) -> Comparison<'_> {
    let has_accuracy = |run: &Reported| {
        run.test()
            .is_some_and(|test| test.value(ACCURACY).is_some())
    };
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
        let bests = |broken: bool| {
            let asked = self
                .runs
                .iter()
                .filter(move |run| broken || !run.is_broken());
            asked.filter_map(|run| self.best(run)).reduce(|one, other| {
                if self.is_as_good(one, other) {
                    other
                } else {
                    one
                }
            })
        };
        bests(false).or_else(|| bests(true))
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
        Some(run.places[first].along(self.by))
    }

    fn rows(&self) -> Vec<Row<'_>> {
        self.groups.iter().map(|group| self.row(group)).collect()
    }

    fn row<'a>(&self, group: &'a Group) -> Row<'a> {
        let runs = || group.members.iter().map(|place| &self.runs[*place]);
        let over = |values: &dyn Fn(&Reported) -> Option<f64>| {
            mean_and_deviation(&runs().filter_map(values).collect::<Vec<f64>>())
        };
        let mut states: Vec<String> = runs().map(|run| run.standing().to_string()).collect();
        states.dedup();
        Row {
            group,
            state: states.join(", "),
            rounds: runs()
                .map(|run| run.history.rounds.len())
                .max()
                .unwrap_or(0),
            result: over(&|run| {
                run.test()?
                    .value(self.metric)
                    .filter(|value| value.is_finite())
            }),
            spent: over(&|run| run.places.last().map(|place| place.along(self.by))),
            to_target: over(&|run| self.cost(run)),
            reached: runs().filter(|run| self.cost(run).is_some()).count(),
            utilised: over(&|run| run.utilised()).map(|(mean, _)| mean),
        }
    }

    /// A line for each run or group, then what sets them apart, and why some came to no end of
    /// their own.
    pub fn table(&self) -> String {
        let target = format!("to {}", self.target.map_or("target".to_owned(), short));
        let heading = [
            "run",
            "state",
            "rounds",
            self.metric,
            "used",
            self.by.word(),
            &target,
        ]
        .map(str::to_owned);
        let rows = self.rows();
        let cells: Vec<[String; 7]> = [heading]
            .into_iter()
            .chain(rows.iter().map(cells))
            .collect();
        let mut text = in_columns(&cells);
        text += &self.apart();
        for run in self
            .runs
            .iter()
            .filter(|run| run.standing() != Standing::Finished)
        {
            let reason = if run.reason().is_empty() {
                String::new()
            } else {
                format!(": {}", run.reason())
            };
            let round = run.history.rounds.len() + 1;
            text += &wrapped(&format!("{} {} in round {round}{reason}", run.name, run.standing()));
        }
        text
    }

    /// How runs differ, each in a line or more.
    fn apart(&self) -> String {
        let differ = beside_method(self.runs);
        let mut text = String::from("\n");
        for group in &self.groups {
            let first = &self.runs[group.members[0]];
            let name = &group.name;
            let own = differ
                .iter()
                .filter(|name| group.members.len() == 1 || *name != "seed");
            let own = own.filter_map(|name| {
                Some(format!(
                    ", {name} {}",
                    first.settings.get(name).filter(|value| *value != "null")?
                ))
            });
            let slowed = first
                .run
                .summary
                .as_ref()
                .is_some_and(|summary| !summary.worker_slowdowns.is_empty());
            let slowed = if slowed { ", slowed down" } else { "" };
            text +=
                &wrapped(&format!("{name}: {}{}{slowed}", first.method(), own.collect::<String>()));
        }
        text
    }

    /// The table for programs, in CSV: a line for each run or group, with the settings in which
    /// they differ.
    pub fn csv(&self) -> String {
        let differ = differing(self.runs);
        let mut table = csv::Writer::from_writer(Vec::new());
        let by = self.by.word();
        let heading = [
            "run".to_owned(),
            "runs".to_owned(),
            "state".to_owned(),
            "rounds".to_owned(),
            self.metric.to_owned(),
            format!("{}_deviation", self.metric),
            format!("{by}_taken"),
            format!("{by}_taken_deviation"),
            "target".to_owned(),
            format!("{by}_to_target"),
            format!("{by}_to_target_deviation"),
            "runs_that_reached_it".to_owned(),
            "utilised".to_owned(),
        ];
        // Writing to memory does not fail.
        let _ = table.write_record(heading.iter().chain(&differ));
        for row in self.rows() {
            let first = &self.runs[row.group.members[0]];
            let own = differ
                .iter()
                .map(|name| first.settings.get(name).cloned().unwrap_or_default());
            let _ = table.write_record(self.fields(&row).into_iter().chain(own));
        }
        String::from_utf8(table.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    fn fields(&self, row: &Row<'_>) -> Vec<String> {
        let number =
            |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
        let pair = |pair: Option<(f64, f64)>| {
            [
                number(pair.map(|(mean, _)| mean)),
                number(pair.map(|(_, spread)| spread)),
            ]
        };
        let names = [
            row.group.name.clone(),
            row.group.members.len().to_string(),
            row.state.clone(),
            row.rounds.to_string(),
        ];
        let mut fields = Vec::from(names);
        fields.extend(pair(row.result));
        fields.extend(pair(row.spent));
        fields.push(number(self.target));
        fields.extend(pair(row.to_target));
        fields.extend([row.reached.to_string(), number(row.utilised)]);
        fields
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

fn cells(row: &Row<'_>) -> [String; 7] {
    let members = row.group.members.len();
    let pair = |pair: Option<(f64, f64)>| match pair {
        Some((mean, spread)) if members > 1 => format!("{} ±{}", short(mean), short_two(spread)),
        other => short_or_none(other.map(|(mean, _)| mean)),
    };
    let to_target = match row.reached {
        0 => "never".to_owned(),
        reached if reached < members => format!("{reached} of {members}"),
        _ => pair(row.to_target),
    };
    let used = row
        .utilised
        .map_or(NONE.to_owned(), |share| format!("{:.0}%", 100.0 * share));
    [
        row.group.name.clone(),
        row.state.clone(),
        row.rounds.to_string(),
        pair(row.result),
        used,
        pair(row.spent),
        to_target,
    ]
}

/// A deviation in two digits, which is all that it is good for.
fn short_two(number: f64) -> String {
    match number > 0.0 && number < 1e4 {
        true => short(format!("{number:.1e}").parse().unwrap_or(number)),
        false => short(number),
    }
}

/// Cells below each other, the first two to the left. Names give way, in their middle.
fn in_columns(rows: &[[String; 7]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let others: usize = widths[1..].iter().map(|wide| wide + 1).sum();
    let name = widths[0].min(WIDTH.saturating_sub(others).max(LEAST_NAME));
    let line = |row: &[String; 7]| {
        let rest = row
            .iter()
            .zip(&widths)
            .skip(2)
            .map(|(cell, wide)| format!(" {cell:>wide$}"));
        format!(
            "{:<name$} {:<state$}{}\n",
            shortened(&row[0], name),
            row[1],
            rest.collect::<String>(),
            state = widths[1]
        )
    };
    rows.iter().map(line).collect()
}

/// Words in lines of a terminal; all but the first begin further right.
fn wrapped(words: &str) -> String {
    let (mut text, mut wide) = (String::new(), 0);
    for word in words.split_whitespace() {
        let letters = word.chars().count();
        if wide > 0 && wide + 1 + letters > WIDTH {
            text += "\n   ";
            wide = 3;
        }
        if wide > 0 {
            text.push(' ');
            wide += 1;
        }
        text += word;
        wide += letters;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{reported, with_rounds};

    fn runs() -> Vec<Reported> {
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
    fn eighty_columns_say_what_runs_reached_at_what_cost_and_what_sets_them_apart() {
        let runs = runs();
        let table = compare(&runs, By::Virtual, None, false).table();
        assert!(table.lines().all(|line| line.chars().count() <= WIDTH), "{table}");
        // The failed run does not set the target.
        for words in [
            "to 0.4",
            "never",
            "lr 0.1",
            "z: , lr 9.0",
            "z failed in round 2: client 7",
            "a_rather_l",
        ] {
            assert!(table.contains(words), "{words}: {table}");
        }
        let first = table
            .lines()
            .find(|line| line.starts_with("x/run"))
            .expect("a row");
        assert_eq!(
            first.split_whitespace().collect::<Vec<_>>(),
            ["x/run", "finished", "2", "0.4", "-", "4", "4"]
        );
        let costs = |by| compare(&runs, by, Some(0.19), false).rows()[0].to_target;
        assert_eq!(
            [By::Rounds, By::Updates, By::Bytes].map(costs),
            [1.0, 10.0, 100.0].map(|cost| Some((cost, 0.0)))
        );
    }

    #[test]
    fn seeds_are_one_row_with_their_deviation() {
        let runs = runs();
        let comparison = compare(&runs, By::Rounds, Some(0.5), true);
        let table = comparison.table();
        assert!(
            table.contains("lr 0.1, 2 seeds")
                && table.contains("0.6 ±0.28")
                && table.contains("1 of 2"),
            "{table}"
        );
        let csv = comparison.csv();
        assert!(
            csv.starts_with("run,runs,state,rounds,accuracy,accuracy_deviation,rounds_taken,"),
            "{csv}"
        );
        assert_eq!(csv.lines().count(), 3);
        assert!(comparison.figure().is_some());
        assert!(
            compare(&runs[2..], By::Rounds, None, false)
                .figure()
                .is_none()
        );
    }

    #[test]
    fn runs_without_accuracy_are_compared_by_loss() {
        let mut run = with_rounds(reported("a"), &[0.5, 0.9]);
        for (place, done) in run.history.rounds.iter_mut().enumerate() {
            done.test = Some(crate::metrics::Metrics::default().with(LOSS, [3.0, 2.0][place], 1));
        }
        let runs = [run];
        let table = compare(&runs, By::Rounds, None, false).table();
        assert!(table.contains("loss") && table.contains("to 2"), "{table}");
    }
}
