//! `fedmpi clients`: the clients of a run as a table, or as CSV.

use super::columns::widths;
use super::say;
use crate::cli::{ClientsArgs, Column};
use crate::record::find;
use crate::report::{Client, Reported, clients, read, short_or_none};
use anyhow::{Error, Result, bail};
use clap::ValueEnum;
use std::cmp::Ordering;
use std::slice;

/// Between columns.
const GAP: &str = "  ";

/// Prints the table.
pub(super) fn run(arguments: &ClientsArgs) -> Result<()> {
    let folder = find(&arguments.run)?;
    let mut runs = read(slice::from_ref(&folder)).map_err(Error::msg)?;
    let run = runs.swap_remove(0);
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
    figure(other, by)
        .total_cmp(&figure(one, by))
        .then(one.id.cmp(&other.id))
}

/// What clients are ordered by, the highest first.
fn figure(client: &Client, by: Column) -> f64 {
    match by {
        Column::Client => -f64::from(client.id),
        Column::Samples => client.samples as f64,
        Column::Trained => client.times as f64,
        Column::Diverged => client.diverged as f64,
        Column::Loss => client.loss.unwrap_or(f64::NEG_INFINITY),
        Column::Seconds => client.seconds,
        Column::PerSample => per_sample(client).unwrap_or(f64::NEG_INFINITY),
        Column::Worker => -f64::from(client.rank.0),
    }
}

/// Mean seconds of a training for each sample.
fn per_sample(client: &Client) -> Option<f64> {
    if client.samples == 0 || client.times == 0 {
        return None;
    }
    Some(client.seconds / client.samples as f64)
}

/// What is said of a client, in the order of the columns: with all digits, or as people read it.
fn cells(client: &Client, run: &Reported, exact: bool) -> Vec<String> {
    let columns = Column::value_variants().iter();
    columns
        .map(|column| cell(client, run, *column, exact))
        .collect()
}

fn cell(client: &Client, run: &Reported, column: Column, exact: bool) -> String {
    let number = if exact { all_digits } else { short_or_none };
    match column {
        Column::Client => client.id.to_string(),
        Column::Samples if client.samples == 0 => number(None),
        Column::Samples => client.samples.to_string(),
        Column::Trained => client.times.to_string(),
        Column::Diverged => client.diverged.to_string(),
        Column::Loss => number(client.loss),
        Column::Seconds if client.times == 0 => number(None),
        Column::Seconds => number(Some(client.seconds)),
        Column::PerSample => number(per_sample(client)),
        Column::Worker if client.times == 0 => number(None),
        Column::Worker => worker(client, run),
    }
}

fn all_digits(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The rank that trained it last, and the first part of the host's name.
fn worker(client: &Client, run: &Reported) -> String {
    let started = run.history.starts.last();
    match started.and_then(|started| started.hosts.get(&client.rank)) {
        Some(host) => {
            let name = host.split('.').next().unwrap_or_default();
            format!("{} on {name}", client.rank)
        }
        None => client.rank.to_string(),
    }
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
    let mut lines: Vec<&[String]> = lines.iter().map(Vec::as_slice).collect();
    lines.insert(0, &titles);
    let widths = widths(lines.iter().copied());
    let mut table = String::new();
    for line in lines {
        let (last, numbers) = line.split_last().expect("there are columns");
        for (cell, width) in numbers.iter().zip(&widths) {
            table += &format!("{cell:>width$}{GAP}");
        }
        table += last;
        table += "\n";
    }
    table
}

fn csv(lines: &[Vec<String>]) -> Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(titles())?;
    lines.iter().try_for_each(|line| table.write_record(line))?;
    Ok(String::from_utf8(table.into_inner()?)?)
}
