//! Tables: columns of numbers or words with a name each. A cell may be missing: empty, or one of
//! the words that programs write there.

use super::named::Named;
use super::taken::{Seen, Take, Taken};
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
    /// What columns are called that were not read.
    pub unread: Vec<String>,
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
pub fn number(cell: &str) -> Option<f64> {
    match trimmed(cell) {
        "" => Some(f64::NAN),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

impl Cells {
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

/// A number as a word; nothing of what is missing.
pub fn word(number: f64) -> String {
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
        let read = self.fields.iter().map(|field| field.name.as_str());
        let names = read.chain(self.unread.iter().map(String::as_str));
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
            unread: self.unread.clone(),
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
    let read = table.fields.iter().map(|field| &field.name);
    for name in read.chain(&table.unread) {
        if name.trim().is_empty() || !names.insert(name) {
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
/// is of numbers when all of its cells are that or missing, and none is a code that matters.
///
/// # Errors
/// What is wrong with the file, with the line.
pub fn csv(path: &Path, take: Take<'_>) -> Result<Table, String> {
    let text = files::bytes(path).map_err(|error| error.to_string())?;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = SEPARATORS
        .into_iter()
        .find(|separator| first.contains(separator))
        .unwrap_or(b',');
    let reader = || ReaderBuilder::new().delimiter(separator).from_reader(text);
    let headers = reader().headers().map_err(torn)?.clone();
    let names: Vec<&str> = headers.iter().map(str::trim).collect();
    let mut seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    walk(reader(), |place, line, cell| seen[place].add(line, cell))?;
    let mut columns: Vec<Option<Cells>> = Vec::new();
    for (name, seen) in names.iter().zip(&seen) {
        let taken = take(name);
        let is_read = taken != Taken::Not;
        columns.push(is_read.then(|| seen.cells(name, taken)).transpose()?);
    }
    let rows = walk(reader(), |place, _, cell| match &mut columns[place] {
        Some(Cells::Numbers(numbers)) => numbers.push(number(cell).unwrap_or(f64::NAN)),
        Some(Cells::Words(words)) => words.push(trimmed(cell)),
        None => {}
    })?;
    let mut table = Table {
        rows,
        ..Table::default()
    };
    for (name, cells) in names.into_iter().zip(columns) {
        let name = name.to_owned();
        match cells {
            Some(cells) => table.fields.push(Field { name, cells }),
            None => table.unread.push(name),
        }
    }
    checked(table)
}

/// Visits all cells with the number of their column and their line, and counts rows.
fn walk(
    mut reader: csv::Reader<&[u8]>,
    mut visit: impl FnMut(usize, u64, &str),
) -> Result<usize, String> {
    let (mut record, mut rows) = (StringRecord::new(), 0);
    while reader.read_record(&mut record).map_err(torn)? {
        let line = record.position().map_or(0, csv::Position::line);
        for (place, cell) in record.iter().enumerate() {
            visit(place, line, cell);
        }
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
        taken(text, &|_| Taken::Input)
    }

    fn taken(text: &[u8], take: Take<'_>) -> Result<Table, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("train.csv");
        std::fs::write(&path, text).expect("writable");
        csv(&path, take)
    }

    #[test]
    fn names_are_what_is_written_and_left_out_columns_are_not_read() {
        let take = |name: &str| match name {
            "user" => Taken::Names,
            "out" => Taken::Not,
            _ => Taken::Input,
        };
        let text = b"user,out,n\n9007199254740993,1,007\n9007199254740994,x,7\n7.0,2,\n";
        let table = taken(text, &take).expect("well-formed");
        let users = &table.field("user").expect("there").cells;
        assert_eq!(
            users.words().rows().collect::<Vec<_>>(),
            ["9007199254740993", "9007199254740994", "7.0"]
        );
        assert_eq!((table.unread.join(" "), table.fields.len()), ("out".to_owned(), 2));
        assert!(
            table
                .field("outt")
                .expect_err("unknown")
                .contains("did you mean `out`?")
        );
        let bad = read(b"a\n1\n\n2\ninf\n").expect_err("refused");
        assert!(bad.contains("column `a` holds `inf` in line 5"), "{bad}");
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
        assert_eq!(read(b"a;b\n1.5;2\n").expect("semicolons").fields.len(), 2);
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
