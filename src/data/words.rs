//! Words and their places in a vocabulary: the most frequent first.

use super::DataError;
use crate::files;
use std::collections::HashMap;
use std::path::Path;

/// A vocabulary. Words count from 0; who uses it leaves places for padding and the like.
#[derive(Debug, Default)]
pub struct Words(HashMap<String, u32>);

impl Words {
    /// The first words of a file with one on each line, whatever follows it there.
    ///
    /// # Errors
    /// A file that cannot be read, or has no words.
    pub fn read(path: &Path, most: usize) -> Result<Words, DataError> {
        let text = files::text(path).map_err(DataError::unread(path))?;
        let words = text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .take(most);
        let words = Words::listed(words.map(str::to_owned));
        match words.len() {
            0 => Err(DataError::damaged(path, "it has no words")),
            _ => Ok(words),
        }
    }

    /// The most frequent of these words; of equally frequent ones the first in the order of their
    /// letters.
    pub fn counted<'a>(words: impl Iterator<Item = &'a str>, most: usize) -> Words {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        words.for_each(|word| *counts.entry(word).or_default() += 1);
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_unstable_by(|(one, often), (other, rarely)| {
            rarely.cmp(often).then(one.cmp(other))
        });
        Words::listed(
            counts
                .into_iter()
                .take(most)
                .map(|(word, _)| word.to_owned()),
        )
    }

    /// These words in this order; of one that comes twice the first place counts.
    pub fn listed(words: impl Iterator<Item = String>) -> Words {
        let mut places = HashMap::new();
        words.for_each(|word| {
            let next = places.len() as u32;
            places.entry(word).or_insert(next);
        });
        Words(places)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Which token is what: these, then the words.
    pub fn after(&self, tokens: &[&str]) -> Vec<String> {
        let mut words: Vec<(&String, &u32)> = self.0.iter().collect();
        words.sort_unstable_by_key(|(_, place)| **place);
        let words = words.into_iter().map(|(word, _)| word.to_owned());
        tokens
            .iter()
            .map(|token| (*token).to_owned())
            .chain(words)
            .collect()
    }

    /// A word's place.
    pub fn place(&self, word: &str) -> Option<u32> {
        self.0.get(word).copied()
    }
}

/// A text in words: letters, digits and apostrophes that stand together, in small letters, or one
/// sign of punctuation.
pub fn split(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for letter in text.chars() {
        let is_part = letter.is_alphanumeric() || letter == '\'' || letter == '_';
        match words.last_mut() {
            Some(word) if is_part && open => word.push(letter),
            _ if is_part || ".,!?;".contains(letter) => words.push(letter.to_string()),
            _ => {}
        }
        open = is_part;
    }
    words
}

/// A row of this length: its first tokens, and padding where there are fewer.
pub fn padded(mut tokens: Vec<u32>, length: usize, padding: u32) -> Vec<u32> {
    tokens.resize(length, padding);
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_come_first() {
        let words = Words::counted("b a b c a d".split(' '), 3);
        assert_eq!(
            ["a", "b", "c", "d"].map(|word| words.place(word)),
            [Some(0), Some(1), Some(2), None]
        );
        let listed = Words::listed(["x", "y", "x"].map(str::to_owned).into_iter());
        assert_eq!((listed.len(), listed.place("y")), (2, Some(1)));
        assert_eq!(listed.after(&["<pad>"]), ["<pad>", "x", "y"]);
    }

    #[test]
    fn texts_are_split_at_blanks_and_punctuation() {
        assert_eq!(split("Don't  panic, @Bob!"), ["don't", "panic", ",", "bob", "!"]);
        assert_eq!(padded(vec![1, 2, 3], 2, 0), [1, 2]);
        assert_eq!(padded(vec![1], 3, 9), [1, 9, 9]);
    }
}
