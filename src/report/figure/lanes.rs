//! What workers did when: a lane for each, a bar for each training.

use super::canvas::{Axes, drawing, number};
use super::{Figure, ink, text};
use plotters::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A training on a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Whose lane.
    pub lane: u32,
    /// What is trained.
    pub label: u32,
    /// Its first second.
    pub start: f64,
    /// Its seconds.
    pub seconds: f64,
}

/// Bars of a figure at most: neighbours share one when there are more.
const MOST: usize = 600;
/// Height of a lane, in tenths of a point: as much as can be, within a column's figure.
const LANE: Range<usize> = 28..170;

/// What workers did in a stretch of time.
pub struct Lanes<'a> {
    /// What the axis of time is called.
    pub x: &'a str,
    /// From when to when.
    pub span: Range<f64>,
    /// What was trained in it.
    pub bars: Vec<Bar>,
    /// Whose lanes are drawn, of those too that did nothing.
    pub lanes: BTreeSet<u32>,
}

/// Draws lanes.
pub fn lanes(name: &str, title: &str, shown: &Lanes<'_>) -> Figure {
    let (bars, span) = (&shown.bars, &shown.span);
    let mut lanes: BTreeMap<u32, Vec<&Bar>> =
        shown.lanes.iter().map(|lane| (*lane, Vec::new())).collect();
    for bar in bars {
        lanes.entry(bar.lane).or_default().push(bar);
    }
    let count = lanes.len();
    let names: Vec<u32> = lanes.keys().copied().collect();
    let axes = Axes {
        x: shown.x,
        y: "worker",
        holds: None,
    };
    let named = |number: &f64| lane_at(&names, *number);
    let tall = 300 + (count * (1100 / count.max(1)).clamp(LANE.start, LANE.end)) as u32;
    let drawing = drawing(tall, |area| {
        let mut chart = axes.plain(
            area,
            span.clone(),
            -0.5..count as f64 - 0.5,
            (6, count.min(12)),
            (&number, &named),
        )?;
        let least = (span.end - span.start) * count as f64 / MOST as f64;
        for (place, lane) in lanes.values().enumerate() {
            let middle = (count - 1 - place) as f64;
            chart.draw_series(shapes(&joined(lane, least), middle))?;
        }
        Ok(())
    });
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        drawing,
        table: table(bars),
    }
}

/// The name of the lane at a place of the axis, the first one above; none between lanes.
fn lane_at(names: &[u32], number: f64) -> String {
    let place = (names.len() as f64 - 1.0 - number).round();
    let is_lane = (number - number.round()).abs() < 1e-6 && place >= 0.0;
    match names.get(place as usize) {
        Some(name) if is_lane => name.to_string(),
        _ => String::new(),
    }
}

/// What is drawn on a lane around this height.
fn shapes(stretches: &[(f64, f64)], middle: f64) -> Vec<Rectangle<(f64, f64)>> {
    let mut shapes = Vec::with_capacity(stretches.len());
    for (number, (from, to)) in stretches.iter().enumerate() {
        let corners = [(*from, middle - 0.38), (*to, middle + 0.38)];
        // Neighbours are told apart by how dark they are.
        let shade = if number % 2 == 0 { 0.95 } else { 0.55 };
        shapes.push(Rectangle::new(corners, ink::line(0).mix(shade).filled()));
    }
    shapes
}

/// From when to when something is drawn: bars that are too short share one with what follows at
/// once.
fn joined(bars: &[&Bar], least: f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = bars
        .iter()
        .map(|bar| (bar.start, bar.start + bar.seconds))
        .collect();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in sorted {
        match joined.last_mut() {
            Some(last) if last.1 - last.0 < least && from - last.1 < least / 2.0 => {
                last.1 = last.1.max(to)
            }
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn table(bars: &[Bar]) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = table.write_record(["worker", "client", "start", "seconds"]);
    for bar in bars {
        let words = [
            bar.lane.to_string(),
            bar.label.to_string(),
            bar.start.to_string(),
            bar.seconds.to_string(),
        ];
        let _ = table.write_record(words);
    }
    text(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_has_a_lane_and_many_bars_become_few() {
        let bar = |lane: u32, place: u32| Bar {
            lane,
            label: place,
            start: place.into(),
            seconds: 0.9,
        };
        let shown = |bars, end| Lanes {
            x: "s",
            span: 0.0..end,
            bars,
            lanes: [3].into(),
        };
        let few = lanes("a", "A", &shown(vec![bar(1, 0), bar(1, 1), bar(2, 0)], 2.0));
        assert_eq!(few.drawing.matches("fill=\"#010000\"").count(), 3);
        assert!(few.drawing.contains("\n1\n") && few.drawing.contains("\n3\n"), "{}", few.drawing);
        let many: Vec<Bar> = (0..64)
            .flat_map(|lane| (0..100).map(move |place| bar(lane, place)))
            .collect();
        let drawn = lanes("a", "A", &shown(many, 100.0))
            .drawing
            .matches("fill=\"#010000\"")
            .count();
        assert!((64..=2 * MOST).contains(&drawn), "{drawn}");
        assert_eq!(joined(&[&bar(1, 5), &bar(1, 0)], 0.5), [(0.0, 0.9), (5.0, 5.9)]);
    }
}
