//! How the numbers of a sample lie, whether they are a picture, and what becomes of them.

use super::fault;
use crate::data::{Augment, Channel, Column, DataError, Numbers, Standard};
use std::path::Path;

/// How the numbers of a sample lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// Pixels of so many colours side by side.
    Pixels(usize),
    /// Planes of so many colours, one after another.
    Planes(usize),
    /// No picture.
    Numbers,
}

impl Form {
    /// What samples of this shape are.
    pub fn of(shape: &[usize]) -> Form {
        match *shape {
            [_, _, colours @ (1 | 3)] => Form::Pixels(colours),
            [colours @ (1 | 3), _, _] => Form::Planes(colours),
            [_, _] => Form::Planes(1),
            _ => Form::Numbers,
        }
    }

    /// The shape of a sample as models take it: channels first.
    pub fn shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Form::Pixels(colours), &[height, width, _]) => vec![colours, height, width],
            (Form::Planes(1), &[height, width]) => vec![1, height, width],
            (Form::Numbers, &[length]) => vec![1, length],
            _ => shape.to_vec(),
        }
    }

    /// How numbers of both files become values, or why they cannot.
    pub fn look(
        self,
        parts: [&[f32]; 2],
        augment: &Augment,
        path: &Path,
    ) -> Result<Look, DataError> {
        let colours = match self {
            Form::Numbers => return Ok(Look::Kept),
            Form::Pixels(colours) | Form::Planes(colours) => colours,
        };
        let standard = match colours {
            1 => augment.standard([0.5], [0.5]),
            _ => augment.standard([0.5; 3], [0.5; 3]),
        };
        let all = || parts.into_iter().flatten();
        let (least, most) = all().fold((f32::MAX, f32::MIN), |(least, most), &value| {
            (least.min(value), most.max(value))
        });
        if least < 0.0 || most > 255.0 {
            if augment.normalise {
                let reason = format!("pixels are from {least} to {most}, not 0 to 255 or 0 to 1");
                return Err(fault(path, reason, "normalise=false takes them as they are"));
            }
            return Ok(Look::Kept);
        }
        let is_whole = all().all(|value| value.fract() == 0.0);
        Ok(match most {
            ..=1.0 => Look::Floats(standard),
            _ if is_whole => Look::Bytes(standard),
            _ => Look::Floats(of_shades(&standard)),
        })
    }
}

/// The figures of values from 0 to 1, for values from 0 to 255.
fn of_shades(standard: &Standard) -> Standard {
    let scaled = standard.channels().iter().map(|channel| Channel {
        mean: 255.0 * channel.mean,
        deviation: 255.0 * channel.deviation,
    });
    Standard::new(scaled.collect())
}

/// What becomes of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// Nothing.
    Kept,
    /// They are bytes.
    Bytes(Standard),
    /// They have fractions.
    Floats(Standard),
}

impl Look {
    /// What is said of it; bytes say it themselves.
    pub fn of_floats(&self) -> Option<Standard> {
        match self {
            Look::Floats(standard) => Some(standard.clone()),
            _ => None,
        }
    }

    /// Rows of these values, channels first.
    pub fn column(&self, values: Vec<f32>, width: usize, form: Form) -> Column {
        let column = match self {
            Look::Bytes(standard) => {
                let bytes: Vec<u8> = values.iter().map(|&value| value as u8).collect();
                Column::new(Numbers::Bytes(bytes.into(), standard.clone()), width)
            }
            Look::Floats(_) | Look::Kept => Column::floats(values, width),
        };
        let turned = match form {
            Form::Pixels(colours) if colours > 1 => column.channels_first(colours),
            _ => column,
        };
        match self {
            Look::Floats(standard) => turned.standardised(standard),
            _ => turned,
        }
    }
}
