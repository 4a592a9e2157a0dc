//! Lines along an axis, each with a band of its deviation where it has one.

use super::canvas::{Axes, HEIGHT, STROKE, drawing};
use super::ink;
use super::legend::Legend;
use super::thin::thinned;
use crate::metrics::median;
use plotters::prelude::*;
use std::ops::Range;

/// One line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// What it is.
    pub label: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Along the axis.
    pub x: f64,
    /// What was measured there.
    pub y: f64,
    /// How far the band reaches up and down from it; 0 for none.
    pub spread: f64,
}

/// What is so many times higher than most of a figure is cut off, or nothing else could be told
/// apart.
const CUT: f64 = 10.0;
/// How much a band hides.
const BAND: f64 = 0.2;

/// Draws lines, in inks.
pub fn lines(axes: &Axes<'_>, lines: &[Line]) -> String {
    let thin: Vec<Line> = lines
        .iter()
        .map(|line| Line {
            label: line.label.clone(),
            points: thinned(&line.points),
        })
        .collect();
    let legend = legend(&thin);
    let (x, y) = (across(&thin), up(&thin, axes.holds.clone()));
    drawing(HEIGHT + legend.height(), |area| {
        let (plot, below) = area.split_vertically(HEIGHT);
        let mut chart = axes.on(&plot, x, y.clone())?;
        for (place, line) in thin.iter().enumerate() {
            if line.points.iter().any(|point| point.spread > 0.0) {
                let style = ink::line(place).mix(BAND).filled();
                chart.draw_series([Polygon::new(band(&line.points, &y), style)])?;
            }
        }
        for (place, line) in thin.iter().enumerate() {
            let at = |point: &Point| (point.x, point.y.clamp(y.start, y.end));
            if let [alone] = &line.points[..] {
                let style = ink::line(place).filled();
                chart.draw_series([Circle::new(at(alone), 2 * STROKE as i32, style)])?;
            }
            let style = ink::line(place).stroke_width(STROKE);
            chart.draw_series(LineSeries::new(line.points.iter().map(at), style))?;
        }
        legend.draw(&below)
    })
}

/// The names of lines that there are. A run has its colour in all figures, also where others have
/// nothing to show.
fn legend(lines: &[Line]) -> Legend<'_> {
    let mut names = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if !line.points.is_empty() {
            names.push((place, line.label.as_str()));
        }
    }
    Legend::of(names)
}

/// The outline of a band, cut off where the figure ends.
fn band(points: &[Point], y: &Range<f64>) -> Vec<(f64, f64)> {
    let edge = |point: &Point, spread: f64| (point.x, (point.y + spread).clamp(y.start, y.end));
    let upper = points.iter().map(|point| edge(point, point.spread));
    let lower = points.iter().rev().map(|point| edge(point, -point.spread));
    upper.chain(lower).collect()
}

/// From where to where lines go.
fn across(lines: &[Line]) -> Range<f64> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.x).fold(f64::INFINITY, f64::min);
    let most = points()
        .map(|point| point.x)
        .fold(f64::NEG_INFINITY, f64::max);
    // Most axes count from nothing.
    let start = if least > 0.0 && least < 0.5 * most {
        0.0
    } else {
        least
    };
    start..most
}

/// From the lowest to the highest point, with air, and what the axis is to hold.
fn up(lines: &[Line], holds: Option<Range<f64>>) -> Range<f64> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let low = all()
        .map(|point| point.y - point.spread)
        .fold(f64::INFINITY, f64::min);
    let high = all()
        .map(|point| point.y + point.spread)
        .fold(f64::NEG_INFINITY, f64::max);
    let middle = median(&all().map(|point| point.y).collect::<Vec<f64>>());
    let high = if middle > 0.0 {
        high.min(CUT * middle)
    } else {
        high
    };
    let air = (high - low) * 0.04;
    // Nothing that is counted is less than nothing.
    let (low, high) = if low >= 0.0 {
        ((low - air).max(0.0), high + air)
    } else {
        (low - air, high + air)
    };
    match holds {
        Some(holds) => low.min(holds.start)..high.max(holds.end),
        None => low..high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::{on_page, on_paper};

    fn axes() -> Axes<'static> {
        Axes {
            x: "rounds",
            y: "a < b",
            holds: None,
        }
    }

    #[test]
    fn lines_bands_and_odd_numbers_are_drawn() {
        let point = |x: u32, y: f64| Point {
            x: x.into(),
            y,
            spread: 0.1,
        };
        let line = |label: &str, y: f64| Line {
            label: label.into(),
            points: (1..9).map(|x| point(x, y)).collect(),
        };
        let drawn = lines(&axes(), &[line("one & two", 0.5), line("wild", 1e30), Line::default()]);
        assert_eq!(
            (drawn.matches("<polygon").count(), drawn.matches("<polyline").count() >= 4),
            (2, true)
        );
        assert!(
            drawn.contains("one &amp; two") && drawn.contains("a &lt; b") && !drawn.contains("NaN")
        );
        assert!(on_paper(&drawn).contains("#0072B2") && !on_page(&drawn).contains("\"#0"));
        assert!(lines(&axes(), &[]).contains("<svg"));
        assert!(
            lines(
                &axes(),
                &[Line {
                    label: "dot".into(),
                    points: vec![point(3, 0.0)]
                }]
            )
            .contains("<circle")
        );
    }

    #[test]
    fn what_towers_over_the_rest_is_cut_off() {
        let points = [1.0, 1.1, 0.9, 1e9].map(|y| Point {
            x: y,
            y,
            spread: 0.0,
        });
        let range = up(
            &[Line {
                label: String::new(),
                points: points.into(),
            }],
            Some(0.0..1.0),
        );
        assert!(range.start == 0.0 && range.end < 20.0);
    }
}
