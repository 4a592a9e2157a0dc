//! What is learned, as far as arrays tell: inputs and targets become columns.
//!
//! | `x` | inputs |
//! |---|---|
//! | `uint8` | bytes, standardised when they are gathered |
//! | floats, truth | numbers |
//! | other integers | tokens |
//!
//! | `y` | task |
//! |---|---|
//! | words, or integers, one a row | `classes` |
//! | floats, one or several a row | `values` |
//! | 0 and 1, several a row | `sets` |
//! | integers, several a row, where inputs are tokens | `next` |

use super::array::{Array, Cells};
use super::said::{Said, Sought, Taken};
use crate::data::{Column, Numbers, Standard};
use crate::task::{Facts, Input, Task};
use std::collections::BTreeSet;
use std::ops::Range;

/// What stands for a token that is not learned, as PyTorch has it.
const NOTHING: i64 = -100;
/// Sides that are channels of an image and no heights.
const CHANNELS: [usize; 3] = [1, 3, 4];

/// What is learned, before it is known of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learned {
    Classes,
    Values,
    Sets,
    Next,
    Masked,
}

/// What all files have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// What a model must know.
    pub facts: Facts,
    /// What classes are called, where they have names.
    pub names: Vec<String>,
}

/// Inputs of one file: their shape, and the numbers.
///
/// # Errors
/// Rows of an impossible shape, numbers that are not finite, tokens below 0: with their row.
pub fn inputs(x: Array, said: &Said) -> Result<(Vec<usize>, Column), String> {
    let shape = image_shape(x.row_shape())?;
    let last = x.row_shape().len() == 3 && shape != x.row_shape();
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
    let planes = shape.first().copied().unwrap_or(1);
    Ok((
        shape,
        if last {
            column.channels_first(planes)
        } else {
            column
        },
    ))
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

/// Integers as they are kept, if all lie in a range.
fn bounded(
    values: &[i64],
    width: usize,
    range: Range<i64>,
    fault: impl Fn(usize, i64) -> String,
) -> Result<Vec<u32>, String> {
    match values.iter().position(|value| !range.contains(value)) {
        Some(place) => Err(fault(place / width.max(1), values[place])),
        None => Ok(values.iter().map(|&value| value as u32).collect()),
    }
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

fn finite(values: Vec<f32>, width: usize, name: &str) -> Result<Vec<f32>, String> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(format!(
            "`{name}` holds {} in row {}, place {} (hint: leave the row out, or put a number there)",
            values[place],
            place / width.max(1),
            place % width.max(1)
        )),
        None => Ok(values),
    }
}

/// What the targets of all files mean, for inputs of this shape; `largest` is the largest token in
/// inputs.
///
/// # Errors
/// A task that cannot be told or does not fit.
pub fn meaning(
    said: &Said,
    shape: &[usize],
    largest: Option<u32>,
    targets: &[&Array],
) -> Result<Meaning, String> {
    let is_text = largest.is_some();
    let first = targets
        .first()
        .ok_or("there are no targets (hint: an array `y`)")?;
    let learned = learned(said, first, is_text)?;
    let mut names = Vec::new();
    let task = match learned {
        Learned::Classes => {
            names = class_names(targets);
            Task::Classes(count(said, targets, names.len(), None)?)
        }
        Learned::Values => Task::Values(width(first)),
        Learned::Sets => Task::Sets(width(first)),
        Learned::Next => {
            let vocabulary = count(said, targets, 0, largest)?;
            let ignore = targets
                .iter()
                .any(|array| has_holes(array))
                .then_some(vocabulary as u32);
            Task::Next { vocabulary, ignore }
        }
        Learned::Masked => {
            let vocabulary = count(said, targets, 0, largest)?;
            Task::Masked {
                vocabulary,
                ignore: vocabulary as u32,
                hiding: None,
                padding: None,
            }
        }
    };
    if matches!(learned, Learned::Next | Learned::Masked)
        && ![1, shape.iter().product()].contains(&width(first))
    {
        let (found, wanted) = (width(first), shape.iter().product::<usize>());
        return Err(format!(
            "`y` has {found} tokens a row and `x` {wanted} (hint: one next token, or one for each)"
        ));
    }
    let input = if is_text {
        Input::Tokens
    } else {
        Input::Numbers
    };
    Ok(Meaning {
        facts: Facts {
            shape: shape.to_vec(),
            task,
            input,
            targets: width(first),
        },
        names,
    })
}

fn learned(said: &Said, y: &Array, is_text: bool) -> Result<Learned, String> {
    match said.task {
        Sought::Detect => detected(y, is_text),
        Sought::Classes => Ok(Learned::Classes),
        Sought::Values => Ok(Learned::Values),
        Sought::Sets => Ok(Learned::Sets),
        Sought::Next => Ok(Learned::Next),
        Sought::Masked => Ok(Learned::Masked),
    }
}

fn detected(y: &Array, is_text: bool) -> Result<Learned, String> {
    let several = width(y) > 1;
    let bits = y
        .integers()
        .is_some_and(|values| values.iter().all(|value| [0, 1].contains(value)));
    match (&y.cells, several) {
        (Cells::Texts(_), false) => Ok(Learned::Classes),
        (Cells::Floats(_), _) => Ok(Learned::Values),
        (_, false) if !is_text => Ok(Learned::Classes),
        (_, true) if is_text => Ok(Learned::Next),
        (_, true) if bits => Ok(Learned::Sets),
        (_, true) => {
            Err(format!("several {} a row in `y` may mean much (hint: task=sets of 0 and 1, or task=values)", y.kind()))
        }
        (_, false) => {
            Err("one target for a row of tokens may be a class or the next token (hint: task=classes or task=next)"
                .to_owned())
        }
    }
}

/// Targets of a row.
fn width(y: &Array) -> usize {
    y.row_shape().iter().product()
}

fn has_holes(y: &Array) -> bool {
    y.integers().is_some_and(|values| values.contains(&NOTHING))
}

/// Words as classes, in the order of letters; none of numbers.
fn class_names(targets: &[&Array]) -> Vec<String> {
    let texts = targets
        .iter()
        .filter(|array| matches!(array.cells, Cells::Texts(_)));
    let names: BTreeSet<String> = texts.flat_map(|array| array.texts()).collect();
    names.into_iter().collect()
}

/// How many classes or tokens there are: as said, or as the files have.
fn count(
    said: &Said,
    targets: &[&Array],
    named: usize,
    largest: Option<u32>,
) -> Result<usize, String> {
    if said.classes > 0 || named > 0 {
        return Ok(said.classes.max(named));
    }
    let mut most = largest.map_or(0, i64::from);
    for array in targets {
        let values = array
            .integers()
            .ok_or(format!("`y` holds {} that are no classes (hint: task=values)", array.kind()))?;
        most = most.max(values.into_iter().max().unwrap_or(0));
    }
    match usize::try_from(most + 1) {
        Ok(count) if count <= u32::MAX as usize => Ok(count),
        _ => Err(format!("`y` holds {most} (hint: classes count from 0)")),
    }
}

/// Targets of one file, as the task has them.
///
/// # Errors
/// Targets of another shape or kind, or out of range, with their row.
pub fn targets(y: &Array, meaning: &Meaning) -> Result<Column, String> {
    let Facts {
        task,
        targets: wanted,
        ..
    } = &meaning.facts;
    if width(y) != *wanted {
        return Err(format!(
            "`y` has {} numbers a row, elsewhere {wanted} (hint: the same in all files)",
            width(y)
        ));
    }
    match *task {
        Task::Values(count) => {
            let values = y.floats().ok_or("`y` holds words (hint: task=classes)")?;
            Ok(Column::floats(finite(values, count, "y")?, count))
        }
        Task::Sets(count) => sets(y, count),
        Task::Classes(count) if !meaning.names.is_empty() => named(y, &meaning.names, count),
        Task::Classes(count) => classes(y, count, None),
        Task::Next { vocabulary, ignore } => classes(y, vocabulary, ignore),
        Task::Masked {
            vocabulary, ignore, ..
        } => classes(y, vocabulary, Some(ignore)),
    }
}

fn sets(y: &Array, count: usize) -> Result<Column, String> {
    let values = y.floats().ok_or("`y` holds words (hint: task=classes)")?;
    match values
        .iter()
        .position(|&value| value != 0.0 && value != 1.0)
    {
        Some(place) => {
            let (row, value) = (place / count.max(1), values[place]);
            Err(format!("`y` holds {value} in row {row} (hint: task=sets takes 0 and 1)"))
        }
        None => Ok(Column::floats(values, count)),
    }
}

fn named(y: &Array, names: &[String], count: usize) -> Result<Column, String> {
    let place = |name: String| names.binary_search(&name).unwrap_or_default() as i64;
    let places: Vec<i64> = y.texts().into_iter().map(place).collect();
    classes(
        &Array {
            shape: y.shape.clone(),
            cells: Cells::Integers(places),
        },
        count,
        None,
    )
}

/// Classes or tokens below a count; what is not learned becomes `ignore`.
fn classes(y: &Array, count: usize, ignore: Option<u32>) -> Result<Column, String> {
    let mut values = y
        .integers()
        .ok_or(format!("`y` holds {} that are no classes (hint: task=values)", y.kind()))?;
    let mut most = count as i64;
    if let Some(ignore) = ignore {
        values
            .iter_mut()
            .filter(|value| **value == NOTHING)
            .for_each(|value| *value = ignore.into());
        most = most.max(i64::from(ignore) + 1);
    }
    let width = width(y);
    let fault = |row, value| {
        format!(
            "`y` holds {value} in row {row}, which is none of 0 to {} (hint: classes=N says how many)",
            count.saturating_sub(1)
        )
    };
    Ok(Column::integers(bounded(&values, width, 0..most, fault)?, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(task: Sought) -> Said {
        Said {
            task,
            inputs: Taken::Detect,
            classes: 0,
        }
    }

    fn integers(shape: &[usize], values: &[i64]) -> Array {
        Array {
            shape: shape.to_vec(),
            cells: Cells::Integers(values.to_vec()),
        }
    }

    fn floats(shape: &[usize], values: &[f32]) -> Array {
        Array {
            shape: shape.to_vec(),
            cells: Cells::Floats(values.to_vec()),
        }
    }

    fn task(said: &Said, largest: Option<u32>, y: &Array) -> Result<Task, String> {
        meaning(said, &[2], largest, &[y]).map(|meaning| meaning.facts.task)
    }

    #[test]
    fn kind_and_shape_of_targets_decide_what_is_learned() {
        let auto = said(Sought::Detect);
        let pairs = integers(&[2, 2], &[0, 1, 1, 1]);
        assert_eq!(task(&auto, None, &integers(&[3], &[0, 4, 1])), Ok(Task::Classes(5)));
        assert_eq!(task(&auto, None, &floats(&[1, 2], &[0.5, 1.0])), Ok(Task::Values(2)));
        assert_eq!(task(&auto, None, &pairs), Ok(Task::Sets(2)));
        assert_eq!(
            task(&auto, Some(8), &pairs),
            Ok(Task::Next {
                vocabulary: 9,
                ignore: None
            })
        );
        let holes = integers(&[1, 2], &[-100, 3]);
        assert_eq!(
            task(&auto, Some(2), &holes),
            Ok(Task::Next {
                vocabulary: 4,
                ignore: Some(4)
            })
        );
        assert_eq!(
            task(&said(Sought::Masked), Some(2), &holes),
            Ok(Task::Masked {
                vocabulary: 4,
                ignore: 4,
                hiding: None,
                padding: None
            })
        );
        let meaning = meaning(&auto, &[2], Some(2), &[&holes]).expect("tokens");
        assert_eq!(targets(&holes, &meaning).expect("in range"), Column::integers(vec![4, 3], 2));
    }

    #[test]
    fn what_cannot_be_told_asks_for_the_task() {
        let auto = said(Sought::Detect);
        assert!(
            task(&auto, Some(1), &integers(&[1], &[0]))
                .expect_err("two ways")
                .contains("task=classes or task=next")
        );
        assert!(
            task(&auto, None, &integers(&[1, 2], &[0, 2]))
                .expect_err("two ways")
                .contains("task=sets")
        );
        let wrong = task(&said(Sought::Next), Some(1), &integers(&[1, 3], &[0; 3]))
            .expect_err("three of two");
        assert!(wrong.contains("3 tokens a row and `x` 2"), "{wrong}");
    }

    #[test]
    fn words_are_classes_by_name() {
        let y = Array {
            shape: vec![3],
            cells: Cells::Texts(["dog", "cat", "dog"].map(str::to_owned).to_vec()),
        };
        let meaning = meaning(&said(Sought::Detect), &[2], None, &[&y]).expect("words");
        assert_eq!(
            (&meaning.facts.task, meaning.names.join(" ")),
            (&Task::Classes(2), "cat dog".to_owned())
        );
        assert_eq!(targets(&y, &meaning).expect("known"), Column::integers(vec![1, 0, 1], 1));
    }

    #[test]
    fn images_have_their_channels_first() {
        let bytes = |shape: &[usize]| {
            let count = shape.iter().product::<usize>() as u8;
            inputs(
                Array {
                    shape: shape.to_vec(),
                    cells: Cells::Bytes((0..count).collect()),
                },
                &said(Sought::Detect),
            )
        };
        assert_eq!(bytes(&[1, 2, 3]).expect("grey").0, [1, 2, 3]);
        let (shape, column) = bytes(&[1, 2, 2, 3]).expect("last");
        assert_eq!(
            (shape, column.bytes()),
            (vec![3, 2, 2], &[0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11][..])
        );
        let (shape, column) = bytes(&[1, 3, 2, 2]).expect("first");
        assert_eq!((shape, column.bytes()[1]), (vec![3, 2, 2], 1));
        assert!(
            bytes(&[1, 1, 1, 1, 1])
                .expect_err("too many")
                .contains("4 sides")
        );
        assert!(
            bytes(&[2, 0])
                .expect_err("empty")
                .contains("which are empty")
        );
    }

    #[test]
    fn faults_name_array_row_and_remedy() {
        let auto = said(Sought::Detect);
        let fault =
            inputs(floats(&[2, 2], &[0.0, 1.0, f32::NAN, 0.0]), &auto).expect_err("not a number");
        assert!(fault.starts_with("`x` holds NaN in row 1, place 0 (hint:"), "{fault}");
        assert!(
            inputs(integers(&[1, 2], &[0, -1]), &auto)
                .expect_err("below 0")
                .contains("-1 in row 0")
        );
        let few = Said {
            classes: 2,
            ..said(Sought::Detect)
        };
        let y = integers(&[2], &[1, 2]);
        let meaning = meaning(&few, &[2], None, &[&y]).expect("two classes");
        let fault = targets(&y, &meaning).expect_err("a third");
        assert!(
            fault.starts_with("`y` holds 2 in row 1, which is none of 0 to 1 (hint:"),
            "{fault}"
        );
    }
}
