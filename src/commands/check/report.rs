//! `--partition_report FOLDER`: who owns how much of what, as a table for programs and a picture for papers.

use super::histogram::class_counts;
use crate::files;
use crate::ids::ClientId;
use crate::plan::Plan;
use anyhow::{Context, Result, ensure};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The first columns of the table; one for each class follows.
const HEAD: &str = "client,samples";

/// Rows of a picture at most: more clients share them. Columns, likewise.
const MOST: usize = 100;
/// Letters of a picture, in pixels.
const LETTERS: (&str, u32) = ("sans-serif", 16);
/// One hue, from white on: darkness alone tells amounts, in print and to the colour-blind.
const DARKEST: RGBColor = RGBColor(8, 48, 107);

type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Neighbours that share a row of the picture.
struct Band {
    clients: Range<usize>,
    samples: u64,
    // Of each class, or of neighbouring ones; none where samples have none.
    classes: Vec<u64>,
}

/// Writes both files into a folder; gives where.
pub(super) fn write(plan: &Plan, folder: &Path) -> Result<[PathBuf; 2]> {
    let paths = ["partition.csv", "partition.svg"].map(|name| folder.join(name));
    for path in &paths {
        let hint = "hint: another --partition_report, or remove it";
        ensure!(!files::is_there(path), "{} is there already ({hint})", path.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make --partition_report {}", folder.display()))?;
    let mut picture = String::new();
    draw(plan, &mut picture).with_context(|| format!("cannot draw {}", paths[1].display()))?;
    let contents = [table(plan)?, picture.into_bytes()];
    for (path, content) in paths.iter().zip(&contents) {
        files::write_named(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(paths)
}

/// A line for each client: samples, and of each class.
fn table(plan: &Plan) -> Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    let classes = (0..classes(plan)).map(|class| format!("class_{class}"));
    lines.write_record(HEAD.split(',').map(str::to_owned).chain(classes))?;
    for client in plan.partition.ids() {
        let counts = counts(plan, client);
        let numbers = [client.0.into(), plan.samples(client)].into_iter().chain(counts);
        lines.write_record(numbers.map(|number: u64| number.to_string()))?;
    }
    Ok(lines.into_inner()?)
}

/// How many classes there are to tell apart; 0 where samples have none, or are not held.
fn classes(plan: &Plan) -> usize {
    plan.dataset.train.classes().map_or(0, |_| plan.dataset.facts.task.outputs())
}

fn counts(plan: &Plan, client: ClientId) -> Vec<u64> {
    plan.dataset.train.classes().map_or(Vec::new(), |labels| class_counts(plan, labels, client))
}

/// How many of `all` share a row or column.
fn shared(all: usize) -> usize {
    all.div_ceil(MOST).max(1)
}

fn bands(plan: &Plan) -> Vec<Band> {
    let (all, wide) = (plan.clients(), shared(classes(plan)));
    let starts = (0..all).step_by(shared(all));
    starts.map(|first| band(plan, first..all.min(first + shared(all)), wide)).collect()
}

fn band(plan: &Plan, clients: Range<usize>, wide: usize) -> Band {
    let mut classes = vec![0; classes(plan).div_ceil(wide)];
    let mut samples = 0;
    for client in clients.clone().map(ClientId::from) {
        samples += plan.samples(client);
        for (class, count) in counts(plan, client).into_iter().enumerate() {
            classes[class / wide] += count;
        }
    }
    Band { clients, samples, classes }
}

/// Shares of classes on the left, if there are any, and amounts on the right.
fn draw(plan: &Plan, picture: &mut String) -> Result<()> {
    let area = SVGBackend::with_string(picture, (900, 640)).into_drawing_area();
    area.fill(&WHITE)?;
    let bands = bands(plan);
    let amounts = match classes(plan) {
        0 => area.clone(),
        classes => {
            let (left, right) = area.split_horizontally(600);
            draw_shares(&left, &bands, classes)?;
            right
        }
    };
    draw_amounts(&amounts, &bands)?;
    Ok(area.present()?)
}

fn draw_shares(area: &Area<'_>, bands: &[Band], classes: usize) -> Result<()> {
    let title = "class (white: none of the client's samples, dark: all)";
    let mut chart = chart(area, -0.5..classes as f64 - 0.5, bands, title)?;
    let wide = shared(classes);
    let cells = bands.iter().flat_map(|band| {
        let cell = move |(place, count): (usize, &u64)| {
            let share = *count as f64 / band.samples.max(1) as f64;
            let from = (place * wide) as f64 - 0.5;
            rectangle(from..(from + wide as f64).min(classes as f64 - 0.5), &band.clients, shade(share))
        };
        band.classes.iter().enumerate().filter(|(_, count)| **count > 0).map(cell)
    });
    chart.draw_series(cells)?;
    Ok(())
}

fn draw_amounts(area: &Area<'_>, bands: &[Band]) -> Result<()> {
    let mean = |band: &Band| band.samples as f64 / band.clients.len() as f64;
    let most = bands.iter().map(mean).fold(1.0, f64::max);
    let mut chart = chart(area, 0.0..most, bands, "number of samples")?;
    chart.draw_series(bands.iter().map(|band| rectangle(0.0..mean(band), &band.clients, DARKEST)))?;
    Ok(())
}

/// Axes: clients upwards, each around its number.
fn chart<'a, 'b>(area: &Area<'b>, across: Range<f64>, bands: &[Band], title: &str) -> Result<Chart<'a, 'b>> {
    let last = bands.last().map_or(0, |band| band.clients.end);
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(72)
        .build_cartesian_2d(across, -0.5..last as f64 - 0.5)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(6)
        .x_desc(title)
        .y_desc("client")
        .x_label_formatter(&|number| format!("{number:.0}"))
        .y_label_formatter(&|number| format!("{number:.0}"))
        .label_style(LETTERS)
        .axis_desc_style(LETTERS)
        .draw()?;
    Ok(chart)
}

fn rectangle(across: Range<f64>, clients: &Range<usize>, colour: RGBColor) -> Rectangle<(f64, f64)> {
    let (low, high) = (clients.start as f64 - 0.5, clients.end as f64 - 0.5);
    Rectangle::new([(across.start, low), (across.end, high)], colour.filled())
}

/// From nearly white to the darkest, evenly.
fn shade(share: f64) -> RGBColor {
    let towards = |dark: u8| (235.0 + (f64::from(dark) - 235.0) * share.clamp(0.0, 1.0)) as u8;
    RGBColor(towards(DARKEST.0), towards(DARKEST.1), towards(DARKEST.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn plan(clients: i64) -> Plan {
        Plan::resolve(Config { client_num_in_total: clients, client_num_per_round: 1, ..Config::default() })
            .expect("sound")
    }

    #[test]
    fn the_table_adds_up_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = plan(7);
        let [csv, svg] = write(&plan, &folder.path().join("new")).expect("written");
        let text = fs::read_to_string(csv).expect("text");
        assert!(text.starts_with("client,samples,class_0,") && text.lines().count() == 8, "{text}");
        for line in text.lines().skip(1) {
            let numbers: Vec<u64> = line.split(',').map(|number| number.parse().expect("a number")).collect();
            assert_eq!(numbers[1], numbers[2..].iter().sum::<u64>(), "{line}");
        }
        assert!(fs::read_to_string(svg).expect("text").contains("client"));
        let again = write(&plan, &folder.path().join("new")).expect_err("refused").to_string();
        assert!(again.contains("partition.csv is there already"), "{again}");
    }

    #[test]
    fn pictures_of_many_clients_are_bounded() {
        let bands = bands(&plan(1234));
        assert!(bands.len() <= MOST && bands.last().is_some_and(|band| band.clients.end == 1234));
        assert!(bands.iter().all(|band| band.samples == band.classes.iter().sum::<u64>()));
    }
}
