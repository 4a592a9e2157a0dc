//! How a column of targets becomes classes or values.

use super::Target;
use super::feature::floats;
use crate::data::Column;
use crate::data::own::distinct::distinct;
use crate::data::own::table::{Cells, Field};
use std::collections::BTreeMap;

/// With more whole numbers than this a target may be a value.
const MOST_CLASSES: usize = 100;

/// How targets become classes or values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Label {
    Classes(Vec<String>),
    Value,
}

impl Label {
    /// What targets are: words and few whole numbers are classes, other numbers values.
    pub(super) fn of(fields: &[&Field], task: Target) -> Result<Label, String> {
        let columns: Vec<&Cells> = fields.iter().map(|field| &field.cells).collect();
        let are_numbers = columns
            .iter()
            .all(|cells| matches!(cells, Cells::Numbers(_)));
        let name = fields.first().map_or("", |field| field.name.as_str());
        match task {
            Target::Classes => Ok(Label::Classes(distinct(&columns))),
            Target::Values if are_numbers => Ok(Label::Value),
            Target::Values => Err(format!("column `{name}` holds words (hint: task=classes)")),
            Target::Detect if columns.iter().any(|cells| has_fractions(cells)) => Ok(Label::Value),
            Target::Detect => {
                let names = distinct(&columns);
                let is_number = |name: &String| name.parse::<f64>().is_ok();
                if names.len() > MOST_CLASSES && names.iter().all(is_number) {
                    return Err(format!(
                        "column `{name}` holds {} whole numbers, which may be classes or values \
                         (hint: task=classes or task=values)",
                        names.len()
                    ));
                }
                Ok(Label::Classes(names))
            }
        }
    }

    /// The targets of a table.
    pub(super) fn targets(&self, field: &Field) -> Result<Column, String> {
        match (self, &field.cells) {
            (Label::Classes(names), cells) => {
                let places: BTreeMap<&str, u32> =
                    names.iter().map(String::as_str).zip(0..).collect();
                let words = cells.words();
                let classes = words
                    .rows()
                    .map(|word| places.get(word).copied().unwrap_or_default());
                Ok(Column::integers(classes.collect(), 1))
            }
            (Label::Value, Cells::Numbers(numbers)) => {
                Ok(Column::floats(floats(&field.name, numbers, f32::NAN)?, 1))
            }
            (Label::Value, Cells::Words(_)) => {
                Err(format!("column `{}` holds words (hint: task=classes)", field.name))
            }
        }
    }
}

/// Whether cells are numbers of which some are not whole.
fn has_fractions(cells: &Cells) -> bool {
    let Cells::Numbers(numbers) = cells else { return false };
    numbers
        .iter()
        .any(|number| !number.is_nan() && number.fract() != 0.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::field;
    use super::*;

    #[test]
    fn targets_are_classes_or_values() {
        let told = |cells: &str, task: Target| Label::of(&[&field("y", cells)], task);
        assert_eq!(
            told("b a b", Target::Detect),
            Ok(Label::Classes(vec!["a".to_owned(), "b".to_owned()]))
        );
        assert_eq!(
            told("10 9", Target::Detect),
            Ok(Label::Classes(vec!["9".to_owned(), "10".to_owned()]))
        );
        assert_eq!(
            (told("0.5 1", Target::Detect), told("1 2", Target::Values)),
            (Ok(Label::Value), Ok(Label::Value))
        );
        let words = told("a b", Target::Values).expect_err("words");
        assert!(words.contains("holds words"));
        let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let either = told(&many.join(" "), Target::Detect).expect_err("either");
        assert!(either.contains("200 whole numbers"));
    }
}
