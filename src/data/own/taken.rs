//! How the columns of a table are taken: as numbers where that loses nothing, else as the words
//! that are written.

use super::table::{Cells, number, trimmed};

/// What a column is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is not read.
    Not,
    /// Numbers if all cells are, else words.
    Input,
    /// The same of a label.
    Values,
    /// The same, but codes such as `007` are words.
    Target,
    /// Classes or categories, of which some may be numbers and others words; codes are words.
    Classes,
    /// Names: the words that are written.
    Names,
}

/// Says of each column by its name how it is taken.
pub type Take<'a> = &'a dyn Fn(&str) -> Taken;

/// From here on 64-bit floats do not tell all whole numbers apart.
const LARGEST_WHOLE: u64 = 1 << f64::MANTISSA_DIGITS;

impl Taken {
    /// Whether codes are words.
    fn keeps_codes(self) -> bool {
        matches!(self, Taken::Target | Taken::Classes)
    }

    /// Whether this whole number is to be a word.
    pub fn is_code(self, number: i128) -> bool {
        self.keeps_codes() && number.unsigned_abs() > LARGEST_WHOLE.into()
    }
}

/// Whether a cell that is a number would be another one's equal: it begins with a needless zero, or
/// is a large whole number.
fn is_code(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['+', '-']);
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let begins_with_zero =
        digits.starts_with('0') && digits[1..].starts_with(|sign: char| sign.is_ascii_digit());
    let is_large = || {
        digits
            .parse()
            .map_or(true, |number: u64| number > LARGEST_WHOLE)
    };
    is_whole && (begins_with_zero || is_large())
}

/// Whether a cell is a number once its comma is a point.
fn has_decimal_comma(cell: &str) -> bool {
    cell.matches(',').count() == 1 && number(&cell.replace(',', ".")).is_some()
}

/// What was seen of a column's cells.
#[derive(Debug, Default)]
pub struct Seen {
    numbers: usize,
    words: usize,
    commas: usize,
    has_codes: bool,
    /// The first word, and its line.
    first: Option<(u64, String)>,
}

impl Seen {
    /// Looks at a cell.
    pub fn add(&mut self, line: u64, cell: &str) {
        let cell = trimmed(cell);
        if cell.is_empty() {
            return;
        }
        if number(cell).is_some() {
            self.numbers += 1;
            self.has_codes |= is_code(cell);
            return;
        }
        self.words += 1;
        self.commas += usize::from(has_decimal_comma(cell));
        self.first.get_or_insert_with(|| (line, cell.to_owned()));
    }

    /// No cells yet, of the kind that the column gets.
    ///
    /// # Errors
    /// Most cells of a column of numbers are that, and some are not.
    pub fn cells(&self, name: &str, taken: Taken) -> Result<Cells, String> {
        let are_words = match (taken, &self.first) {
            (Taken::Names, _) => true,
            (_, None) => self.has_codes && taken.keeps_codes(),
            (Taken::Input | Taken::Values | Taken::Target, Some((line, cell)))
                if self.most_are_numbers() =>
            {
                return Err(self.refused(name, taken, *line, cell));
            }
            (_, Some(_)) => true,
        };
        Ok(match are_words {
            true => Cells::Words(Default::default()),
            false => Cells::Numbers(Vec::new()),
        })
    }

    fn most_are_numbers(&self) -> bool {
        2 * (self.numbers + self.commas) > self.numbers + self.words
    }

    fn refused(&self, name: &str, taken: Taken, line: u64, cell: &str) -> String {
        let mend = match has_decimal_comma(cell) {
            true => "write decimal points",
            false => "mend the cell or leave it empty",
        };
        let setting = match taken {
            Taken::Values | Taken::Target => "task=classes takes words and numbers".to_owned(),
            _ => format!("categorical={name} makes all of them words"),
        };
        format!(
            "column `{name}` holds `{cell}` in line {line}, which is no finite number as most of \
             its cells are (hint: {mend}; {setting})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(taken: Taken, cells: &[&str]) -> Result<&'static str, String> {
        let mut seen = Seen::default();
        (2..)
            .zip(cells)
            .for_each(|(line, cell)| seen.add(line, cell));
        seen.cells("a", taken).map(|cells| match cells {
            Cells::Numbers(_) => "numbers",
            Cells::Words(_) => "words",
        })
    }

    #[test]
    fn names_and_codes_are_words_and_inputs_numbers() {
        for codes in [["007", "7"], ["9007199254740993", "1"], ["-01", ""]] {
            assert_eq!(kind(Taken::Names, &codes), Ok("words"));
            assert_eq!(kind(Taken::Classes, &codes), Ok("words"));
            assert_eq!(kind(Taken::Target, &codes), Ok("words"));
            assert_eq!(kind(Taken::Input, &codes), Ok("numbers"));
        }
        for plain in [["0", "7.0"], ["0.5", "-1e5"], ["9007199254740992", "NA"]] {
            assert_eq!(kind(Taken::Classes, &plain), Ok("numbers"));
            assert_eq!(kind(Taken::Names, &plain), Ok("words"));
        }
    }

    #[test]
    fn a_few_words_among_numbers_are_refused_unless_they_are_classes() {
        for wrong in ["inf", "1e400", "1.2.3"] {
            let fault = kind(Taken::Input, &["1", "", wrong, "2"]).expect_err("refused");
            assert!(
                fault.starts_with(&format!("column `a` holds `{wrong}` in line 4, which is no"))
                    && fault.contains("categorical=a"),
                "{fault}"
            );
            assert_eq!(kind(Taken::Classes, &["1", wrong, "2"]), Ok("words"));
        }
        let target = kind(Taken::Target, &["1", "x", "2"]).expect_err("refused");
        assert!(target.contains("task=classes"), "{target}");
        assert_eq!(kind(Taken::Input, &["1", "x"]), Ok("words"));
        let commas = kind(Taken::Input, &["1,5", "2,25", "3"]).expect_err("refused");
        assert!(
            commas.contains("`1,5` in line 2") && commas.contains("decimal points"),
            "{commas}"
        );
    }
}
