//! What all figures share: their size, letters and axes.

use super::ink::{GRID, TEXT};
use crate::report::words::short;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::ops::Range;

/// Tenths of a point.
pub const WIDTH: u32 = 2410;
/// The same in millimetres: a column of most papers.
pub const MILLIMETRES: f64 = 85.0;
/// Height of what has no reason to be higher.
pub const HEIGHT: u32 = 1400;
/// Letters of 7.5 points, as plotters counts: it takes them for 1.24 times as high.
pub const LETTERS: u32 = 93;
/// How thick lines are.
pub const STROKE: u32 = 12;

/// Where is drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Where lines are drawn.
pub type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
/// How a number at an axis is written.
pub type Words<'a> = &'a dyn Fn(&f64) -> String;
/// What comes of drawing.
pub type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// What is said at the axes, and what they hold.
#[derive(Clone, Debug)]
pub struct Axes<'a> {
    /// Below.
    pub x: &'a str,
    /// On the left.
    pub y: &'a str,
    /// What the vertical axis holds at least.
    pub holds: Option<Range<f64>>,
}

/// A drawing of a height in tenths of a point, in inks.
pub fn drawing(height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        // A picture in memory cannot fail to be written.
        let _ = draw(&area).and_then(|()| area.present());
    }
    let tall = MILLIMETRES * f64::from(height) / f64::from(WIDTH);
    let pixels = format!("width=\"{WIDTH}\" height=\"{height}\"");
    text.replacen(&pixels, &format!("width=\"{MILLIMETRES}mm\" height=\"{tall:.1}mm\""), 1)
}

/// A number at an axis.
pub fn number(number: &f64) -> String {
    short(*number)
}

/// Letters of figures.
pub fn letters() -> TextStyle<'static> {
    TextStyle::from(("sans-serif", LETTERS).into_font()).color(&TEXT)
}

impl Axes<'_> {
    /// Draws axes that hold these ranges, with numbers.
    pub fn on<'a>(
        &self,
        area: &Area<'a>,
        x: Range<f64>,
        y: Range<f64>,
    ) -> Result<Chart<'a>, Fault> {
        self.drawn(area, x, y, (6, 6), (&number, &number), GRID.to_rgba())
    }

    /// For areas, which hide what is behind them: about so many numbers, written as is said for
    /// below and the left.
    pub fn plain<'a>(
        &self,
        area: &Area<'a>,
        x: Range<f64>,
        y: Range<f64>,
        most: (usize, usize),
        words: (Words<'_>, Words<'_>),
    ) -> Result<Chart<'a>, Fault> {
        self.drawn(area, x, y, most, words, TRANSPARENT)
    }

    fn drawn<'a>(
        &self,
        area: &Area<'a>,
        x: Range<f64>,
        y: Range<f64>,
        most: (usize, usize),
        words: (Words<'_>, Words<'_>),
        grid: RGBAColor,
    ) -> Result<Chart<'a>, Fault> {
        let mut chart = ChartBuilder::on(area)
            .margin(20)
            .margin_top(50)
            .margin_right(70)
            .x_label_area_size(250)
            .y_label_area_size(340)
            .build_cartesian_2d(whole(x), whole(y))?;
        chart
            .configure_mesh()
            .x_labels(most.0)
            .y_labels(most.1)
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(words.0)
            .y_label_formatter(words.1)
            .bold_line_style(grid.stroke_width(5))
            .light_line_style(TRANSPARENT)
            .axis_style(TEXT.stroke_width(6))
            .label_style(letters())
            .axis_desc_style(letters())
            .set_all_tick_mark_size(25)
            .draw()?;
        Ok(chart)
    }
}

/// What drawing may fail with.
pub type Fault = DrawingAreaErrorKind<std::io::Error>;

/// A range that has a length, whatever it was.
fn whole(range: Range<f64>) -> Range<f64> {
    match range.start.is_finite() && range.end.is_finite() {
        true if range.end > range.start => range,
        true => {
            range.start - range.start.abs().max(1.0) * 0.05
                ..range.start + range.start.abs().max(1.0) * 0.05
        }
        false => 0.0..1.0,
    }
}
