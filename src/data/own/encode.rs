//! From tables to rows of numbers: numeric columns as they are, categories as a one where it is
//! theirs, the target as a class or a value. Categories and classes are those of the training
//! table, in the order of letters or numbers.

use super::rows::Rows;
use super::table::{Cells, Field, Table};
use crate::data::{Column, Samples};
use crate::part::words;
use crate::task::{Facts, Input, Task};
use std::collections::BTreeMap;

/// With more whole numbers than this a target may be a value.
const MOST_CLASSES: usize = 100;

/// What a user says of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    /// Column of the target.
    pub label: String,
    /// Column of users; none when empty.
    pub user: String,
    /// Columns that are not looked at.
    pub leave_out: Vec<String>,
    /// Numeric columns that are categories.
    pub categorical: Vec<String>,
    /// What is learned.
    pub task: Target,
    /// What becomes of missing cells.
    pub missing: Missing,
}

words! {
    /// What a column of targets holds.
    #[derive(Default)]
    pub Target {
        /// Classes where it has words or few whole numbers, else values.
        #[default]
        Detect = "detect";
        /// Classes.
        Classes = "classes";
        /// Numbers.
        Values = "values";
    }
}

words! {
    /// What becomes of missing cells of inputs.
    #[derive(Default)]
    pub Missing {
        /// They are refused.
        #[default]
        Refuse = "refuse";
        /// Their rows are left out.
        Drop = "drop";
        /// They become 0.
        Zero = "zero";
        /// They become the mean of the training data.
        Mean = "mean";
    }
}

/// How a column becomes numbers.
#[derive(Clone, Debug, PartialEq)]
enum Feature {
    /// As it is.
    Number(String),
    /// A one at the place of its category, else zeros: so is what is missing or was never seen.
    Category(String, Vec<String>),
}

/// How targets become classes or values.
#[derive(Clone, Debug, PartialEq)]
enum Label {
    Classes(Vec<String>),
    Value,
}

/// All that was learned from the training table.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    roles: Roles,
    features: Vec<Feature>,
    label: Label,
}

impl Encoder {
    /// Looks at the training table, and at the test table for classes.
    ///
    /// # Errors
    /// Columns that there are not; a target of which cannot be told what it is; no inputs.
    pub fn new(roles: Roles, train: &Table, test: Option<&Table>) -> Result<Encoder, String> {
        let named = [&roles.leave_out, &roles.categorical]
            .into_iter()
            .flatten()
            .chain([&roles.label]);
        for name in named.chain(Some(&roles.user).filter(|user| !user.is_empty())) {
            train.field(name)?;
        }
        let others = [&roles.label, &roles.user];
        let inputs = train.fields.iter().filter(|field| {
            !others.contains(&&field.name) && !roles.leave_out.contains(&field.name)
        });
        let features: Vec<Feature> = inputs.map(|field| feature(field, &roles)).collect();
        if features.is_empty() {
            return Err("no column is left to learn from (hint: leave_out names fewer)".to_owned());
        }
        let tables = [Some(train), test];
        let targets: Result<Vec<&Field>, String> = tables
            .into_iter()
            .flatten()
            .map(|table| table.field(&roles.label))
            .collect();
        let label = label(&targets?, roles.task)?;
        Ok(Encoder {
            roles,
            features,
            label,
        })
    }

    /// What a model must know.
    pub fn facts(&self) -> Facts {
        let task = match &self.label {
            Label::Classes(names) => Task::Classes(names.len()),
            Label::Value => Task::Values(1),
        };
        Facts {
            shape: vec![self.names().len()],
            task,
            input: Input::Numbers,
            targets: 1,
        }
    }

    /// What the numbers of an input are called.
    pub fn names(&self) -> Vec<String> {
        let names = |feature: &Feature| match feature {
            Feature::Number(name) => vec![name.clone()],
            Feature::Category(name, categories) => categories
                .iter()
                .map(|category| format!("{name}={category}"))
                .collect(),
        };
        self.features.iter().flat_map(names).collect()
    }

    /// Which numbers of an input are measured; the others are zeros and ones.
    pub fn measured(&self) -> Vec<bool> {
        let measured = |feature: &Feature| match feature {
            Feature::Number(_) => vec![true],
            Feature::Category(_, categories) => vec![false; categories.len()],
        };
        self.features.iter().flat_map(measured).collect()
    }

    /// What classes are called.
    pub fn classes(&self) -> Vec<String> {
        match &self.label {
            Label::Classes(names) => names.clone(),
            Label::Value => Vec::new(),
        }
    }

    /// The rows of a table, and how many were left out. What is missing and is to be the mean is
    /// NaN.
    ///
    /// # Errors
    /// Columns that are missing or of another kind; missing cells where they are refused, with
    /// their row.
    pub fn rows(&self, table: &Table) -> Result<(Rows, usize), String> {
        let whole = self.whole_rows(table)?;
        let left_out = table.rows - whole.len();
        let table = table.pick(&whole);
        let columns: Result<Vec<Vec<Vec<f32>>>, String> = self
            .features
            .iter()
            .map(|feature| self.numbers(feature, &table))
            .collect();
        let columns: Vec<Vec<f32>> = columns?.into_iter().flatten().collect();
        let rows = (0..table.rows).flat_map(|row| columns.iter().map(move |column| column[row]));
        let inputs = Column::floats(rows.collect(), columns.len());
        let users = match self.roles.user.as_str() {
            "" => None,
            user => Some(table.field(user)?.cells.words()),
        };
        let targets = self.targets(table.field(&self.roles.label)?)?;
        Ok((
            Rows {
                samples: Samples { inputs, targets },
                users,
            },
            left_out,
        ))
    }

    /// Rows that stay: all of them, unless missing cells are left out or refused.
    fn whole_rows(&self, table: &Table) -> Result<Vec<u32>, String> {
        let inputs = self.features.iter().map(|feature| match feature {
            Feature::Number(name) | Feature::Category(name, _) => name,
        });
        let needed = [&self.roles.label, &self.roles.user]
            .into_iter()
            .filter(|name| !name.is_empty());
        let names = inputs
            .map(|name| (name, false))
            .chain(needed.map(|name| (name, true)));
        let mut whole = vec![true; table.rows];
        for (name, is_needed) in names {
            let missing = table.field(name)?.cells.missing();
            match (missing.first(), self.roles.missing) {
                (None, _) => {}
                (_, Missing::Drop) => missing.iter().for_each(|&row| whole[row] = false),
                (_, Missing::Zero | Missing::Mean) if !is_needed => {}
                (Some(row), _) => return Err(refused(name, *row + 1, missing.len(), is_needed)),
            }
        }
        Ok((0..table.rows as u32)
            .filter(|&row| whole[row as usize])
            .collect())
    }

    /// A column's numbers, or the numbers of its categories.
    fn numbers(&self, feature: &Feature, table: &Table) -> Result<Vec<Vec<f32>>, String> {
        match feature {
            Feature::Number(name) => match &table.field(name)?.cells {
                Cells::Numbers(numbers) => Ok(vec![floats(name, numbers, self.unknown())?]),
                Cells::Words(words) => {
                    let is_word = |word: &&str| !word.is_empty() && word.parse::<f64>().is_err();
                    let word = words.rows().find(is_word).unwrap_or_default();
                    Err(format!(
                        "column `{name}` holds `{word}`, in training numbers (hint: a number, or leave_out={name})"
                    ))
                }
            },
            Feature::Category(name, categories) => {
                let words = table.field(name)?.cells.words();
                let of = |category: &String| {
                    words
                        .rows()
                        .map(|word| f32::from(word == category))
                        .collect()
                };
                Ok(categories.iter().map(of).collect())
            }
        }
    }

    /// What stands for a number that is missing.
    fn unknown(&self) -> f32 {
        if self.roles.missing == Missing::Mean {
            f32::NAN
        } else {
            0.0
        }
    }

    fn targets(&self, field: &Field) -> Result<Column, String> {
        match &self.label {
            Label::Classes(names) => {
                let places: BTreeMap<&str, u32> =
                    names.iter().map(String::as_str).zip(0..).collect();
                let words = field.cells.words();
                Ok(Column::integers(
                    words
                        .rows()
                        .map(|word| places.get(word).copied().unwrap_or_default())
                        .collect(),
                    1,
                ))
            }
            Label::Value => match &field.cells {
                Cells::Numbers(numbers) => {
                    Ok(Column::floats(floats(&field.name, numbers, f32::NAN)?, 1))
                }
                Cells::Words(_) => {
                    Err(format!("column `{}` holds words (hint: task=classes)", field.name))
                }
            },
        }
    }
}

/// A column's numbers, with what stands for those that are missing.
fn floats(name: &str, numbers: &[f64], unknown: f32) -> Result<Vec<f32>, String> {
    let float = |&number: &f64| match number as f32 {
        float if float.is_nan() => Ok(unknown),
        float if float.is_finite() => Ok(float),
        _ => Err(format!(
            "column `{name}` holds {number:e}, beyond 32-bit floats (hint: a larger unit, or leave it out)"
        )),
    };
    numbers.iter().map(float).collect()
}

/// Rows count from 1, below the names of columns.
fn refused(name: &str, row: usize, count: usize, is_needed: bool) -> String {
    let hint = if is_needed {
        "missing=drop leaves such rows out"
    } else {
        "missing=mean, zero or drop, or leave the column out"
    };
    format!("column `{name}` is empty in row {row}, and in {count} rows in all (hint: {hint})")
}

fn feature(field: &Field, roles: &Roles) -> Feature {
    let name = field.name.clone();
    match &field.cells {
        Cells::Numbers(_) if !roles.categorical.contains(&name) => Feature::Number(name),
        cells => Feature::Category(name, distinct(&[cells])),
    }
}

/// All that cells hold, without what is missing: numbers by size, words by letters.
pub fn distinct(columns: &[&Cells]) -> Vec<String> {
    let numbers: Option<Vec<&Vec<f64>>> = columns
        .iter()
        .map(|cells| match cells {
            Cells::Numbers(numbers) => Some(numbers),
            Cells::Words(_) => None,
        })
        .collect();
    if let Some(numbers) = numbers {
        let mut known: Vec<f64> = numbers
            .into_iter()
            .flatten()
            .copied()
            .filter(|number| !number.is_nan())
            .collect();
        known.sort_unstable_by(f64::total_cmp);
        known.dedup();
        return known.iter().map(f64::to_string).collect();
    }
    let mut words: Vec<String> = columns
        .iter()
        .flat_map(|cells| cells.words().groups())
        .map(|(word, _)| word)
        .collect();
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words.dedup();
    words
}

/// What targets are: words and few whole numbers are classes, other numbers values.
fn label(fields: &[&Field], task: Target) -> Result<Label, String> {
    let columns: Vec<&Cells> = fields.iter().map(|field| &field.cells).collect();
    let are_numbers = columns
        .iter()
        .all(|cells| matches!(cells, Cells::Numbers(_)));
    let whole = columns.iter().all(|cells| match cells {
        Cells::Numbers(numbers) => numbers
            .iter()
            .all(|number| number.is_nan() || number.fract() == 0.0),
        Cells::Words(_) => true,
    });
    let name = fields.first().map_or("", |field| field.name.as_str());
    match task {
        Target::Classes => Ok(Label::Classes(distinct(&columns))),
        Target::Values if are_numbers => Ok(Label::Value),
        Target::Values => Err(format!("column `{name}` holds words (hint: task=classes)")),
        Target::Detect if !whole => Ok(Label::Value),
        Target::Detect => match distinct(&columns) {
            names if are_numbers && names.len() > MOST_CLASSES => Err(format!(
                "column `{name}` holds {} whole numbers, which may be classes or values (hint: task=classes or task=values)",
                names.len()
            )),
            names => Ok(Label::Classes(names)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, cells: &str) -> Field {
        let words: Vec<&str> = cells
            .split(' ')
            .map(|cell| cell.trim_matches('-'))
            .collect();
        let numbers: Option<Vec<f64>> = words
            .iter()
            .map(|word| {
                if word.is_empty() {
                    Some(f64::NAN)
                } else {
                    word.parse().ok()
                }
            })
            .collect();
        let cells = numbers.map_or_else(|| Cells::Words(words.iter().collect()), Cells::Numbers);
        Field {
            name: name.to_owned(),
            cells,
        }
    }

    fn table() -> Table {
        let fields = [
            ("age", "50 - 70"),
            ("sex", "f m f"),
            ("site", "x y x"),
            ("ill", "0 2 0"),
        ];
        Table {
            fields: fields
                .iter()
                .map(|(name, cells)| field(name, cells))
                .collect(),
            rows: 3,
        }
    }

    fn roles(missing: Missing) -> Roles {
        let [label, user] = ["ill", "site"].map(str::to_owned);
        Roles {
            label,
            user,
            missing,
            ..Roles::default()
        }
    }

    fn inputs(missing: Missing) -> Vec<f32> {
        let encoder = Encoder::new(roles(missing), &table(), None).expect("fits");
        let (rows, _) = encoder.rows(&table()).expect("sound");
        let (mut floats, all) = (Vec::new(), (0..rows.samples.len() as u32).collect::<Vec<_>>());
        rows.samples.inputs.gather_floats(&all, &mut floats);
        floats
    }

    #[test]
    fn columns_become_numbers_and_categories_ones() {
        let encoder = Encoder::new(roles(Missing::Drop), &table(), None).expect("fits");
        assert_eq!(encoder.names(), ["age", "sex=f", "sex=m"]);
        assert_eq!(
            (encoder.facts(), encoder.classes()),
            (Facts::classes(&[3], 2), vec!["0".to_owned(), "2".to_owned()])
        );
        assert_eq!(encoder.measured(), [true, false, false]);
        let (rows, left_out) = encoder.rows(&table()).expect("sound");
        assert_eq!((rows.samples.targets.classes(), left_out), (Some(&[0, 0][..]), 1));
        assert_eq!(rows.users.expect("sites").rows().collect::<Vec<_>>(), ["x", "x"]);
    }

    #[test]
    fn missing_cells_follow_the_rule() {
        assert_eq!(inputs(Missing::Zero), [50.0, 1.0, 0.0, 0.0, 0.0, 1.0, 70.0, 1.0, 0.0]);
        assert!(inputs(Missing::Mean)[3].is_nan());
        let encoder = Encoder::new(roles(Missing::Refuse), &table(), None).expect("fits");
        let fault = encoder.rows(&table()).expect_err("refused");
        assert!(
            fault.starts_with(
                "column `age` is empty in row 2, and in 1 rows in all (hint: missing=mean"
            ),
            "{fault}"
        );
        let mut other = table();
        other.fields[3] = field("ill", "0 - 0");
        let encoder = Encoder::new(roles(Missing::Zero), &other, None).expect("fits");
        assert!(
            encoder
                .rows(&other)
                .expect_err("no target")
                .contains("`ill` is empty in row 2")
        );
    }

    #[test]
    fn targets_are_classes_or_values() {
        let told = |cells: &str, task: Target| label(&[&field("y", cells)], task);
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
        assert!(
            told("a b", Target::Values)
                .expect_err("words")
                .contains("holds words")
        );
        let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert!(
            told(&many.join(" "), Target::Detect)
                .expect_err("either")
                .contains("200 whole numbers")
        );
    }

    #[test]
    fn unknown_columns_and_words_among_numbers_are_refused() {
        let refused = |roles: Roles| Encoder::new(roles, &table(), None).expect_err("refused");
        let typed = Roles {
            leave_out: vec!["agee".to_owned()],
            ..roles(Missing::Zero)
        };
        assert!(refused(typed).contains("no column `agee` (hint: did you mean `age`?)"));
        let all = Roles {
            leave_out: vec!["age".to_owned(), "sex".to_owned()],
            ..roles(Missing::Zero)
        };
        assert!(refused(all).contains("no column is left"));
        let encoder = Encoder::new(roles(Missing::Zero), &table(), None).expect("fits");
        let mut other = table();
        other.fields[0] = field("age", "50 old 70");
        assert!(
            encoder
                .rows(&other)
                .expect_err("a word")
                .contains("`age` holds `old`, in training numbers")
        );
        other.fields[0] = field("age", "50 1e39 70");
        assert!(
            encoder
                .rows(&other)
                .expect_err("too large")
                .contains("`age` holds 1e39, beyond 32-bit floats")
        );
        let grouped = Roles {
            categorical: vec!["age".to_owned()],
            ..roles(Missing::Zero)
        };
        assert_eq!(
            Encoder::new(grouped, &table(), None).expect("fits").names()[..2],
            ["age=50", "age=70"]
        );
    }
}
