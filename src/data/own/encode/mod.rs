//! From tables to rows of numbers: numeric columns as they are, categories as a one where it is
//! theirs, the target as a class or a value. Categories and classes are those of the training
//! table, in the order of letters or numbers.

mod feature;
mod label;
mod roles;

use super::rows::Rows;
use super::table::Table;
use crate::data::{Column, Samples};
use crate::task::{Facts, Input, Task};
use feature::Feature;
use label::Label;

pub use roles::{Missing, Roles, Target};

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
        for name in roles.named() {
            if !train.unread.contains(name) {
                train.field(name)?;
            }
        }
        let others = [&roles.label, &roles.user];
        let inputs = train.fields.iter().filter(|field| {
            !others.contains(&&field.name) && !roles.leave_out.contains(&field.name)
        });
        let features: Vec<Feature> = inputs.map(|field| Feature::of(field, &roles)).collect();
        if features.is_empty() {
            return Err("no column is left to learn from (hint: leave_out names fewer)".to_owned());
        }
        let mut targets = vec![train.field(&roles.label)?];
        if let Some(test) = test {
            targets.push(test.field(&roles.label)?);
        }
        let label = Label::of(&targets, roles.task)?;
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
        self.features.iter().flat_map(Feature::names).collect()
    }

    /// Which numbers of an input are measured; the others are zeros and ones.
    pub fn measured(&self) -> Vec<bool> {
        self.features.iter().flat_map(Feature::measured).collect()
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
        let mut columns: Vec<Vec<f32>> = Vec::new();
        for feature in &self.features {
            let cells = &table.field(feature.column())?.cells;
            columns.extend(feature.numbers(cells, self.unknown())?);
        }
        let rows = (0..table.rows).flat_map(|row| columns.iter().map(move |column| column[row]));
        let inputs = Column::floats(rows.collect(), columns.len());
        let users = match self.roles.user.as_str() {
            "" => None,
            user => Some(table.field(user)?.cells.words()),
        };
        let targets = self.label.targets(table.field(&self.roles.label)?)?;
        let samples = Samples { inputs, targets };
        Ok((Rows { samples, users }, left_out))
    }

    /// Rows that stay: all of them, unless missing cells are left out or refused.
    fn whole_rows(&self, table: &Table) -> Result<Vec<u32>, String> {
        let mut whole = vec![true; table.rows];
        for (name, is_needed) in self.columns() {
            let missing = table.field(name)?.cells.missing();
            let Some(first) = missing.first() else { continue };
            match self.roles.missing {
                Missing::Drop => missing.iter().for_each(|&row| whole[row] = false),
                Missing::Zero | Missing::Mean if !is_needed => {}
                _ => return Err(refused(name, *first + 1, missing.len(), is_needed)),
            }
        }
        Ok((0..table.rows as u32)
            .filter(|&row| whole[row as usize])
            .collect())
    }

    /// Columns that are looked at, and whether a row is nothing without a cell there.
    fn columns(&self) -> impl Iterator<Item = (&str, bool)> {
        let inputs = self
            .features
            .iter()
            .map(|feature| (feature.column(), false));
        inputs.chain(self.roles.needed().map(|name| (name.as_str(), true)))
    }

    /// What stands for a number that is missing.
    fn unknown(&self) -> f32 {
        if self.roles.missing == Missing::Mean {
            f32::NAN
        } else {
            0.0
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::own::table::{Cells, Field};

    pub(super) fn field(name: &str, cells: &str) -> Field {
        let words: Vec<&str> = cells
            .split(' ')
            .map(|cell| cell.trim_matches('-'))
            .collect();
        let number = |word: &&str| match *word {
            "" => Some(f64::NAN),
            word => word.parse().ok(),
        };
        let numbers: Option<Vec<f64>> = words.iter().map(number).collect();
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
            unread: vec![],
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
    fn unknown_columns_and_tables_without_inputs_are_refused() {
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
    }
}
