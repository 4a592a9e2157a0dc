//! Tables: columns of numbers or words with a name each. A cell may be missing: empty, or one of
//! the words that programs write there.

use super::named::Named;
use crate::files;
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeSet;
use std::path::Path;

/// Cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Numbers; what is missing is NaN.
    Numbers(Vec<f64>),
    /// Words; what is missing is empty.
    Words(Named),
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What it is called.
    pub name: String,
    /// A cell for each row.
    pub cells: Cells,
}

/// Columns of equally many rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// In the order of the file.
    pub fields: Vec<Field>,
    /// How many rows there are.
    pub rows: usize,
}

/// What programs write where nothing is known, in small letters.
const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "null", "none", "?"];
/// What may stand between cells, in the order in which it is looked for.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A cell without space around it; empty when it is missing.
pub fn trimmed(cell: &str) -> &str {
    let cell = cell.trim();
    let missing = cell.len() <= 4 && MISSING.contains(&cell.to_ascii_lowercase().as_str());
    if missing { "" } else { cell }
}

/// A cell as a finite number, NaN when it is missing; none when it is a word.
fn number(cell: &str) -> Option<f64> {
    match trimmed(cell) {
        "" => Some(f64::NAN),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

impl Cells {
    /// None yet, of numbers or of words.
    fn empty(are_numbers: bool) -> Cells {
        match are_numbers {
            true => Cells::Numbers(Vec::new()),
            false => Cells::Words(Named::default()),
        }
    }

    /// The cells of these rows.
    pub fn pick(&self, rows: &[u32]) -> Cells {
        match self {
            Cells::Numbers(numbers) => {
                Cells::Numbers(rows.iter().map(|&row| numbers[row as usize]).collect())
            }
            Cells::Words(words) => Cells::Words(words.pick(rows)),
        }
    }

    /// Rows whose cell is missing.
    pub fn missing(&self) -> Vec<usize> {
        let empty: Vec<bool> = match self {
            Cells::Numbers(numbers) => numbers.iter().map(|number| number.is_nan()).collect(),
            Cells::Words(words) => words.rows().map(str::is_empty).collect(),
        };
        (0..empty.len()).filter(|&row| empty[row]).collect()
    }

    /// The cells as words.
    pub fn words(&self) -> Named {
        match self {
            Cells::Numbers(numbers) => numbers.iter().map(|number| word(*number)).collect(),
            Cells::Words(words) => words.clone(),
        }
    }
}

fn word(number: f64) -> String {
    if number.is_nan() {
        String::new()
    } else {
        number.to_string()
    }
}

impl Table {
    /// The column of a name.
    ///
    /// # Errors
    /// There is none; the columns that there are.
    pub fn field(&self, name: &str) -> Result<&Field, String> {
        let names = self.fields.iter().map(|field| field.name.as_str());
        let unknown =
            || format!("there is no column `{name}` (hint: {})", crate::part::suggest(name, names));
        self.fields
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(unknown)
    }

    /// Only these rows.
    pub fn pick(&self, rows: &[u32]) -> Table {
        let only = |field: &Field| Field {
            name: field.name.clone(),
            cells: field.cells.pick(rows),
        };
        Table {
            fields: self.fields.iter().map(only).collect(),
            rows: rows.len(),
        }
    }
}

/// Columns that each have a name of their own, and at least one row.
///
/// # Errors
/// A name that is empty or comes twice; no rows.
pub fn checked(table: Table) -> Result<Table, String> {
    let mut names = BTreeSet::new();
    for field in &table.fields {
        if field.name.trim().is_empty() || !names.insert(&field.name) {
            let name = &field.name;
            return Err(format!(
                "a column is called `{name}` (hint: the first line names columns, each otherwise)"
            ));
        }
    }
    if table.rows == 0 || table.rows > u32::MAX as usize {
        return Err(format!(
            "it has {} rows (hint: a line for each sample below the names of columns)",
            table.rows
        ));
    }
    Ok(table)
}

/// Reads a CSV file. The first line names columns; `,`, `;` or tabs stand between cells; a column
/// is of numbers when all of its cells are that or missing.
///
/// # Errors
/// What is wrong with the file, with the line.
pub fn csv(path: &Path) -> Result<Table, String> {
    let text = files::bytes(path).map_err(|error| error.to_string())?;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = SEPARATORS
        .into_iter()
        .find(|separator| first.contains(separator))
        .unwrap_or(b',');
    let reader = || ReaderBuilder::new().delimiter(separator).from_reader(text);
    let names = reader().headers().map_err(torn)?.clone();
    let mut are_numbers = vec![true; names.len()];
    walk(reader(), |place, cell| are_numbers[place] &= number(cell).is_some())?;
    let mut columns: Vec<Cells> = are_numbers.into_iter().map(Cells::empty).collect();
    let rows = walk(reader(), |place, cell| match &mut columns[place] {
        Cells::Numbers(numbers) => numbers.push(number(cell).unwrap_or(f64::NAN)),
        Cells::Words(words) => words.push(trimmed(cell)),
    })?;
    let named = names.iter().zip(columns).map(|(name, cells)| Field {
        name: name.trim().to_owned(),
        cells,
    });
    checked(Table {
        fields: named.collect(),
        rows,
    })
}

/// Visits all cells with the number of their column, and counts rows.
fn walk(
    mut reader: csv::Reader<&[u8]>,
    mut visit: impl FnMut(usize, &str),
) -> Result<usize, String> {
    let (mut record, mut rows) = (StringRecord::new(), 0);
    while reader.read_record(&mut record).map_err(torn)? {
        record
            .iter()
            .enumerate()
            .for_each(|(place, cell)| visit(place, cell));
        rows += 1;
    }
    Ok(rows)
}

fn torn(error: csv::Error) -> String {
    format!(
        "{error} (hint: every line has as many cells as the first, in UTF-8; \
         quotes around cells with separators)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Table, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("train.csv");
        std::fs::write(&path, text).expect("writable");
        csv(&path)
    }

    #[test]
    fn columns_are_numbers_or_words_and_cells_may_be_missing() {
        let table =
            read("\u{feff}age,sex\n63,Male\n?, \nNA,\"a,b\"\n".as_bytes()).expect("well-formed");
        let Cells::Numbers(ages) = &table.field("age").expect("there").cells else {
            panic!("numbers")
        };
        assert!(ages[0] == 63.0 && ages[1].is_nan() && ages[2].is_nan());
        let words = &table.field("sex").expect("there").cells;
        assert_eq!(
            (words.words().rows().collect::<Vec<_>>(), words.missing()),
            (vec!["Male", "", "a,b"], vec![1])
        );
        assert_eq!(read(b"a;b\n1,5;2\n").expect("semicolons").fields.len(), 2);
        assert!(
            table
                .field("agee")
                .expect_err("unknown")
                .contains("did you mean `age`?")
        );
    }

    #[test]
    fn torn_tables_are_refused_with_their_line() {
        assert!(
            read(b"a,b\n1,2\n3\n")
                .expect_err("short")
                .contains("line: 3")
        );
        assert!(
            read(b"a,a\n1,2\n")
                .expect_err("twice")
                .contains("a column is called `a`")
        );
        assert!(
            read(b"a,b\n")
                .expect_err("no rows")
                .contains("it has 0 rows")
        );
        assert!(read(b"").expect_err("empty").contains("it has 0 rows"));
        assert!(
            read(b"a\n\xff\xfe\n")
                .expect_err("no text")
                .contains("UTF-8")
        );
    }
}
