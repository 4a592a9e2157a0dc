//! Who owns how much of what: clients upwards, classes across, and how many samples each client
//! has.

use super::canvas::{Area, Axes, Drawn, WIDTH, drawing, number};
use super::{Figure, ink};
use crate::partition::Mix;
use plotters::prelude::*;
use std::ops::Range;

/// Rows and columns at most: more clients or classes share them.
const MOST: usize = 100;
/// Height of the picture in tenths of a point.
const HEIGHT: u32 = 1900;

/// Neighbours that share a row.
#[derive(Debug, PartialEq)]
struct Row {
    clients: Range<usize>,
    samples: u64,
    // Of each class, or of neighbouring ones.
    classes: Vec<u64>,
}

/// Shares of classes on the left, if there are any, and amounts on the right.
pub fn shares(name: &str, title: &str, mix: &Mix) -> Figure {
    let rows = rows(mix);
    let drawing = drawing(HEIGHT, |area| {
        let amounts = match mix.width() {
            0 => area.clone(),
            classes => {
                let (left, right) = area.split_horizontally(WIDTH * 3 / 5);
                draw_classes(&left, &rows, classes)?;
                right
            }
        };
        draw_amounts(&amounts, &rows)
    });
    let table = mix
        .table()
        .ok()
        .and_then(|table| String::from_utf8(table).ok())
        .unwrap_or_default();
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        drawing,
        table,
    }
}

/// How many of `all` share a row or column.
fn shared(all: usize) -> usize {
    all.div_ceil(MOST).max(1)
}

fn rows(mix: &Mix) -> Vec<Row> {
    let (all, wide) = (mix.samples.len(), shared(mix.width()));
    let starts = (0..all).step_by(shared(all));
    starts
        .map(|first| row(mix, first..all.min(first + shared(all)), wide))
        .collect()
}

fn row(mix: &Mix, clients: Range<usize>, wide: usize) -> Row {
    let mut classes = vec![0; mix.width().div_ceil(wide)];
    for counts in &mix.classes[clients.clone()] {
        counts
            .iter()
            .enumerate()
            .for_each(|(class, count)| classes[class / wide] += count);
    }
    Row {
        samples: mix.samples[clients.clone()].iter().sum(),
        clients,
        classes,
    }
}

fn draw_classes(area: &Area<'_>, rows: &[Row], classes: usize) -> Drawn {
    let axes = Axes {
        x: "class (dark: all of the client's)",
        y: "client",
        holds: None,
    };
    let mut chart =
        axes.plain(area, -0.5..classes as f64 - 0.5, clients(rows), (5, 6), (&number, &number))?;
    let wide = shared(classes) as f64;
    for row in rows {
        let filled = row
            .classes
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        let cells = filled.map(|(place, count)| {
            let share = *count as f64 / row.samples.max(1) as f64;
            let from = place as f64 * wide - 0.5;
            let to = (from + wide).min(classes as f64 - 0.5);
            // One hue: how dark it is tells amounts, in print and to the colour-blind.
            rectangle(from..to, &row.clients, 0.08 + 0.92 * share.min(1.0))
        });
        chart.draw_series(cells)?;
    }
    Ok(())
}

fn draw_amounts(area: &Area<'_>, rows: &[Row]) -> Drawn {
    let mean = |row: &Row| row.samples as f64 / row.clients.len() as f64;
    let most = rows.iter().map(mean).fold(1.0, f64::max);
    let axes = Axes {
        x: "number of samples",
        y: "client",
        holds: None,
    };
    let mut chart = axes.plain(area, 0.0..most, clients(rows), (3, 6), (&number, &number))?;
    chart
        .draw_series(
            rows.iter()
                .map(|row| rectangle(0.0..mean(row), &row.clients, 1.0)),
        )
        .map(|_| ())
}

fn clients(rows: &[Row]) -> Range<f64> {
    -0.5..rows.last().map_or(0, |row| row.clients.end) as f64 - 0.5
}

fn rectangle(across: Range<f64>, clients: &Range<usize>, shade: f64) -> Rectangle<(f64, f64)> {
    let (low, high) = (clients.start as f64 - 0.5, clients.end as f64 - 0.5);
    Rectangle::new([(across.start, low), (across.end, high)], ink::line(0).mix(shade).filled())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_clients_share_rows_and_nothing_is_lost() {
        let classes = |client: u64| (0..3).map(|class| client % 5 + class).collect::<Vec<u64>>();
        let classes: Vec<Vec<u64>> = (0..1234).map(classes).collect();
        let mix = Mix {
            samples: classes.iter().map(|counts| counts.iter().sum()).collect(),
            classes,
        };
        let rows = rows(&mix);
        assert!(rows.len() <= MOST && rows.last().is_some_and(|row| row.clients.end == 1234));
        assert!(
            rows.iter()
                .all(|row| row.samples == row.classes.iter().sum::<u64>())
        );
        let figure = shares("partition", "Partition", &mix);
        assert!(
            figure.drawing.contains("samples")
                && figure.drawing.contains("class")
                && figure.table.contains("class_2")
        );
        let sizes = Mix {
            samples: vec![3, 4],
            classes: vec![Vec::new(); 2],
        };
        assert!(
            !shares("partition", "Partition", &sizes)
                .drawing
                .contains("class")
        );
    }
}
