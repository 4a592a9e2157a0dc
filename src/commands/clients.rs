//! `fedmpi clients`: the clients of a run as a table, or as CSV.

use super::say;
use crate::cli::{ClientsArgs, Column};
use crate::record::find;
use crate::report::{Client, Reported, clients, read, short_or_none};
use anyhow::{Error, Result, bail};
use clap::ValueEnum;
use std::cmp::Ordering;

/// Between columns.
const GAP: &str = "  ";

/// Prints the table.
pub(super) fn run(arguments: &ClientsArgs) -> Result<()> {
    let folder = find(&arguments.run)?;
    let run = read(std::slice::from_ref(&folder))
        .map_err(Error::msg)?
        .swap_remove(0);
    let mut clients = clients(&run);
    if clients.is_empty() {
        bail!(
            "{} has trained no client yet (hint: `fedmpi runs` says how it stands)",
            folder.display()
        );
    }
    clients.sort_by(|one, other| order(one, other, arguments.sort));
    clients.truncate(arguments.most.unwrap_or(usize::MAX));
    let lines: Vec<Vec<String>> = clients
        .iter()
        .map(|client| cells(client, &run, arguments.csv))
        .collect();
    if arguments.csv {
        say(csv(&lines)?)
    } else {
        say(table(&lines))
    }
}

impl Column {
    fn title(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

/// Clients by their numbers, and whatever else the highest first; what has none comes last.
fn order(one: &Client, other: &Client, by: Column) -> Ordering {
    let figure = |client: &Client| match by {
        Column::Client => -f64::from(client.id),
        Column::Samples => client.samples as f64,
        Column::Trained => client.times as f64,
        Column::Diverged => client.diverged as f64,
        Column::Loss => client.loss.unwrap_or(f64::NEG_INFINITY),
        Column::Seconds => client.seconds,
        Column::PerSample => per_sample(client).unwrap_or(f64::NEG_INFINITY),
        Column::Worker => -f64::from(client.rank.0),
    };
    figure(other)
        .total_cmp(&figure(one))
        .then(one.id.cmp(&other.id))
}

/// Mean seconds of a training for each sample.
fn per_sample(client: &Client) -> Option<f64> {
    (client.samples > 0 && client.times > 0).then(|| client.seconds / client.samples as f64)
}

/// What is said of a client, in the order of the columns: with all digits, or as people read it.
fn cells(client: &Client, run: &Reported, exact: bool) -> Vec<String> {
    let number = |value: Option<f64>| match exact {
        true => value.map(|value| value.to_string()).unwrap_or_default(),
        false => short_or_none(value),
    };
    let seconds = Some(client.seconds).filter(|_| client.times > 0);
    let cell = |column: &Column| match column {
        Column::Client => client.id.to_string(),
        Column::Samples if client.samples == 0 => number(None),
        Column::Samples => client.samples.to_string(),
        Column::Trained => client.times.to_string(),
        Column::Diverged => client.diverged.to_string(),
        Column::Loss => number(client.loss),
        Column::Seconds => number(seconds),
        Column::PerSample => number(per_sample(client)),
        Column::Worker if client.times == 0 => number(None),
        Column::Worker => worker(client, run),
    };
    Column::value_variants().iter().map(cell).collect()
}

fn worker(client: &Client, run: &Reported) -> String {
    let host = run
        .history
        .starts
        .last()
        .and_then(|started| started.hosts.get(&client.rank));
    let host = host
        .and_then(|name| name.split('.').next())
        .map(|name| format!(" on {name}"));
    format!("{}{}", client.rank, host.unwrap_or_default())
}

fn titles() -> Vec<String> {
    Column::value_variants()
        .iter()
        .map(|column| column.title())
        .collect()
}

/// Columns of numbers end together; the last begins together.
fn table(lines: &[Vec<String>]) -> String {
    let titles = titles();
    let all = || std::iter::once(&titles).chain(lines);
    let widest = |column: usize| {
        all()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len() - 1).map(widest).collect();
    let line = |line: &Vec<String>| {
        let (last, numbers) = line.split_last().expect("there are columns");
        let padded = numbers
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:>width$}{GAP}"));
        padded
            .chain([last.clone(), "\n".to_owned()])
            .collect::<String>()
    };
    all().map(line).collect()
}

fn csv(lines: &[Vec<String>]) -> Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(titles())?;
    lines.iter().try_for_each(|line| table.write_record(line))?;
    Ok(String::from_utf8(table.into_inner()?)?)
}
