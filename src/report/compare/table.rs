//! The comparison as people read it, in the 80 columns that every terminal has.

use super::{Comparison, Mean, Row};
use crate::event::Standing;
use crate::report::groups::{Group, beside_method};
use crate::report::reported::Reported;
use crate::report::words::{NONE, short, short_or_none, shortened};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// No name is shortened to less.
const LEAST_NAME: usize = 12;

/// A line's cells: name, state, rounds, result, use of the workers, cost, cost of the target.
type Cells = [String; 7];

impl Comparison<'_> {
    /// A line for each run or group, then what sets them apart, and why some came to no end of
    /// their own.
    pub fn table(&self) -> String {
        let mut lines = vec![self.heading()];
        lines.extend(self.rows().iter().map(cells));
        let mut text = in_columns(&lines);
        text += &self.apart();
        for run in self.runs {
            if run.standing() != Standing::Finished {
                text += &wrapped(&ending(run));
            }
        }
        text
    }

    fn heading(&self) -> Cells {
        let target = format!("to {}", self.target.map_or("target".to_owned(), short));
        let words = [
            "run",
            "state",
            "rounds",
            self.metric,
            "used",
            self.by.word(),
            &target,
        ];
        words.map(str::to_owned)
    }

    /// How runs differ, each in a line or more.
    fn apart(&self) -> String {
        let differ = beside_method(self.runs);
        let mut text = String::from("\n");
        for group in &self.groups {
            text += &wrapped(&self.particulars(group, &differ));
        }
        text
    }

    /// A group's method, and its values of the settings in which runs `differ`.
    fn particulars(&self, group: &Group, differ: &[String]) -> String {
        let first = &self.runs[group.members[0]];
        let mut words = format!("{}: {}", group.name, first.method());
        for name in differ {
            let is_shared = group.members.len() == 1 || name != "seed";
            let value = first.settings.get(name).filter(|value| *value != "null");
            if let (true, Some(value)) = (is_shared, value) {
                words += &format!(", {name} {value}");
            }
        }
        let summary = first.run.summary.as_ref();
        if summary.is_some_and(|summary| !summary.worker_slowdowns.is_empty()) {
            words += ", slowed down";
        }
        words
    }
}

/// How and when a run ended, and why if it says so.
fn ending(run: &Reported) -> String {
    let round = run.history.rounds.len() + 1;
    let mut words = format!("{} {} in round {round}", run.name, run.standing());
    if !run.reason().is_empty() {
        words += &format!(": {}", run.reason());
    }
    words
}

fn cells(row: &Row<'_>) -> Cells {
    let members = row.group.members.len();
    let to_target = match row.reached {
        0 => "never".to_owned(),
        reached if reached < members => format!("{reached} of {members}"),
        _ => mean(row.to_target, members),
    };
    let used = match row.utilised {
        Some(share) => format!("{:.0}%", 100.0 * share),
        None => NONE.to_owned(),
    };
    [
        row.group.name.clone(),
        row.state.clone(),
        row.rounds.to_string(),
        mean(row.result, members),
        used,
        mean(row.spent, members),
        to_target,
    ]
}

/// A mean, with the deviation of several.
fn mean(mean: Mean, members: usize) -> String {
    match mean {
        Some((mean, spread)) if members > 1 => format!("{} ±{}", short(mean), short_two(spread)),
        other => short_or_none(other.map(|(mean, _)| mean)),
    }
}

/// A deviation in two digits, which is all that it is good for.
fn short_two(number: f64) -> String {
    match number > 0.0 && number < 1e4 {
        true => short(format!("{number:.1e}").parse().unwrap_or(number)),
        false => short(number),
    }
}

/// Cells below each other, the first two to the left. Names give way, in their middle.
fn in_columns(lines: &[Cells]) -> String {
    let mut widths = [0; 7];
    for cells in lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    let others: usize = widths[1..].iter().map(|wide| wide + 1).sum();
    widths[0] = widths[0].min(WIDTH.saturating_sub(others).max(LEAST_NAME));
    lines.iter().map(|cells| line(cells, &widths)).collect()
}

fn line(cells: &Cells, widths: &[usize; 7]) -> String {
    let [name_width, state_width, ..] = *widths;
    let name = shortened(&cells[0], name_width);
    let mut line = format!("{name:<name_width$} {:<state_width$}", cells[1]);
    for (cell, wide) in cells.iter().zip(widths).skip(2) {
        line += &format!(" {cell:>wide$}");
    }
    line + "\n"
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
    use super::super::tests::runs;
    use super::*;
    use crate::metrics::{LOSS, Metrics};
    use crate::report::axis::By;
    use crate::report::compare;
    use crate::report::tests::{reported, with_rounds};

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
    }

    #[test]
    fn seeds_are_one_row_with_their_deviation() {
        let runs = runs();
        let table = compare(&runs, By::Rounds, Some(0.5), true).table();
        for words in ["lr 0.1, 2 seeds", "0.6 ±0.28", "1 of 2"] {
            assert!(table.contains(words), "{words}: {table}");
        }
    }

    #[test]
    fn runs_without_accuracy_are_compared_by_loss() {
        let mut run = with_rounds(reported("a"), &[0.5, 0.9]);
        for (place, done) in run.history.rounds.iter_mut().enumerate() {
            done.test = Some(Metrics::default().with(LOSS, [3.0, 2.0][place], 1));
        }
        let runs = [run];
        let table = compare(&runs, By::Rounds, None, false).table();
        assert!(table.contains("loss") && table.contains("to 2"), "{table}");
    }
}
