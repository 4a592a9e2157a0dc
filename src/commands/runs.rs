//! `fedmpi runs`: the runs of a folder as a table, or as JSON.

use super::columns::widths;
use super::{say, terminal};
use crate::config::wrapped;
use crate::event::Standing;
use crate::metrics::LOSS;
use crate::record::{self, Listed, RUNS};
use anyhow::{Context, Result};
use jiff::{Timestamp, Zoned};
use ratatui::crossterm::style::Stylize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Columns from which on a table says what was trained too.
const WIDE: usize = 120;
/// Columns that are always there: run, state, round and how good.
const FEWEST: usize = 4;
/// Between columns.
const GAP: usize = 2;
/// Where the reason of an end begins, below its run.
const INDENT: &str = "    ";

/// Lists the runs of a folder, the newest last.
pub(super) fn run(folder: Option<&Path>, json: bool) -> Result<()> {
    let parent = folder.unwrap_or(Path::new(RUNS));
    let runs: Vec<Listed> = folders(parent, folder.is_some())?
        .iter()
        .map(|run| Listed::look(run))
        .collect();
    if json {
        return say(serde_json::to_string_pretty(&runs)?);
    }
    if runs.is_empty() {
        let hint = "hint: `mpirun -np 3 fedmpi` makes one; `fedmpi runs FOLDER` looks elsewhere";
        return say(wrapped(&format!("no runs are in {} ({hint})", parent.display()), 0, 4));
    }
    let page = Page {
        columns: terminal::columns().into(),
        coloured: terminal::is_there(),
        now: Zoned::now(),
    };
    say(page.table(&runs))
}

/// The folders of runs; a run's own folder is one.
fn folders(parent: &Path, named: bool) -> Result<Vec<PathBuf>> {
    let found = record::folders_in(parent);
    if let Err(error) = &found
        && error.kind() == ErrorKind::NotFound
        && !named
    {
        return Ok(Vec::new());
    }
    let unread = || format!("cannot read {} (hint: name a folder of runs)", parent.display());
    let found = found.with_context(unread)?;
    if found.is_empty() && record::is_run(parent) {
        return Ok(vec![parent.to_owned()]);
    }
    Ok(found)
}

/// What a table is written on.
struct Page {
    columns: usize,
    coloured: bool,
    now: Zoned,
}

impl Page {
    fn table(&self, runs: &[Listed]) -> String {
        let is_loss = runs.iter().any(|run| run.metric == LOSS);
        let result = if is_loss { "result" } else { "accuracy" };
        let mut heads = vec!["run", "state", "round", result, "began", "took", "where"];
        let mut lines: Vec<Vec<String>> = runs.iter().map(|run| self.cells(run)).collect();
        if self.columns >= WIDE {
            heads.push("of");
            for (line, run) in lines.iter_mut().zip(runs) {
                line.push(format!("{}, {}", run.model, run.dataset));
            }
        }
        let head: Vec<String> = heads.into_iter().map(str::to_owned).collect();
        let rows = lines.iter().chain([&head]);
        let widths = self.fitting(widths(rows.map(Vec::as_slice)));
        let mut text = self.line(&head, &widths, None);
        for (run, line) in runs.iter().zip(&lines) {
            text += &self.line(line, &widths, Some(run.state));
            if matches!(run.state, Standing::Failed | Standing::Killed | Standing::Stopped) {
                let reason = run.reason.lines().next().unwrap_or_default();
                text += &self.cut(&format!("{INDENT}{reason}"));
            }
        }
        text
    }

    /// The widths of the columns for which there is room; the last ones are left out first.
    fn fitting(&self, mut widths: Vec<usize>) -> Vec<usize> {
        while widths.len() > FEWEST && spanned(&widths) > self.columns {
            widths.pop();
        }
        widths
    }

    fn cells(&self, run: &Listed) -> Vec<String> {
        let host = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
        let place = match &run.hosts[..] {
            [] => "-".to_owned(),
            [one] => format!("{} on {}", run.ranks, host(one)),
            many => format!("{} on {} hosts", run.ranks, many.len()),
        };
        let round = format!("{}/{}", run.round, run.rounds);
        vec![
            run.run.clone(),
            run.state.to_string(),
            round,
            run.result(),
            self.time(run.started),
            length(run.seconds),
            place,
        ]
    }

    /// The time of day today, the date before.
    fn time(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.now.time_zone().clone());
        let form = match (at.date() == self.now.date(), at.year() == self.now.year()) {
            (true, _) => "%H:%M",
            // Names that the program gives tell the time too.
            (_, true) if self.columns < WIDE => "%b %d",
            (_, true) => "%b %d %H:%M",
            _ => "%Y-%m-%d",
        };
        at.strftime(form).to_string()
    }

    /// A line of the table, cut where the page ends; the state is coloured.
    fn line(&self, cells: &[String], widths: &[usize], state: Option<Standing>) -> String {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let line = self.cut(padded.join(&" ".repeat(GAP)).trim_end());
        let Some(state) = state.filter(|_| self.coloured) else { return line };
        let word = state.to_string();
        let coloured = match state {
            Standing::Running => word.as_str().cyan(),
            Standing::Finished => word.as_str().green(),
            Standing::Stopped => word.as_str().yellow(),
            Standing::Failed | Standing::Killed => word.as_str().red(),
        };
        // The name before it may hold the same word.
        let at = line
            .char_indices()
            .nth(widths[0] + GAP)
            .map_or(line.len(), |(at, _)| at);
        let (before, after) = line.split_at(at);
        before.to_owned() + &after.replacen(&word, &coloured.to_string(), 1)
    }

    fn cut(&self, line: &str) -> String {
        if line.chars().count() <= self.columns {
            return format!("{line}\n");
        }
        line.chars()
            .take(self.columns - 1)
            .chain("…\n".chars())
            .collect()
    }
}

/// Columns of the page that a line of these widths takes.
fn spanned(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * (widths.len() - 1)
}

/// Seconds as people read them: `7 s`, `3:20`, `2:03:20`.
pub(super) fn length(seconds: f64) -> String {
    let whole = if seconds.is_finite() {
        seconds.max(0.0).round() as u64
    } else {
        0
    };
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) if seconds < 9.95 => format!("{seconds:.1} s"),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ACCURACY;
    use jiff::tz::TimeZone;

    fn listed(name: &str, state: Standing, at: &str) -> Listed {
        Listed {
            run: name.to_owned(),
            folder: name.into(),
            state,
            reason: "rank 2 failed to train client 5 in round 1: client 5 returned NaN (hint: \
                     training diverged; lower --lr)"
                .to_owned(),
            round: 1000,
            rounds: 2000,
            metric: ACCURACY,
            value: Some(0.9759),
            started: at.parse().expect("a time"),
            seconds: 7384.0,
            hosts: ["node01.cluster.example.org", "node02"]
                .map(str::to_owned)
                .into(),
            ranks: 65,
            dataset: "mnist".to_owned(),
            model: "cnn".to_owned(),
        }
    }

    fn page(columns: usize, coloured: bool) -> Page {
        let now: Timestamp = "2026-11-26T18:00:00Z".parse().expect("a time");
        Page {
            columns,
            coloured,
            now: now.to_zoned(TimeZone::UTC),
        }
    }

    #[test]
    fn a_table_fits_eighty_columns_and_says_more_on_wider_ones() {
        let runs = [
            listed("20261125-092156-synthetic-lr", Standing::Failed, "2026-11-25T09:21:56Z"),
            listed(
                "a-run-of-this-name-which-is-longer-than-usual",
                Standing::Finished,
                "2026-11-26T09:21:56Z",
            ),
        ];
        let narrow = page(80, false).table(&runs);
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        assert_eq!(
            page(80, false).table(&runs[..1]),
            "\
run                           state   round      accuracy  began   took
20261125-092156-synthetic-lr  failed  1000/2000  97.59 %   Nov 25  2:03:04
    rank 2 failed to train client 5 in round 1: client 5 returned NaN (hint: tr…
"
        );
        let wide = page(200, false).table(&runs);
        for words in ["09:21 ", "65 on 2 hosts", "cnn, mnist", "lower --lr)"] {
            assert!(wide.contains(words), "{words}: {wide}");
        }
    }

    #[test]
    fn only_the_state_is_coloured() {
        let runs = [listed(
            "finished-run",
            Standing::Finished,
            "2024-11-25T09:21:56Z",
        )];
        let table = page(80, true).table(&runs);
        assert!(
            table.contains("\nfinished-run  ") && !page(80, false).table(&runs).contains('\u{1b}'),
            "{table}"
        );
        assert!(table.contains("2024-11-25"));
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!(
            [7.04, 59.4, 200.0, 7384.0, f64::NAN].map(length),
            ["7.0 s", "59 s", "3:20", "2:03:04", "0 s"]
        );
    }
}
