//! Targets of a file, as the task has them.

use super::{Meaning, NOTHING, bounded, finite, width};
use crate::data::Column;
use crate::data::own::array::{Array, Cells};
use crate::task::{Facts, Task};

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

/// Words as the places of their names.
fn named(y: &Array, names: &[String], count: usize) -> Result<Column, String> {
    let mut places = Vec::with_capacity(y.rows());
    for (row, name) in y.texts().into_iter().enumerate() {
        let place = names.binary_search(&name).map_err(|_| {
            format!(
                "`y` holds {} such as `{name}` in row {row}, elsewhere words \
                 (hint: words in all files, or integers from 0)",
                y.kind()
            )
        })?;
        places.push(place as i64);
    }
    let places = Array {
        shape: y.shape.clone(),
        cells: Cells::Integers(places),
    };
    classes(&places, count, None)
}

/// Classes or tokens below a count; what is not learned becomes `ignore`.
fn classes(y: &Array, count: usize, ignore: Option<u32>) -> Result<Column, String> {
    let mut values = y
        .integers()
        .ok_or(format!("`y` holds {} that are no classes (hint: task=values)", y.kind()))?;
    let mut most = count as i64;
    if let Some(ignore) = ignore {
        for value in values.iter_mut().filter(|value| **value == NOTHING) {
            *value = ignore.into();
        }
        most = most.max(i64::from(ignore) + 1);
    }
    let last = count.saturating_sub(1);
    let fault = |row, value: i64| {
        let hint = match value {
            ..0 => "count classes from 0: of -1 and 1 write (y + 1) // 2; or write them as words",
            _ => "classes=N says how many",
        };
        format!("`y` holds {value} in row {row}, which is none of 0 to {last} (hint: {hint})")
    };
    let width = width(y);
    Ok(Column::integers(bounded(&values, width, 0..most, fault)?, width))
}

#[cfg(test)]
mod tests {
    use super::super::meaning;
    use super::super::tests::{integers, said};
    use super::*;
    use crate::data::own::said::{Said, Sought};

    #[test]
    fn what_is_not_learned_comes_after_all_tokens() {
        let holes = integers(&[1, 2], &[-100, 3]);
        let meaning = meaning(&said(Sought::Detect), &[2], Some(2), &[&holes]).expect("tokens");
        assert_eq!(targets(&holes, &meaning).expect("in range"), Column::integers(vec![4, 3], 2));
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
        let fault = targets(&integers(&[2], &[0, 1]), &meaning).expect_err("no words");
        assert!(
            fault.starts_with("`y` holds integers such as `0` in row 0, elsewhere words (hint:"),
            "{fault}"
        );
    }

    #[test]
    fn faults_name_array_row_and_remedy() {
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
        let signs = targets(&integers(&[2], &[1, -1]), &meaning).expect_err("signs");
        assert!(signs.contains("-1 in row 1") && signs.contains("(y + 1) // 2"), "{signs}");
    }
}
