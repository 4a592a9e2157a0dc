//! Clients against classes, and how much each client has: drawn once, as lines or as pixels.

use super::bitmap::Bitmap;
use super::report::counts;
use crate::ids::ClientId;
use crate::plan::Plan;
use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;

/// Width and height, in pixels.
const SIZE: (u32, u32) = (900, 640);
/// Rows of a picture at most: more clients share them. Columns, likewise.
const MOST: usize = 100;
/// Letters of a picture, in pixels.
const LETTERS: (&str, u32) = ("sans-serif", 16);
/// One hue, from white on: darkness alone tells amounts, in print and to the colour-blind.
const DARKEST: RGBColor = RGBColor(8, 48, 107);

type Area<B> = DrawingArea<B, Shift>;
type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Neighbours that share a row of the picture.
struct Band {
    clients: Range<usize>,
    samples: u64,
    // Of each class, or of neighbouring ones; none where samples have none.
    classes: Vec<u64>,
}

/// The picture as SVG.
pub(super) fn svg(plan: &Plan) -> Result<Vec<u8>> {
    let mut text = String::new();
    draw(plan, SVGBackend::with_string(&mut text, SIZE))?;
    Ok(text.into_bytes())
}

/// The picture as PNG.
pub(super) fn png(plan: &Plan) -> Result<Vec<u8>> {
    let mut bitmap = Bitmap::new(SIZE);
    draw(plan, &mut bitmap)?;
    Ok(bitmap.png()?)
}

/// How many classes there are to tell apart; 0 where samples have none, or are not held.
pub(super) fn classes(plan: &Plan) -> usize {
    plan.dataset.train.classes().map_or(0, |_| plan.dataset.facts.task.outputs())
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
fn draw<B: DrawingBackend>(plan: &Plan, backend: B) -> Result<()> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(said)?;
    let bands = bands(plan);
    let amounts = match classes(plan) {
        0 => area.clone(),
        classes => {
            let (left, right) = area.split_horizontally(600);
            draw_shares(&left, &bands, classes).map_err(said)?;
            right
        }
    };
    draw_amounts(&amounts, &bands).map_err(said)?;
    area.present().map_err(said)
}

/// A fault of drawing as words: it borrows what it was drawn on.
fn said(fault: impl Error) -> anyhow::Error {
    anyhow!("{fault}")
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw_shares<B: DrawingBackend>(area: &Area<B>, bands: &[Band], classes: usize) -> Drawn<B> {
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
    chart.draw_series(cells).map(|_| ())
}

fn draw_amounts<B: DrawingBackend>(area: &Area<B>, bands: &[Band]) -> Drawn<B> {
    let mean = |band: &Band| band.samples as f64 / band.clients.len() as f64;
    let most = bands.iter().map(mean).fold(1.0, f64::max);
    let mut chart = chart(area, 0.0..most, bands, "number of samples")?;
    let bars = bands.iter().map(|band| rectangle(0.0..mean(band), &band.clients, DARKEST));
    chart.draw_series(bars).map(|_| ())
}

/// Axes: clients upwards, each around its number.
fn chart<'a, B: DrawingBackend>(
    area: &Area<B>,
    across: Range<f64>,
    bands: &[Band],
    title: &str,
) -> Result<Chart<'a, B>, DrawingAreaErrorKind<B::ErrorType>> {
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

    #[test]
    fn pictures_of_many_clients_are_bounded() {
        let config = Config { client_num_in_total: 1234, client_num_per_round: 1, ..Config::default() };
        let bands = bands(&Plan::resolve(config).expect("sound"));
        assert!(bands.len() <= MOST && bands.last().is_some_and(|band| band.clients.end == 1234));
        assert!(bands.iter().all(|band| band.samples == band.classes.iter().sum::<u64>()));
    }
}
