//! Bars: amounts of things that have names or numbers.

use super::canvas::{Axes, HEIGHT, drawing, number};
use super::{Figure, ink, text};
use plotters::prelude::*;

/// How wide a bar is beside the next one.
const WIDE: f64 = 0.84;

/// A bar for each amount, under its name.
pub fn bars(name: &str, title: &str, axes: &Axes<'_>, of: &[(String, f64)]) -> Figure {
    let most = of.iter().map(|(_, amount)| *amount).fold(0.0, f64::max);
    let named = |number: &f64| name_at(of, *number);
    let drawing = drawing(HEIGHT, |area| {
        let mut chart = axes.plain(
            area,
            -0.5..of.len() as f64 - 0.5,
            0.0..most * 1.05,
            (of.len().min(10), 6),
            (&named, &number),
        )?;
        let there = of
            .iter()
            .enumerate()
            .filter(|(_, (_, amount))| amount.is_finite());
        let bars = there.map(|(place, (_, amount))| bar(place as f64, *amount));
        chart.draw_series(bars).map(|_| ())
    });
    let mut table = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = table.write_record([axes.x, axes.y]);
    for (name, amount) in of {
        let _ = table.write_record([name, &amount.to_string()]);
    }
    Figure {
        name: name.to_owned(),
        title: title.to_owned(),
        drawing,
        table: text(table),
    }
}

/// The name at a place of the axis; none between bars.
fn name_at(of: &[(String, f64)], number: f64) -> String {
    match of.get(number.round().max(0.0) as usize) {
        Some((name, _)) if (number - number.round()).abs() < 1e-6 => name.clone(),
        _ => String::new(),
    }
}

fn bar(middle: f64, amount: f64) -> Rectangle<(f64, f64)> {
    let corners = [(middle - WIDE / 2.0, 0.0), (middle + WIDE / 2.0, amount)];
    Rectangle::new(corners, ink::line(0).filled())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_amount_has_its_bar_and_row() {
        let of = [
            ("0".to_owned(), 3.0),
            ("1".to_owned(), f64::NAN),
            ("2".to_owned(), 1.0),
        ];
        let figure = bars(
            "a",
            "A",
            &Axes {
                x: "staleness",
                y: "updates",
                holds: None,
            },
            &of,
        );
        assert_eq!(figure.drawing.matches("fill=\"#010000\"").count(), 2);
        assert!(figure.table.starts_with("staleness,updates\n0,3\n"));
    }
}
