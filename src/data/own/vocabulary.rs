//! Text to tokens: characters or words by their place in a vocabulary.

use crate::files;
use crate::part::words;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The name of token 0: whatever the vocabulary does not have.
pub const UNKNOWN: &str = "<unknown>";

words! {
    /// What a token is.
    pub Unit {
        /// Each character.
        Characters = "characters";
        /// Each run of letters, digits and apostrophes, and each other sign that is no space.
        Words = "words";
    }
}

impl Unit {
    /// A text in its units: of `Nay, answer me` the words are `Nay`, `,`, `answer` and `me`.
    pub fn split(self, text: &str) -> Vec<&str> {
        let letters = text
            .char_indices()
            .map(|(at, letter)| &text[at..at + letter.len_utf8()]);
        match self {
            Unit::Characters => letters.collect(),
            Unit::Words => {
                let ends = text
                    .char_indices()
                    .filter(|(_, letter)| !is_of_word(*letter));
                let mut words = Vec::new();
                let mut from = 0;
                for (at, sign) in ends.chain([(text.len(), ' ')]) {
                    words.extend(Some(&text[from..at]).filter(|word| !word.is_empty()));
                    from = at + sign.len_utf8();
                    words.extend((!sign.is_whitespace()).then(|| &text[at..from]));
                }
                words
            }
        }
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '\''
}

/// Tokens by name; the name of each is its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    names: Vec<String>,
    places: HashMap<String, u32>,
}

impl Vocabulary {
    /// These names after the unknown one.
    ///
    /// # Errors
    /// A name that comes twice.
    fn new(names: impl IntoIterator<Item = String>) -> Result<Vocabulary, String> {
        let mut vocabulary = Vocabulary {
            names: vec![UNKNOWN.to_owned()],
            places: HashMap::new(),
        };
        for name in names {
            let place = vocabulary.names.len() as u32;
            if vocabulary.places.insert(name.clone(), place).is_some() {
                return Err(format!(
                    "`{}` comes twice (hint: each token once)",
                    name.escape_default()
                ));
            }
            vocabulary.names.push(name);
        }
        Ok(vocabulary)
    }

    /// All that texts have: characters by their codes, or so many words, the most frequent first
    /// and equally frequent ones by letters.
    pub fn found(unit: Unit, texts: &[&str], most: usize) -> Vocabulary {
        let units = texts.iter().flat_map(|text| unit.split(text));
        let names: Vec<String> = match unit {
            Unit::Characters => units
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            Unit::Words => {
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                units.for_each(|word| *counts.entry(word).or_default() += 1);
                let mut words: Vec<(&str, usize)> = counts.into_iter().collect();
                words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
                words
                    .into_iter()
                    .take(most)
                    .map(|(word, _)| word.to_owned())
                    .collect()
            }
        };
        Vocabulary::new(names).expect("each is found once")
    }

    /// A file with a token a line, `\n` and `\t` as such, or a `.json`: a list, or the `data.json`
    /// of a run.
    ///
    /// # Errors
    /// A file that cannot be read or is none of these; a token that comes twice.
    pub fn given(path: &Path) -> Result<Vocabulary, String> {
        let text = files::text(path)
            .map_err(|error| format!("{error} (hint: a file with a token a line)"))?;
        let names = match path.extension().is_some_and(|end| end == "json") {
            true => listed(&text)?,
            false => text
                .lines()
                .filter(|line| !line.is_empty())
                .map(unescaped)
                .collect(),
        };
        if names.is_empty() {
            return Err("it has no tokens (hint: one a line)".to_owned());
        }
        Vocabulary::new(names)
    }

    /// A text as tokens.
    pub fn tokens(&self, unit: Unit, text: &str) -> Vec<u32> {
        unit.split(text)
            .into_iter()
            .map(|name| self.places.get(name).copied().unwrap_or(0))
            .collect()
    }

    /// What each token is called.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn unescaped(line: &str) -> String {
    match line {
        "\\n" => "\n".to_owned(),
        "\\t" => "\t".to_owned(),
        line => line.to_owned(),
    }
}

/// Tokens of a JSON list, or of a run's data.
fn listed(text: &str) -> Result<Vec<String>, String> {
    let hint = "(hint: a list of tokens, or a run's data.json)";
    let value: Value = serde_json::from_str(text).map_err(|error| format!("{error} {hint}"))?;
    let list = value
        .as_array()
        .or_else(|| value.get("vocabulary")?.as_array());
    let list = list.ok_or_else(|| format!("it holds no list {hint}"))?;
    let names: Option<Vec<String>> = list
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect();
    let mut names = names.ok_or_else(|| format!("its list holds more than texts {hint}"))?;
    names.retain(|name| name != UNKNOWN);
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> Result<Vocabulary, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        Vocabulary::given(&path)
    }

    #[test]
    fn texts_are_cut_into_characters_or_words() {
        assert_eq!(Unit::Characters.split("é b"), ["é", " ", "b"]);
        assert_eq!(
            Unit::Words.split("'Tis so, my\nlord 12é!"),
            ["'Tis", "so", ",", "my", "lord", "12é", "!"]
        );
        assert_eq!(Unit::Words.split(""), [""; 0]);
    }

    #[test]
    fn found_words_are_the_most_frequent() {
        let words = Vocabulary::found(Unit::Words, &["b a c", "c b c d"], 3);
        assert_eq!(words.names(), [UNKNOWN, "c", "b", "a"]);
        assert_eq!(words.tokens(Unit::Words, "a d c"), [3, 0, 1]);
        assert_eq!(
            Vocabulary::found(Unit::Characters, &["ba", "c"], 1).names(),
            [UNKNOWN, "a", "b", "c"]
        );
    }

    #[test]
    fn vocabularies_are_given_by_line_or_by_an_earlier_run() {
        let wanted = Vocabulary::new(["a".to_owned(), "\n".to_owned()]);
        assert_eq!(written("v.txt", "a\n\\n\n"), wanted);
        assert_eq!(written("v.json", r#"["a", "\n"]"#), wanted);
        assert_eq!(written("data.json", r#"{"vocabulary": ["<unknown>", "a", "\n"]}"#), wanted);
        assert!(
            written("v.txt", "a\na\n")
                .expect_err("twice")
                .contains("`a` comes twice")
        );
        assert!(
            written("v.txt", "")
                .expect_err("empty")
                .contains("no tokens")
        );
        assert!(
            written("v.json", "{}")
                .expect_err("no list")
                .contains("hint: a list")
        );
    }
}
