//! Inputs of a file, as models take them: tokens, numbers, or images with their channels first.

use super::{bounded, finite};
use crate::data::own::array::{Array, Cells};
use crate::data::own::said::{Said, Taken};
use crate::data::{Column, Numbers, Standard};

/// Sides that are channels of an image and no heights.
const CHANNELS: [usize; 3] = [1, 3, 4];

/// Inputs of one file: their shape, and the numbers.
///
/// # Errors
/// Rows of an impossible shape, numbers that are not finite, tokens below 0: with their row.
pub fn inputs(x: Array, said: &Said) -> Result<(Vec<usize>, Column), String> {
    let shape = image_shape(x.row_shape())?;
    let channels_last = x.row_shape().len() == 3 && shape != x.row_shape();
    let width: usize = shape.iter().product();
    if width == 0 {
        return Err(format!(
            "`x` has rows of shape {:?}, which are empty (hint: each row needs numbers)",
            x.row_shape()
        ));
    }
    let column = match are_tokens(&x, said.inputs)? {
        true => Column::integers(tokens(&x, width)?, width),
        false => numbers(x.cells, width)?,
    };
    if channels_last {
        let planes = shape[0];
        return Ok((shape, column.channels_first(planes)));
    }
    Ok((shape, column))
}

/// Rows of three sides are images: channels first, unless only the last side can be the channels.
/// Rows of two are grey.
fn image_shape(row: &[usize]) -> Result<Vec<usize>, String> {
    match *row {
        [] => Ok(vec![1]),
        [width] => Ok(vec![width]),
        [height, width] => Ok(vec![1, height, width]),
        [first, height, last] if CHANNELS.contains(&last) && !CHANNELS.contains(&first) => {
            Ok(vec![last, first, height])
        }
        [channels, height, width] => Ok(vec![channels, height, width]),
        _ => Err(format!(
            "`x` has rows of {} sides (hint: at most channels, height and width)",
            row.len()
        )),
    }
}

fn are_tokens(x: &Array, taken: Taken) -> Result<bool, String> {
    match (taken, &x.cells) {
        (_, Cells::Texts(_)) => Err("`x` holds words (hint: write numbers or tokens)".to_owned()),
        (Taken::Tokens, _) => Ok(true),
        (Taken::Numbers, _) => Ok(false),
        (Taken::Detect, cells) => Ok(matches!(cells, Cells::Integers(_))),
    }
}

fn tokens(x: &Array, width: usize) -> Result<Vec<u32>, String> {
    let values = x
        .integers()
        .ok_or("`x` is to be tokens and holds other numbers (hint: inputs=numbers)")?;
    let hint = "hint: tokens count from 0; inputs=numbers for other integers";
    bounded(&values, width, 0..i64::from(u32::MAX), |row, value| {
        format!("`x` holds {value} in row {row} ({hint})")
    })
}

fn numbers(cells: Cells, width: usize) -> Result<Column, String> {
    let floats = match cells {
        Cells::Bytes(values) => {
            return Ok(Column::new(Numbers::Bytes(values.into(), Standard::units()), width));
        }
        Cells::Floats(values) => finite(values, width, "x")?,
        other => Array {
            shape: vec![],
            cells: other,
        }
        .floats()
        .unwrap_or_default(),
    };
    Ok(Column::floats(floats, width))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{floats, integers, said};
    use super::*;
    use crate::data::own::said::Sought;

    fn bytes(shape: &[usize]) -> Result<(Vec<usize>, Column), String> {
        let count = shape.iter().product::<usize>() as u8;
        let array = Array {
            shape: shape.to_vec(),
            cells: Cells::Bytes((0..count).collect()),
        };
        inputs(array, &said(Sought::Detect))
    }

    #[test]
    fn images_have_their_channels_first() {
        assert_eq!(bytes(&[1, 2, 3]).expect("grey").0, [1, 2, 3]);
        let (shape, column) = bytes(&[1, 2, 2, 3]).expect("last");
        assert_eq!(
            (shape, column.bytes()),
            (vec![3, 2, 2], &[0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11][..])
        );
        let (shape, column) = bytes(&[1, 3, 2, 2]).expect("first");
        assert_eq!((shape, column.bytes()[1]), (vec![3, 2, 2], 1));
        let refused = |shape: &[usize]| bytes(shape).expect_err("refused");
        assert!(refused(&[1, 1, 1, 1, 1]).contains("4 sides"));
        assert!(refused(&[2, 0]).contains("which are empty"));
    }

    #[test]
    fn faults_name_row_place_and_remedy() {
        let refused = |x: Array| inputs(x, &said(Sought::Detect)).expect_err("refused");
        let fault = refused(floats(&[2, 2], &[0.0, 1.0, f32::NAN, 0.0]));
        assert!(fault.starts_with("`x` holds NaN in row 1, place 0 (hint:"), "{fault}");
        assert!(refused(integers(&[1, 2], &[0, -1])).contains("-1 in row 0"));
    }
}
