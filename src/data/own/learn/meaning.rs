//! What is learned from targets: as users say, or as far as their kind and shape tell.

use super::{NOTHING, width};
use crate::data::own::array::{Array, Cells};
use crate::data::own::said::{Said, Sought};
use crate::task::{Facts, Input, Task};
use std::collections::BTreeSet;

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
    let names = match learned {
        Learned::Classes => class_names(targets),
        _ => Vec::new(),
    };
    let task = match learned {
        Learned::Classes => Task::Classes(count(said, targets, names.len(), None)?),
        Learned::Values => Task::Values(width(first)),
        Learned::Sets => Task::Sets(width(first)),
        Learned::Next => next(count(said, targets, 0, largest)?, targets),
        Learned::Masked => masked(count(said, targets, 0, largest)?),
    };
    if matches!(learned, Learned::Next | Learned::Masked) {
        check_tokens(width(first), shape.iter().product())?;
    }
    let input = if is_text {
        Input::Tokens
    } else {
        Input::Numbers
    };
    let facts = Facts {
        shape: shape.to_vec(),
        task,
        input,
        targets: width(first),
    };
    Ok(Meaning { facts, names })
}

/// The next of so many tokens; some may have none.
fn next(vocabulary: usize, targets: &[&Array]) -> Task {
    let have_holes = targets.iter().any(|array| has_holes(array));
    Task::Next {
        vocabulary,
        ignore: have_holes.then_some(vocabulary as u32),
    }
}

/// Hidden ones of so many tokens.
fn masked(vocabulary: usize) -> Task {
    Task::Masked {
        vocabulary,
        ignore: vocabulary as u32,
        hiding: None,
        padding: None,
    }
}

/// Refuses rows of targets that are neither one token nor as many as the inputs.
fn check_tokens(found: usize, wanted: usize) -> Result<(), String> {
    if found == 1 || found == wanted {
        return Ok(());
    }
    Err(format!(
        "`y` has {found} tokens a row and `x` {wanted} (hint: one next token, or one for each)"
    ))
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
    let are_bits = y
        .integers()
        .is_some_and(|values| values.iter().all(|value| [0, 1].contains(value)));
    match (&y.cells, several) {
        (Cells::Texts(_), false) => Ok(Learned::Classes),
        (Cells::Floats(_), _) => Ok(Learned::Values),
        (_, false) if !is_text => Ok(Learned::Classes),
        (_, true) if is_text => Ok(Learned::Next),
        (_, true) if are_bits => Ok(Learned::Sets),
        (_, true) => Err(format!(
            "several {} a row in `y` may mean much \
             (hint: task=sets of 0 and 1, or task=values)",
            y.kind()
        )),
        (_, false) => Err("one target for a row of tokens may be a class or the next token \
                           (hint: task=classes or task=next; inputs=numbers if x has no tokens)"
            .to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use super::super::tests::{floats, integers, said};
    use super::*;

    fn task(said: &Said, largest: Option<u32>, y: &Array) -> Result<Task, String> {
        meaning(said, &[2], largest, &[y]).map(|meaning| meaning.facts.task)
    }

    #[test]
    fn kind_and_shape_of_targets_decide_what_is_learned() {
        let auto = said(Sought::Detect);
        let next = |vocabulary, ignore| Ok(Task::Next { vocabulary, ignore });
        let pairs = integers(&[2, 2], &[0, 1, 1, 1]);
        assert_eq!(task(&auto, None, &integers(&[3], &[0, 4, 1])), Ok(Task::Classes(5)));
        assert_eq!(task(&auto, None, &floats(&[1, 2], &[0.5, 1.0])), Ok(Task::Values(2)));
        assert_eq!(task(&auto, None, &pairs), Ok(Task::Sets(2)));
        assert_eq!(task(&auto, Some(8), &pairs), next(9, None));
        let holes = integers(&[1, 2], &[-100, 3]);
        assert_eq!(task(&auto, Some(2), &holes), next(4, Some(4)));
        assert_eq!(
            task(&said(Sought::Masked), Some(2), &holes),
            Ok(Task::Masked {
                vocabulary: 4,
                ignore: 4,
                hiding: None,
                padding: None
            })
        );
    }

    #[test]
    fn what_cannot_be_told_asks_for_the_task() {
        let refused = |sought: Sought, largest: Option<u32>, y: &Array| {
            task(&said(sought), largest, y).expect_err("refused")
        };
        let either = refused(Sought::Detect, Some(1), &integers(&[1], &[0]));
        assert!(either.contains("task=classes or task=next"));
        let several = refused(Sought::Detect, None, &integers(&[1, 2], &[0, 2]));
        assert!(several.contains("task=sets"));
        let wrong = refused(Sought::Next, Some(1), &integers(&[1, 3], &[0; 3]));
        assert!(wrong.contains("3 tokens a row and `x` 2"), "{wrong}");
    }
}
