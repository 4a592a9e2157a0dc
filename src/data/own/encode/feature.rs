//! How a column of inputs becomes numbers: as it is, or as a number for each of its categories.

use super::Roles;
use crate::data::own::distinct::distinct;
use crate::data::own::table::{Cells, Field};

/// How a column becomes numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Feature {
    /// As it is.
    Number(String),
    /// A one at the place of its category, else zeros: so is what is missing or was never seen.
    Category(String, Vec<String>),
}

impl Feature {
    /// What becomes of a column of the training table.
    pub(super) fn of(field: &Field, roles: &Roles) -> Feature {
        let name = field.name.clone();
        match &field.cells {
            Cells::Numbers(_) if !roles.categorical.contains(&name) => Feature::Number(name),
            cells => Feature::Category(name, distinct(&[cells])),
        }
    }

    /// The column that it is made of.
    pub(super) fn column(&self) -> &str {
        match self {
            Feature::Number(name) | Feature::Category(name, _) => name,
        }
    }

    /// What its numbers are called.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Feature::Number(name) => vec![name.clone()],
            Feature::Category(name, categories) => categories
                .iter()
                .map(|category| format!("{name}={category}"))
                .collect(),
        }
    }

    /// Which of its numbers are measured.
    pub(super) fn measured(&self) -> Vec<bool> {
        match self {
            Feature::Number(_) => vec![true],
            Feature::Category(_, categories) => vec![false; categories.len()],
        }
    }

    /// Its numbers, a column each; what stands for a number that is missing is `unknown`.
    pub(super) fn numbers(&self, cells: &Cells, unknown: f32) -> Result<Vec<Vec<f32>>, String> {
        match (self, cells) {
            (Feature::Number(name), Cells::Numbers(numbers)) => {
                Ok(vec![floats(name, numbers, unknown)?])
            }
            (Feature::Number(name), Cells::Words(words)) => {
                let is_word = |word: &&str| !word.is_empty() && word.parse::<f64>().is_err();
                let found = words.rows().enumerate().find(|(_, word)| is_word(word));
                let (row, word) = found.unwrap_or_default();
                Err(format!(
                    "column `{name}` holds `{word}` in row {}, in training numbers \
                     (hint: a number, or leave_out={name})",
                    row + 1
                ))
            }
            (Feature::Category(_, categories), cells) => {
                let (words, mut columns) = (cells.words(), Vec::new());
                for category in categories {
                    let ones = words.rows().map(|word| f32::from(word == category));
                    columns.push(ones.collect());
                }
                Ok(columns)
            }
        }
    }
}

/// A column's numbers, with what stands for those that are missing.
pub(super) fn floats(name: &str, numbers: &[f64], unknown: f32) -> Result<Vec<f32>, String> {
    let mut floats = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let float = number as f32;
        if float.is_infinite() {
            return Err(format!(
                "column `{name}` holds {number:e}, beyond 32-bit floats \
                 (hint: a larger unit, or leave it out)"
            ));
        }
        floats.push(if float.is_nan() { unknown } else { float });
    }
    Ok(floats)
}

#[cfg(test)]
mod tests {
    use super::super::tests::field;
    use super::*;

    #[test]
    fn words_among_numbers_and_numbers_beyond_floats_are_refused() {
        let age = Feature::Number("age".to_owned());
        let refused = |cells: &str| {
            let field = field("age", cells);
            age.numbers(&field.cells, 0.0).expect_err("refused")
        };
        assert!(refused("50 old 70").contains("`age` holds `old` in row 2, in training numbers"));
        assert!(refused("50 1e39 70").contains("`age` holds 1e39, beyond 32-bit floats"));
    }

    #[test]
    fn numbers_are_categories_if_users_say_so() {
        let roles = Roles {
            categorical: vec!["age".to_owned()],
            ..Roles::default()
        };
        let feature = Feature::of(&field("age", "70 50 -"), &roles);
        assert_eq!(feature.names(), ["age=50", "age=70"]);
    }
}
