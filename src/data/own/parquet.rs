//! Tables in Apache Parquet, row by row: numbers, truth and words; what is null or
//! not a number is missing. Columns that are left out are not read.

use super::table::{Cells, Field, Table, checked, trimmed, word};
use super::taken::{Take, Taken};
use crate::{files, stop};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field as Cell, Row};
use parquet::schema::types::Type;
use std::fs::File;
use std::path::Path;

/// What pandas calls the names of rows where they have no name; they are no input.
const NAMES_OF_ROWS: &str = "__index_level_";
/// No more of a cell is told.
const MOST_LETTERS: usize = 40;

/// Reads a Parquet file.
///
/// # Errors
/// What is wrong with the file, or a column that holds neither numbers nor words, with its row.
pub fn read(path: &Path, take: Take<'_>) -> Result<Table, String> {
    let file = files::open(path).map_err(|error| error.to_string())?;
    // Damaged pages make the crate panic.
    let read = stop::catch(|| rows(file, take));
    checked(read.map_err(|fault| format!("it is damaged: {fault} (hint: write the file again)"))??)
}

fn rows(file: File, take: Take<'_>) -> Result<Table, String> {
    let reader = SerializedFileReader::new(file).map_err(torn)?;
    let schema = reader.metadata().file_metadata().schema();
    let (mut table, mut columns, mut read) = (Table::default(), Vec::new(), Vec::new());
    for column in schema.get_fields() {
        let name = column.name().to_owned();
        let taken = match take(&name) {
            Taken::Input if name.starts_with(NAMES_OF_ROWS) => Taken::Not,
            taken => taken,
        };
        if taken == Taken::Not {
            table.unread.push(name);
            continue;
        }
        let cells = match taken {
            Taken::Names => Cells::Words(Default::default()),
            _ => Cells::Numbers(Vec::new()),
        };
        table.fields.push(Field { name, cells });
        columns.push(taken);
        read.push(column.clone());
    }
    if read.is_empty() {
        return Err("no column is left to be read (hint: leave_out names fewer)".to_owned());
    }
    let projection = Type::group_type_builder(schema.name()).with_fields(read);
    let projection = projection.build().map_err(torn)?;
    for row in reader.get_row_iter(Some(projection)).map_err(torn)? {
        add(&mut table, &columns, &row.map_err(torn)?)?;
    }
    Ok(table)
}

fn torn(error: ParquetError) -> String {
    format!("{error} (hint: write the file again)")
}

fn add(table: &mut Table, columns: &[Taken], row: &Row) -> Result<(), String> {
    table.rows += 1;
    let cells = row.get_column_iter().map(|(_, cell)| cell);
    for ((field, taken), cell) in table.fields.iter_mut().zip(columns).zip(cells) {
        let value = value(cell).map_err(|mend| refused(&field.name, cell, table.rows, mend))?;
        push(&mut field.cells, *taken, value);
    }
    Ok(())
}

fn refused(name: &str, cell: &Cell, row: usize, mend: &str) -> String {
    let cell: String = cell.to_string().chars().take(MOST_LETTERS).collect();
    format!("column `{name}` holds {cell} in row {row} (hint: {mend}, or leave_out={name})")
}

/// A further cell. Numbers become words where one comes, or a code that matters.
fn push(cells: &mut Cells, taken: Taken, value: Value) {
    let is_word = match value {
        Value::Word(_) => true,
        Value::Whole(number) => taken.is_code(number),
        Value::Number(_) | Value::Missing => false,
    };
    if is_word && matches!(cells, Cells::Numbers(_)) {
        *cells = Cells::Words(cells.words());
    }
    match (cells, value) {
        (Cells::Numbers(numbers), Value::Whole(number)) => numbers.push(number as f64),
        (Cells::Numbers(numbers), Value::Number(number)) => numbers.push(number),
        (Cells::Numbers(numbers), Value::Missing | Value::Word(_)) => numbers.push(f64::NAN),
        (Cells::Words(words), Value::Whole(number)) => words.push(&number.to_string()),
        (Cells::Words(words), Value::Number(number)) => words.push(&word(number)),
        (Cells::Words(words), Value::Word(text)) => words.push(trimmed(&text)),
        (Cells::Words(words), Value::Missing) => words.push(""),
    }
}

/// What a cell can be.
enum Value {
    Missing,
    Whole(i128),
    Number(f64),
    Word(String),
}

/// A cell, or what is to be done about it.
fn value(cell: &Cell) -> Result<Value, &'static str> {
    Ok(match *cell {
        Cell::Null => Value::Missing,
        Cell::Bool(truth) => Value::Word(truth.to_string()),
        Cell::Str(ref word) => Value::Word(word.clone()),
        Cell::Byte(number) => Value::Whole(number.into()),
        Cell::Short(number) => Value::Whole(number.into()),
        Cell::Int(number) => Value::Whole(number.into()),
        Cell::Long(number) => Value::Whole(number.into()),
        Cell::UByte(number) => Value::Whole(number.into()),
        Cell::UShort(number) => Value::Whole(number.into()),
        Cell::UInt(number) => Value::Whole(number.into()),
        Cell::ULong(number) => Value::Whole(number.into()),
        Cell::Float16(number) => real(number.into())?,
        Cell::Float(number) => real(number.into())?,
        Cell::Double(number) => real(number)?,
        Cell::Decimal(_) => return Err("write floats, as astype(\"float64\") makes them"),
        Cell::Bytes(_) => return Err("write text"),
        Cell::Date(_)
        | Cell::TimeMillis(_)
        | Cell::TimeMicros(_)
        | Cell::TimestampMillis(_)
        | Cell::TimestampMicros(_) => return Err("write numbers, such as days or the year"),
        Cell::Group(_) | Cell::ListInternal(_) | Cell::MapInternal(_) => {
            return Err("write a column for each of its values");
        }
    })
}

/// A float; what is not a number is missing.
fn real(number: f64) -> Result<Value, &'static str> {
    if number.is_infinite() {
        return Err("put a finite number there, or nothing");
    }
    Ok(match number.is_nan() {
        true => Value::Missing,
        false => Value::Number(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::data_type::{DoubleType, Int32Type, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    /// Three rows of a user, a number, a date and the names that pandas gives to rows.
    fn table(numbers: [f64; 3], take: Take<'_>) -> Result<Table, String> {
        let schema = "message schema { required int64 user; required double n; \
                      required int32 day (DATE); required int64 __index_level_0__; }";
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("train.parquet");
        let file = File::create(&path).expect("writable");
        let mut writer = SerializedFileWriter::new(file, schema, Default::default()).expect("new");
        let mut group = writer.next_row_group().expect("a group");
        let large = [9007199254740993, 9007199254740994, 9007199254740992];
        for place in 0..4 {
            let mut column = group.next_column().expect("open").expect("there");
            let written = match place {
                1 => column
                    .typed::<DoubleType>()
                    .write_batch(&numbers, None, None),
                2 => column
                    .typed::<Int32Type>()
                    .write_batch(&[1, 2, 3], None, None),
                _ => column.typed::<Int64Type>().write_batch(&large, None, None),
            };
            assert_eq!(written.expect("three rows"), 3);
            column.close().expect("closed");
        }
        group.close().expect("closed");
        writer.close().expect("closed");
        read(&path, take)
    }

    fn without_day(name: &str) -> Taken {
        match name {
            "day" => Taken::Not,
            "user" => Taken::Names,
            _ => Taken::Input,
        }
    }

    #[test]
    fn names_are_exact_and_left_out_columns_are_not_read() {
        let table = table([0.5, f64::NAN, 2.0], &without_day).expect("sound");
        let users = table.field("user").expect("there").cells.words();
        assert_eq!(
            users.rows().collect::<Vec<_>>(),
            ["9007199254740993", "9007199254740994", "9007199254740992"]
        );
        assert_eq!(table.unread, ["day", "__index_level_0__"]);
        assert_eq!((table.rows, table.field("n").expect("there").cells.missing()), (3, vec![1]));
    }

    #[test]
    fn what_is_no_number_is_told_with_its_row_and_a_remedy() {
        let infinite = table([0.5, 1.0, f64::INFINITY], &without_day).expect_err("refused");
        assert!(
            infinite.contains("column `n` holds inf in row 3 (hint: put a finite number"),
            "{infinite}"
        );
        let day = table([0.5; 3], &|_| Taken::Input).expect_err("refused");
        assert!(
            day.starts_with("column `day` holds 1970-01-02") && day.contains("leave_out=day"),
            "{day}"
        );
    }

    #[test]
    fn large_whole_numbers_are_codes_where_they_are_classes() {
        let take = |name: &str| match name {
            "user" => Taken::Classes,
            name => without_day(name),
        };
        let table = table([0.5; 3], &take).expect("sound");
        let distinct = super::super::distinct::distinct(&[&table.fields[0].cells]);
        assert_eq!(distinct.len(), 3);
    }
}
