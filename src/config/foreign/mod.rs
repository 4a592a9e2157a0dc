//! Files of other systems, each by a table: what a key becomes, why it decides nothing, or why it
//! is refused. No key is dropped in silence and nothing is replaced; what means something else here
//! is said.

mod async_fl;
mod fedml;
mod flute;
mod own;
mod places;
mod reading;
mod screen;
mod steps;

use super::document::{Entry, Node};
use super::kinds::{is_setting, near};
use reading::Reading;
use serde_yaml::{Mapping, Value};
use std::path::Path;

pub use screen::Findings;
#[cfg(all(feature = "mpi", feature = "torch"))]
pub(crate) use screen::{commented, wrapped};

#[cfg(test)]
mod tests;

/// What is known of the surroundings of a file.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The file.
    pub file: &'a Path,
    /// The folder of data that a flag names.
    pub data_dir: Option<&'a Path>,
}

/// A key of a file with its value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    /// With the titles before it, as far as they mean something.
    key: String,
    line: usize,
    value: Value,
}

/// What a value that is a name becomes.
struct Named {
    theirs: &'static str,
    /// Ours; none where there is nothing like it.
    ours: Option<&'static str>,
    /// A difference in meaning, or what is nearest.
    about: &'static str,
}

const fn named(theirs: &'static str, ours: &'static str, about: &'static str) -> Named {
    Named {
        theirs,
        ours: Some(ours),
        about,
    }
}

const fn absent(theirs: &'static str, about: &'static str) -> Named {
    Named {
        theirs,
        ours: None,
        about,
    }
}

/// What becomes of a key.
enum Fate {
    /// A setting of ours, with the same value; and a difference in meaning, if any.
    Same(&'static str, &'static str),
    /// Nothing, since it decides nothing.
    Nothing(&'static str),
    /// Nothing while it has one of these values; else it is refused.
    NothingWhile(&'static [&'static str], &'static str),
    /// It decides something that is not here.
    Refused(&'static str),
    /// What a function says, as other keys matter too, and that in words.
    Rule(fn(&mut Reading<'_>, &Word), &'static str),
}

/// Values that switch something off.
const OFF: &[&str] = &["false", "0", "none"];

/// A line of a system's table.
struct Line {
    /// Keys with `|` between; a star at the end of one stands for anything.
    keys: &'static str,
    fate: Fate,
}

const fn line(keys: &'static str, fate: Fate) -> Line {
    Line { keys, fate }
}

impl Line {
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.keys.split('|')
    }

    /// Whether it is about a key.
    fn fits(&self, key: &str) -> bool {
        self.keys().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => key.starts_with(start),
            None => pattern == key,
        })
    }
}

/// A system whose files are understood.
struct System {
    name: &'static str,
    /// Whether the titles of a file are this system's.
    is_one: fn(&[Entry]) -> bool,
    /// Whether titles mean nothing, so that a key is known by its last name.
    is_flat: bool,
    table: &'static [Line],
    /// What is so whatever the file says, said after all its keys.
    always: fn(&mut Reading<'_>),
}

/// Every system; what is nobody else's is ours.
const SYSTEMS: &[&System] = &[
    &fedml::SYSTEM,
    &flute::SYSTEM,
    &async_fl::SYSTEM,
    &own::SYSTEM,
];

/// A file of another system in our words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translation {
    /// The system.
    pub system: &'static str,
    /// What became of each key that decides something.
    pub rows: Vec<Row>,
    /// Keys that decide nothing, with the reason.
    pub idle: Vec<(String, &'static str)>,
}

/// A key that decides something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The key, and its line; none for what is so whatever the file says.
    pub key: Option<(String, usize)>,
    /// Its value.
    pub value: String,
    /// What it becomes; empty when nothing.
    pub here: String,
    /// In what it differs.
    pub note: String,
}

/// Reads a file: its settings in our words, and what was done to get there.
///
/// # Errors
/// All that is not understood or not here.
pub fn translate(
    entries: &[Entry],
    around: Around<'_>,
) -> Result<(Mapping, Translation), Findings> {
    let system = SYSTEMS
        .iter()
        .find(|system| (system.is_one)(entries))
        .unwrap_or(&&own::SYSTEM);
    let mut reading = Reading::new(system.name, words(entries, system.is_flat), around);
    for word in reading.words().to_vec() {
        apply(system, &mut reading, &word);
    }
    (system.always)(&mut reading);
    reading.finish()
}

/// What becomes of a word, by the system's table; settings of ours that the system does not know
/// are ours.
fn apply(system: &System, reading: &mut Reading<'_>, word: &Word) {
    let is_ours = is_setting(&word.key);
    let line = system.table.iter().find(|line| line.fits(&word.key));
    match line.map(|line| &line.fate) {
        _ if word.value.is_null() && (line.is_some() || is_ours) => {
            reading.nothing(word, reading::EMPTY)
        }
        Some(Fate::Same(setting, note)) => reading.same(word, setting, note),
        Some(Fate::Nothing(why)) => reading.nothing(word, why),
        Some(Fate::NothingWhile(values, _)) if reading::is_one_of(&word.value, values) => {
            let is_off = reading::is_one_of(&word.value, OFF);
            reading.nothing(word, if is_off { "off" } else { "as it is here" });
        }
        Some(Fate::NothingWhile(_, why) | Fate::Refused(why)) => reading.refuse(word, why),
        Some(Fate::Rule(rule, _)) => rule(reading, word),
        None if is_ours => reading.same(word, &word.key, ""),
        None => reading.refuse(word, &unknown(system, &word.key)),
    }
}

/// What to say of a key that nobody knows.
fn unknown(system: &System, key: &str) -> String {
    let close = system
        .table
        .iter()
        .flat_map(Line::keys)
        .find(|known| strsim::levenshtein(known, key) <= 2);
    match (system.name, close) {
        ("", _) => format!("is no setting ({})", near(key)),
        (name, Some(known)) => format!("is no key of {name} (did you mean `{known}`?)"),
        (name, None) => format!("is no key of {name} that is known here, so it is not ignored"),
    }
}

/// All keys of a system with what becomes of each, as a table in Markdown; none for a name of
/// nothing.
pub fn keys(system: &str) -> Option<String> {
    let system = SYSTEMS
        .iter()
        .find(|known| !known.name.is_empty() && known.name.eq_ignore_ascii_case(system))?;
    let head = format!("| {} | here |\n|---|---|", system.name);
    let lines = system.table.iter().map(|line| {
        let keys: Vec<String> = line.keys().map(|key| format!("`{key}`")).collect();
        format!("\n| {} | {} |", keys.join(", "), line.fate.words())
    });
    Some(lines.fold(head, |text, line| text + &line))
}

/// The systems, for those who ask for [`keys`].
pub fn systems() -> Vec<&'static str> {
    SYSTEMS
        .iter()
        .map(|system| system.name)
        .filter(|name| !name.is_empty())
        .collect()
}

impl Fate {
    /// The same for people.
    fn words(&self) -> String {
        match self {
            Fate::Same(setting, "") => format!("`{setting}`"),
            Fate::Same(setting, note) => format!("`{setting}`; {note}"),
            Fate::Nothing(why) => format!("nothing: {why}"),
            Fate::NothingWhile(values, why) => {
                format!("nothing while {}; else refused: {why}", values.join(", "))
            }
            Fate::Refused(why) => format!("refused: {why}"),
            Fate::Rule(_, words) => (*words).to_owned(),
        }
    }
}

/// The keys of a file, with their titles or without. A title without keys is none.
fn words(entries: &[Entry], is_flat: bool) -> Vec<Word> {
    let mut words = Vec::new();
    for entry in entries {
        collect(entry, "", is_flat, &mut words);
    }
    words
}

fn collect(entry: &Entry, above: &str, is_flat: bool, words: &mut Vec<Word>) {
    let key = if is_flat || above.is_empty() {
        entry.key.clone()
    } else {
        format!("{above}.{}", entry.key)
    };
    match &entry.node {
        Node::Map(below) if !(is_flat && is_choice(above, below)) => {
            let title = if is_flat { &entry.key } else { &key };
            for entry in below {
                collect(entry, title, is_flat, words);
            }
        }
        node if node.is_empty() && above.is_empty() => {}
        node => words.push(Word {
            key,
            line: entry.line,
            value: node.value(),
        }),
    }
}

/// Whether a mapping is the value of a key: below a title, or with the name of a part.
fn is_choice(above: &str, below: &[Entry]) -> bool {
    !above.is_empty() || below.iter().any(|entry| entry.key == "name")
}

/// Whether all of these titles are there, as sections.
fn has_sections(entries: &[Entry], titles: &[&str]) -> bool {
    titles.iter().all(|title| has_section(entries, title))
}

fn has_section(entries: &[Entry], title: &str) -> bool {
    let mut sections = entries
        .iter()
        .filter(|entry| matches!(entry.node, Node::Map(_)));
    sections.any(|entry| entry.key == title)
}
