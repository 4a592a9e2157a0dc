//! Numbers and names as people read them in tables, figures and pages.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// What stands for a figure that there is not.
pub const NONE: &str = "-";

/// Steps of a thousand and their letters.
const STEPS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];

/// A number in four digits, as `0.9812`, `12.5`, `340k` or `2.1e-5`.
pub fn short(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return number.to_string();
    }
    if size >= 1e16 || (size > 0.0 && size < 1e-3) {
        return format!("{number:.1e}");
    }
    match STEPS.iter().find(|(step, _)| size >= 1e4 && size >= *step) {
        Some((step, letter)) => digits(number / step) + letter,
        None => digits(number),
    }
}

/// Four digits, without zeros at the end.
fn digits(number: f64) -> String {
    let whole = number.abs().max(1.0).log10().floor() as usize;
    let text =
        format!("{number:.*}", 4usize.saturating_sub(whole + usize::from(number.abs() >= 1.0)));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A number in four digits, as `0.9812` or `340k`; a dash for nothing.
pub fn short_or_none(number: Option<f64>) -> String {
    number.map_or(NONE.to_owned(), short)
}

/// A time as `0.42 s`, `3 min 20 s` or `2 h 5 min`.
pub fn time(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 60.0 {
        return format!("{} s", short(seconds));
    }
    let whole = seconds.round() as u64;
    let (large, small, names) = match whole {
        0..3600 => (whole / 60, whole % 60, ["min", "s"]),
        _ => (whole / 3600, whole % 3600 / 60, ["h", "min"]),
    };
    format!("{large} {} {small} {}", names[0], names[1])
}

/// A name of at most so many letters: what is too long loses its middle.
pub fn shortened(name: &str, most: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= most {
        return name.to_owned();
    }
    let kept = most.saturating_sub(2);
    let (head, tail) = (kept - kept / 2, kept / 2);
    let part = |letters: &[char]| letters.iter().collect::<String>();
    format!("{}..{}", part(&letters[..head]), part(&letters[letters.len() - tail..]))
}

/// The shortest ends of paths that tell all of them apart; a path that comes twice is numbered.
pub fn names(folders: &[PathBuf]) -> Vec<String> {
    let whole: Vec<PathBuf> = folders
        .iter()
        .map(|folder| std::path::absolute(folder).unwrap_or(folder.clone()))
        .collect();
    let lengths = whole.iter().map(|path| path.components().count());
    for length in 1..=lengths.max().unwrap_or(1) {
        let names: Vec<String> = whole.iter().map(|path| end(path, length)).collect();
        if names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            return names;
        }
    }
    (1..)
        .zip(&whole)
        .map(|(number, path)| format!("{number} {}", end(path, 1)))
        .collect()
}

/// So many last parts of a path.
fn end(path: &Path, length: usize) -> String {
    let parts: Vec<Component<'_>> = path.components().collect();
    parts[parts.len().saturating_sub(length)..]
        .iter()
        .collect::<PathBuf>()
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        for (number, text) in [
            (0.0, "0"),
            (0.98124, "0.9812"),
            (0.3, "0.3"),
            (12.5, "12.5"),
            (1234.4, "1234"),
            (12_345.0, "12.35k"),
            (340_000.0, "340k"),
            (2.1e-5, "2.1e-5"),
            (-4_000_000.0, "-4M"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(short(number), text);
        }
        assert_eq!(
            (time(0.42), time(200.0), time(7500.0)),
            ("0.42 s".into(), "3 min 20 s".into(), "2 h 5 min".into())
        );
    }

    #[test]
    fn names_are_as_short_as_they_can_be() {
        let folders = ["/a/x/run", "/a/y/run", "/a/z"].map(PathBuf::from);
        assert_eq!(names(&folders), ["x/run", "y/run", "a/z"]);
        assert_eq!(names(&folders[..1]), ["run"]);
        assert_eq!(names(&[folders[0].clone(), folders[0].clone()]), ["1 run", "2 run"]);
        assert_eq!(
            (shortened("abcdefghij", 6), shortened("abc", 6)),
            ("ab..ij".into(), "abc".into())
        );
    }
}
