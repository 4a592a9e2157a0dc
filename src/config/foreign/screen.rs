//! What people see of a translation: at most 80 columns, and one screen.

use super::Translation;
use crate::ids::counted;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Columns of a screen.
const WIDTH: usize = 80;
/// Findings that one screen holds.
const MOST: usize = 40;
/// Where a second column begins.
const COLUMN: usize = 30;

/// Something of a file that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it stands; 0 for what is missing.
    pub line: usize,
    /// The key.
    pub key: String,
    /// Why, and what is nearest.
    pub text: String,
}

/// All that cannot be followed in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    system: &'static str,
    list: Vec<Finding>,
}

impl Findings {
    /// In the order of lines.
    pub fn of(system: &'static str, mut list: Vec<Finding>) -> Findings {
        list.sort();
        list.dedup();
        Findings { system, list }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.system.is_empty() {
            String::new()
        } else {
            format!("{} ", self.system)
        };
        write!(
            out,
            "{} of this {whose}file cannot be followed:",
            counted(self.list.len(), "line")
        )?;
        for Finding { line, key, text } in self.list.iter().take(MOST) {
            let place = if *line == 0 {
                String::new()
            } else {
                format!("line {line}: ")
            };
            write!(out, "\n{}", wrapped(&format!("{place}{key}: {text}"), 2, 6))?;
        }
        match self.list.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(out, "\n  and {more} more"),
        }
    }
}

impl Translation {
    /// Whether there is nothing to tell, as of our own files.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.idle.is_empty()
    }

    /// Every key with what it is here, and each difference in meaning.
    pub fn table(&self) -> String {
        let mut text = format!("This {} file in our words:", self.system);
        for row in &self.rows {
            let theirs = match &row.key {
                Some((key, _)) => format!("{key}: {}", row.value),
                None => "(always)".to_owned(),
            };
            let here = if row.here.is_empty() { "-" } else { &row.here };
            text += &format!("\n{}", two_columns(&theirs, here));
            if !row.note.is_empty() {
                text += &format!("\n{}", wrapped(&format!("! {}", row.note), 4, 6));
            }
        }
        match self.nothing() {
            nothing if nothing.is_empty() => text,
            nothing => text + "\n" + &wrapped(&nothing, 2, 4),
        }
    }

    /// What to tell once when the file is run: each difference in meaning, and what decides
    /// nothing.
    pub fn notes(&self) -> Vec<String> {
        if self.is_empty() {
            return Vec::new();
        }
        let differing = self.rows.iter().filter(|row| !row.note.is_empty());
        let note = differing.map(|row| match &row.key {
            Some((key, line)) => format!("{} file, line {line}, {key}: {}", self.system, row.note),
            None => format!("{} file: {} ({})", self.system, row.note, row.here),
        });
        note.chain(Some(self.nothing()).filter(|nothing| !nothing.is_empty()))
            .collect()
    }

    /// One line of all that decides nothing, by the reason.
    fn nothing(&self) -> String {
        let mut by_reason: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (key, why) in &self.idle {
            by_reason.entry(why).or_default().insert(key);
        }
        let groups: Vec<String> = by_reason
            .iter()
            .map(|(why, keys)| format!("{} ({why})", listed(keys)))
            .collect();
        if groups.is_empty() {
            return String::new();
        }
        format!("decide nothing here: {}", groups.join("; "))
    }
}

fn listed(keys: &BTreeSet<&str>) -> String {
    keys.iter().copied().collect::<Vec<_>>().join(", ")
}

/// Two texts beside each other, or below each other where there is no room.
fn two_columns(left: &str, right: &str) -> String {
    let is_short = left.chars().count() + 3 < COLUMN && right.chars().count() + COLUMN <= WIDTH;
    if is_short {
        return format!("  {left:<width$}{right}", width = COLUMN - 2);
    }
    format!("{}\n{}", wrapped(left, 2, 4), wrapped(right, COLUMN, COLUMN))
}

/// Words in lines of a screen, the first one indented by `first`, the others by `rest`.
pub fn wrapped(text: &str, first: usize, rest: usize) -> String {
    let mut lines = vec![" ".repeat(first)];
    let words = text.split_whitespace();
    for word in words.flat_map(|word| pieces(word, WIDTH - rest - 1)) {
        let line = lines.last_mut().expect("one at least");
        let is_blank = line.trim().is_empty();
        let needed = line.chars().count() + usize::from(!is_blank) + word.chars().count();
        if needed > WIDTH {
            lines.push(format!("{}{word}", " ".repeat(rest)));
        } else if is_blank {
            line.push_str(&word);
        } else {
            *line += &format!(" {word}");
        }
    }
    lines.join("\n")
}

/// The same as comments of YAML, each line ended.
pub fn commented(text: &str) -> String {
    wrapped(text, 2, 4)
        .lines()
        .map(|line| format!("#{}\n", &line[1..]))
        .collect()
}

/// A word that is longer than a line, in pieces.
fn pieces(word: &str, most: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters
        .chunks(most)
        .map(|piece| piece.iter().collect())
        .collect()
}
