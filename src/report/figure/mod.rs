//! Figures: drawn once, as wide as a column of a paper, for pages (in the colours of the page) and
//! for files (SVG, PNG, PDF).
//!
//! What is drawn has inks instead of colours; `ink` says which colours they are on paper and on a
//! page.

mod bars;
mod canvas;
mod export;
mod ink;
mod intervals;
mod lanes;
mod legend;
mod lines;
mod shares;
mod thin;

pub use bars::bars;
pub use canvas::Axes;
pub use export::{Export, export};
pub use ink::{STYLE, on_page, on_paper};
pub use intervals::{Interval, intervals};
pub use lanes::{Bar, Lanes, lanes};
pub use lines::{Line, Point, lines};
pub use shares::shares;
pub use thin::thinned;

/// A drawing and the figures behind it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What its files are called.
    pub name: String,
    /// What it shows, in a few words.
    pub title: String,
    /// An SVG picture in inks.
    pub drawing: String,
    /// The figures as a table in CSV.
    pub table: String,
}

impl Figure {
    /// Lines along an axis.
    pub fn of_lines(name: &str, title: &str, axes: &Axes<'_>, of: &[Line]) -> Figure {
        let rows = of
            .iter()
            .flat_map(|line| line.points.iter().map(|point| (&line.label, point)));
        let mut table = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let _ = table.write_record(["line", "x", "y", "deviation"]);
        for (label, point) in rows {
            let numbers = [point.x, point.y, point.spread].map(|number| number.to_string());
            let _ = table.write_record([label.clone()].into_iter().chain(numbers));
        }
        Figure {
            name: name.to_owned(),
            title: title.to_owned(),
            drawing: lines(axes, of),
            table: text(table),
        }
    }
}

/// What a table has become.
pub(super) fn text(table: csv::Writer<Vec<u8>>) -> String {
    String::from_utf8(table.into_inner().unwrap_or_default()).unwrap_or_default()
}
