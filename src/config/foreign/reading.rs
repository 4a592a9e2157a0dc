//! One file on its way into our words: what was said, what it became, and what could not be
//! understood.

use super::screen::{Finding, Findings};
use super::{Around, Named, Row, Translation, Word};
use crate::config::kinds;
use crate::part::suggest;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// Why a key without a value decides nothing.
pub const EMPTY: &str = "empty";

/// A file that is being read.
pub struct Reading<'a> {
    words: Vec<Word>,
    // Where the word of each key is.
    places: BTreeMap<String, usize>,
    /// Where the file lies, and the data.
    pub around: Around<'a>,
    settings: Mapping,
    /// Which key said a setting, and on which line.
    sources: BTreeMap<String, (String, usize)>,
    done: Translation,
    findings: Vec<Finding>,
}

impl<'a> Reading<'a> {
    /// Takes the words of a file, in which the same key again must say the same.
    pub fn new(system: &'static str, words: Vec<Word>, around: Around<'a>) -> Reading<'a> {
        let done = Translation {
            system,
            ..Translation::default()
        };
        let (settings, sources, findings) = (Mapping::new(), BTreeMap::new(), Vec::new());
        let mut reading = Reading {
            words: Vec::new(),
            places: BTreeMap::new(),
            around,
            settings,
            sources,
            done,
            findings,
        };
        words.into_iter().for_each(|word| reading.keep(word));
        reading
    }

    /// Keeps a word; the same key again must say the same.
    fn keep(&mut self, word: Word) {
        match self.places.get(&word.key).map(|&place| &self.words[place]) {
            Some(known) if known.value == word.value => {}
            Some(known) => {
                let text = format!("line {} says {}", known.line, shown(&known.value));
                self.refuse(&word, &text);
            }
            None => {
                self.places.insert(word.key.clone(), self.words.len());
                self.words.push(word);
            }
        }
    }

    /// All words, in the order of the file.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// What a key says, if it says something.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let word = &self.words[*self.places.get(key)?];
        Some(&word.value).filter(|value| !value.is_null())
    }

    /// What a key says, as text; empty when nothing.
    pub fn text(&self, key: &str) -> String {
        self.get(key).map(shown).unwrap_or_default()
    }

    /// What a key says, if it is a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// Whether a key says one of these, whatever the case.
    pub fn says(&self, key: &str, values: &[&str]) -> bool {
        self.get(key).is_some_and(|value| is_one_of(value, values))
    }

    /// Whether a setting was said by now.
    pub fn has(&self, setting: &str) -> bool {
        self.settings.contains_key(setting)
    }

    /// A setting with the value as it stands.
    pub fn same(&mut self, word: &Word, setting: &str, note: &str) {
        self.becomes(word, setting, word.value.clone(), note);
    }

    /// A setting with a value of ours, and a difference in meaning.
    pub fn becomes(&mut self, word: &Word, setting: &str, value: Value, note: &str) {
        if let Some(fault) = kinds::fault(setting, &value) {
            return self.refuse(word, &fault);
        }
        let earlier = self
            .settings
            .get(setting)
            .filter(|earlier| **earlier != value)
            .map(shown);
        match (earlier, self.sources.get(setting)) {
            (Some(earlier), Some((key, line))) if !key.is_empty() => {
                let text = format!("line {line} says {earlier} for the same, as `{key}`");
                return self.refuse(word, &text);
            }
            _ => {}
        }
        self.settings.insert(setting.into(), value.clone());
        self.sources
            .insert(setting.to_owned(), (word.key.clone(), word.line));
        self.row(word, &format!("{setting}: {}", shown(&value)), note);
    }

    /// A setting that is so whatever the file says.
    pub fn adds(&mut self, setting: &str, value: impl Into<Value>, note: &str) {
        let value = value.into();
        let here = format!("{setting}: {}", shown(&value));
        self.settings.insert(setting.into(), value);
        self.done.rows.push(Row {
            here,
            note: note.to_owned(),
            ..Row::default()
        });
    }

    /// A name of theirs in our words.
    pub fn name(&mut self, word: &Word, setting: &str, names: &'static [Named]) {
        let theirs = shown(&word.value);
        match names
            .iter()
            .find(|name| name.theirs.eq_ignore_ascii_case(&theirs))
        {
            Some(Named {
                ours: Some(ours),
                about,
                ..
            }) => self.becomes(word, setting, Value::from(*ours), about),
            Some(Named { about, .. }) => {
                self.refuse(word, &format!("{theirs} is not here ({about})"))
            }
            None if kinds::fault(setting, &word.value).is_none() && kinds::is_choice(setting) => {
                self.same(word, setting, "")
            }
            None => {
                let hint = suggest(
                    &theirs,
                    names
                        .iter()
                        .filter(|name| name.ours.is_some())
                        .map(|name| name.theirs),
                );
                self.refuse(word, &format!("{theirs} is not known here ({hint})"));
            }
        }
    }

    /// A word that decides something there and nothing here, or something by another key.
    pub fn row(&mut self, word: &Word, here: &str, note: &str) {
        let (key, value) = (Some((word.key.clone(), word.line)), shown(&word.value));
        self.done.rows.push(Row {
            key,
            value,
            here: here.to_owned(),
            note: note.to_owned(),
        });
    }

    /// A word that decides nothing.
    pub fn nothing(&mut self, word: &Word, why: &'static str) {
        self.done.idle.push((word.key.clone(), why));
    }

    /// A word that cannot be followed.
    pub fn refuse(&mut self, word: &Word, text: &str) {
        self.findings.push(Finding {
            line: word.line,
            key: word.key.clone(),
            text: text.to_owned(),
        });
    }

    /// A value that there is nothing like here.
    pub fn not_here(&mut self, word: &Word, nearest: &str) {
        self.refuse(word, &format!("{} is not here (nearest: {nearest})", shown(&word.value)));
    }

    /// A file that lacks what its system needs.
    pub fn lacks(&mut self, key: &str, text: &str) {
        self.findings.push(Finding {
            line: 0,
            key: key.to_owned(),
            text: text.to_owned(),
        });
    }

    /// What the file came to; of our own files there is nothing to tell but what decides nothing.
    pub fn finish(mut self) -> Result<(Mapping, Translation), Findings> {
        if self.done.system.is_empty() {
            self.done.rows.clear();
            self.done.idle.retain(|(_, why)| *why != EMPTY);
        }
        if self.findings.is_empty() {
            return Ok((self.settings, self.done));
        }
        Err(Findings::of(self.done.system, self.findings))
    }
}

/// Whether a value is one of these, whatever the case; numbers are compared as numbers.
pub fn is_one_of(value: &Value, values: &[&str]) -> bool {
    values.iter().any(|text| says(value, text))
}

fn says(value: &Value, text: &str) -> bool {
    match (value.as_f64(), text.parse::<f64>()) {
        (Some(number), Ok(other)) => number == other,
        _ => shown(value).eq_ignore_ascii_case(text),
    }
}

/// A value in a line, as people write it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Sequence(values) => {
            format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(map) => {
            let pair = |(key, value): (&Value, &Value)| format!("{}: {}", shown(key), shown(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        value => serde_yaml::to_string(value)
            .unwrap_or_default()
            .trim()
            .to_owned(),
    }
}
