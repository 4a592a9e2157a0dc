//! Tables in Apache Parquet, row by row: numbers, truth and words; what is null is missing.

use super::named::Named;
use super::table::{Cells, Field, Table, checked, trimmed};
use crate::{files, stop};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field as Cell, Row};
use std::fs::File;
use std::path::Path;

/// Reads a Parquet file.
///
/// # Errors
/// What is wrong with the file, or a column that holds neither numbers nor words.
pub fn read(path: &Path) -> Result<Table, String> {
    let file = files::open(path).map_err(|error| error.to_string())?;
    // Damaged pages make the crate panic.
    let read = stop::catch(|| rows(file));
    checked(read.map_err(|fault| format!("it is damaged: {fault} (hint: write the file again)"))??)
}

fn rows(file: File) -> Result<Table, String> {
    let reader = SerializedFileReader::new(file).map_err(torn)?;
    let mut table = Table::default();
    for row in reader.get_row_iter(None).map_err(torn)? {
        add(&mut table, &row.map_err(torn)?)?;
    }
    Ok(table)
}

fn torn(error: ParquetError) -> String {
    format!("{error} (hint: write the file again)")
}

fn add(table: &mut Table, row: &Row) -> Result<(), String> {
    if table.fields.is_empty() {
        for (name, _) in row.get_column_iter() {
            table.fields.push(Field {
                name: name.clone(),
                cells: Cells::Numbers(Vec::new()),
            });
        }
    }
    for (field, (name, cell)) in table.fields.iter_mut().zip(row.get_column_iter()) {
        match (value(cell), &mut field.cells) {
            (Some(Value::Number(number)), Cells::Numbers(numbers)) => numbers.push(number),
            (Some(Value::Missing), Cells::Numbers(numbers)) => numbers.push(f64::NAN),
            (Some(Value::Missing), Cells::Words(words)) => words.push(""),
            (Some(Value::Word(word)), Cells::Words(words)) => words.push(trimmed(&word)),
            // So far all of them were missing.
            (Some(Value::Word(word)), Cells::Numbers(numbers)) => {
                let mut words: Named = numbers.iter().map(|_| "").collect();
                words.push(trimmed(&word));
                field.cells = Cells::Words(words);
            }
            _ => {
                return Err(format!(
                    "column `{name}` holds {cell} \
                     (hint: numbers or words; leave nested columns out)"
                ));
            }
        }
    }
    table.rows += 1;
    Ok(())
}

/// What a cell can be.
enum Value {
    Missing,
    Number(f64),
    Word(String),
}

fn value(cell: &Cell) -> Option<Value> {
    Some(match cell {
        Cell::Null => Value::Missing,
        Cell::Bool(truth) => Value::Word(truth.to_string()),
        Cell::Str(word) => Value::Word(word.clone()),
        cell => Value::Number(number(cell)?),
    })
}

/// A number; those that are not finite are missing.
fn number(cell: &Cell) -> Option<f64> {
    let number = match *cell {
        Cell::Byte(number) => number.into(),
        Cell::Short(number) => number.into(),
        Cell::Int(number) | Cell::Date(number) => number.into(),
        Cell::Long(number) => number as f64,
        Cell::UByte(number) => number.into(),
        Cell::UShort(number) => number.into(),
        Cell::UInt(number) => number.into(),
        Cell::ULong(number) => number as f64,
        Cell::Float16(number) => number.into(),
        Cell::Float(number) => number.into(),
        Cell::Double(number) => number,
        _ => return None,
    };
    Some(if number.is_finite() { number } else { f64::NAN })
}
