//! Means and where they lie: a row for each thing that was measured several times.

use super::canvas::{Axes, STROKE, drawing, letters, number};
use super::{Figure, ink, text};
use crate::report::words::shortened;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Height of a row: its name, and what was measured below.
const ROW: u32 = 210;
/// Height of all that is not rows.
const AROUND: u32 = 320;
/// Letters of a name that fit above a row.
const NAME: usize = 42;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Of what.
    pub label: String,
    /// Each time.
    pub points: Vec<f64>,
    /// The mean, and how far the interval reaches to either side of it; none where there is none.
    pub mean: Option<(f64, f64)>,
    /// Whether it shall be seen first.
    pub best: bool,
}

/// Draws rows from above, with a point for each measurement; none where nothing finite was
/// measured.
pub fn intervals(name: &str, title: &str, x: &str, rows: &[Interval]) -> Option<Figure> {
    let (low, high) = extent(rows)?;
    let height = AROUND + ROW * rows.len() as u32;
    let drawing = drawing(height, |area| {
        let axes = Axes {
            x,
            y: "",
            holds: None,
        };
        let unnamed = |_: &f64| String::new();
        let mut chart =
            axes.plain(area, low..high, 0.0..rows.len() as f64, (6, 1), (&number, &unnamed))?;
        for (place, row) in rows.iter().enumerate() {
            let top = (rows.len() - place) as f64;
            let (at, line) = (top - 0.7, ink::line(usize::from(row.best)));
            let style = letters().pos(Pos::new(HPos::Left, VPos::Top));
            let beside = low + 0.01 * (high - low);
            chart.draw_series([Text::new(
                shortened(&row.label, NAME),
                (beside, top - 0.05),
                style,
            )])?;
            let points = row.points.iter().filter(|point| point.is_finite());
            chart.draw_series(
                points.map(|point| Circle::new((*point, at), 22, ink::TEXT.mix(0.35).filled())),
            )?;
            if let Some((mean, margin)) = row.mean {
                let reach = [(mean - margin, at), (mean + margin, at)];
                chart.draw_series([PathElement::new(reach, line.stroke_width(STROKE))])?;
                chart.draw_series([Circle::new((mean, at), 36, line.filled())])?;
            }
        }
        Ok(())
    });
    Some(Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        drawing,
        table: table(rows),
    })
}

/// The least and the largest number that is shown, with some room.
fn extent(rows: &[Interval]) -> Option<(f64, f64)> {
    let ends = rows
        .iter()
        .filter_map(|row| row.mean)
        .flat_map(|(mean, margin)| [mean - margin, mean + margin]);
    let shown = rows
        .iter()
        .flat_map(|row| row.points.iter().copied())
        .chain(ends);
    let shown: Vec<f64> = shown.filter(|number| number.is_finite()).collect();
    let low = shown.iter().copied().reduce(f64::min)?;
    let high = shown.iter().copied().reduce(f64::max)?;
    let room = (0.05 * (high - low)).max(1e-3 * high.abs()).max(1e-9);
    Some((low - room, high + room))
}

fn table(rows: &[Interval]) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = table.write_record(["row", "times", "middle", "margin"]);
    for row in rows {
        let told = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let (mean, margin) = row.mean.unzip();
        let _ = table.write_record([
            row.label.clone(),
            row.points.len().to_string(),
            told(mean),
            told(margin),
        ]);
    }
    text(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_points_means_and_names() {
        let row = |label: &str, points: &[f64]| Interval {
            label: label.into(),
            points: points.into(),
            mean: points
                .first()
                .map(|first| (*first, 0.1))
                .filter(|(mean, _)| mean.is_finite()),
            best: label == "b",
        };
        let figure = intervals(
            "s",
            "S",
            "x",
            &[
                row("a", &[0.5, 0.6]),
                row("b", &[0.7]),
                row("c", &[f64::NAN]),
            ],
        );
        let drawn = figure.expect("numbers").drawing;
        assert_eq!(drawn.matches("<circle").count(), 3 + 2);
        assert!(drawn.contains("\nc\n") && drawn.contains("\"#010001\"") && !drawn.contains("NaN"));
        assert!(intervals("s", "S", "x", &[row("c", &[f64::NAN])]).is_none());
    }
}
