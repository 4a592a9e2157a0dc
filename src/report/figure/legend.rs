//! Which line is which: below a figure, where it hides nothing.

use super::canvas::{Area, Drawn, STROKE, WIDTH, letters};
use super::ink;
use crate::report::words::shortened;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Height of one row.
const ROW: u32 = 115;
/// Letters that fit beside each other.
const LETTERS_WIDE: usize = 44;
/// Where rows begin.
const LEFT: i32 = 120;
/// How long the samples of lines are.
const SAMPLE: i32 = 240;

/// Labels, in one column or two.
pub struct Legend<'a> {
    labels: Vec<(usize, &'a str)>,
    columns: usize,
}

impl<'a> Legend<'a> {
    /// Of lines by their places.
    pub fn of(labels: Vec<(usize, &'a str)>) -> Legend<'a> {
        let longest = labels
            .iter()
            .map(|(_, label)| label.chars().count())
            .max()
            .unwrap_or(0);
        let columns = if longest <= LETTERS_WIDE / 2 - 6 {
            2
        } else {
            1
        };
        Legend { labels, columns }
    }

    /// What it needs of a figure.
    pub fn height(&self) -> u32 {
        match self.labels.len() {
            0 => 0,
            count => ROW * count.div_ceil(self.columns) as u32 + 20,
        }
    }

    /// Draws it.
    pub fn draw(&self, area: &Area<'_>) -> Drawn {
        let wide = WIDTH as i32 / self.columns as i32;
        for (place, (line, label)) in self.labels.iter().enumerate() {
            let x = LEFT + wide * (place % self.columns) as i32;
            let y = (ROW * (place / self.columns) as u32 + ROW / 2) as i32;
            area.draw(&PathElement::new(
                [(x, y), (x + SAMPLE, y)],
                ink::line(*line).stroke_width(STROKE),
            ))?;
            let text = shortened(label, LETTERS_WIDE / self.columns - 4);
            area.draw(&Text::new(
                text,
                (x + SAMPLE + 40, y),
                letters().pos(Pos::new(HPos::Left, VPos::Center)),
            ))?;
        }
        Ok(())
    }
}
