//! Texts: the next character of a play, whether a message is glad, the next word of a comment.

use super::{Part, Parts, class, folders, read};
use crate::data::words::{Words, split};
use crate::data::{About, Column, DataError, Dataset, Numbers, Samples, Source, Standard, Train};
use crate::part;
use crate::part::Range;
use crate::task::{Facts, Input, Task};
use serde::Deserialize;
use std::path::PathBuf;

/// Characters of a row.
const LENGTH: usize = 80;
/// LEAF's characters; a token is the place in it.
const ALPHABET: &str =
    "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz}";
/// Where the text stands among what is known of a message.
const TEXT: usize = 4;
/// Words of a row of comments.
const COMMENT: usize = 10;
/// The word that LEAF fills rows of comments up with.
const FILLING: &str = "<PAD>";
const PADDING: u32 = 0;
const UNKNOWN: u32 = 1;
/// Tokens before the first word.
const BEFORE: u32 = 2;

part! {
    /// Settings of texts of words: 0 is padding, 1 what is unknown, then come the words.
    pub Known {
        words: usize = "10000", "WORDS", Range::COUNT, "words that are known";
        vocabulary: Option<PathBuf> = "", "FILE", Range::ANY, "a word a line; without it the most frequent of the training files";
    }
}

impl Known {
    /// The words of the file that is named, else those of the training samples.
    fn of<'a>(&self, said: impl Iterator<Item = &'a str>) -> Result<Words, DataError> {
        match &self.vocabulary {
            Some(path) => Words::read(path, self.words),
            None => Ok(Words::counted(said.filter(|word| *word != FILLING), self.words)),
        }
    }
}

fn tokens_of(words: &Words, said: &[String]) -> Vec<u32> {
    said.iter().map(|word| token(words, word)).collect()
}

fn token(words: &Words, word: &str) -> u32 {
    match words.place(word) {
        Some(place) => place + BEFORE,
        None if word == FILLING => PADDING,
        None => UNKNOWN,
    }
}

/// A row of tokens and its targets.
type Row = (Vec<u32>, Vec<u32>);

/// Rows and their targets, so many of each.
fn samples(rows: Vec<Row>, length: usize, targets: usize) -> Samples {
    let (inputs, wanted): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    Samples {
        inputs: Column::integers(inputs.concat(), length),
        targets: Column::integers(wanted.concat(), targets),
    }
}

/// Shakespeare: the next character after each row of 80.
pub fn shakespeare(source: &Source<'_>) -> Result<Dataset, DataError> {
    let folder = super::place(source.folder, &folders(&["shakespeare"]))?;
    let parts = read(&folder, source.test_only, line)?;
    let owners = parts.owners();
    let task = Task::Next {
        vocabulary: ALPHABET.chars().count(),
        ignore: None,
    };
    let facts = Facts {
        shape: vec![LENGTH],
        task,
        input: Input::Tokens,
        targets: 1,
    };
    Ok(Dataset {
        facts,
        train: Train::Stored(samples(parts.train.samples, LENGTH, 1)),
        test: samples(parts.test.samples, LENGTH, 1),
        owners,
        ..Dataset::default()
    })
}

/// Characters, and the next one.
fn line(x: String, y: String) -> Result<Vec<Row>, String> {
    let (x, y) = (characters(&x)?, characters(&y)?);
    match (x.len(), y.len()) {
        (LENGTH, 1) => Ok(vec![(x, y)]),
        (found, next) => {
            Err(format!("{found} characters and {next} next ones, where {LENGTH} and 1 belong"))
        }
    }
}

/// Places of characters in the alphabet.
fn characters(text: &str) -> Result<Vec<u32>, String> {
    text.chars().map(place).collect()
}

fn place(character: char) -> Result<u32, String> {
    match ALPHABET.chars().position(|known| known == character) {
        Some(place) => Ok(place as u32),
        None => Err(format!("character {character:?} is not one of LEAF's {}", ALPHABET.len())),
    }
}

part! {
    /// Settings of texts of which words are counted.
    pub Counts {
        words: usize = "1000", "WORDS", Range::COUNT, "words that are counted";
        vocabulary: Option<PathBuf> = "", "FILE", Range::ANY, "a word a line; without it the most frequent of the training files";
    }
}

/// Sentiment140: whether a message is glad, by who wrote it; how often each word comes in it
/// (LEAF's bag of words).
pub fn sent140(source: &Source<'_>, counts: &Counts) -> Result<Dataset, DataError> {
    // The words are those of what is trained on, whatever is wanted.
    let folder = super::place(source.folder, &folders(&["sent140"]))?;
    let parts: Parts<Message> = read(&folder, false, message)?;
    let said = parts.train.samples.iter().flat_map(|(words, _)| words);
    let known = Known {
        words: counts.words,
        vocabulary: counts.vocabulary.clone(),
    };
    let words = known.of(said.map(String::as_str))?;
    let parts = parts.wanted(source);
    let about = About {
        features: words.after(&[]),
        ..About::default()
    };
    Ok(Dataset {
        facts: Facts::classes(&[words.len()], 2),
        owners: parts.owners(),
        train: Train::Stored(counted(parts.train, &words)),
        test: counted(parts.test, &words),
        about,
        ..Dataset::default()
    })
}

/// The words of a message, and whether it is glad.
type Message = (Vec<String>, u32);

/// A message by what is known of it.
fn message(x: Vec<String>, y: f64) -> Result<Vec<Message>, String> {
    let Some(text) = x.get(TEXT) else {
        return Err(format!("{} texts are known of a message, not {}", x.len(), TEXT + 2));
    };
    // The set itself says 0 and 4.
    let y = if y == 4.0 { 1.0 } else { y };
    Ok(vec![(split(text), class(y, 2)?)])
}

/// How often each known word comes in each text, up to 255 times.
fn counted(part: Part<Message>, words: &Words) -> Samples {
    let (width, (mut inputs, mut targets)) = (words.len(), (Vec::new(), Vec::new()));
    for (said, class) in part.samples {
        let mut row = vec![0u8; width];
        let places = said.iter().filter_map(|word| words.place(word));
        places.for_each(|place| row[place as usize] = row[place as usize].saturating_add(1));
        inputs.extend(row);
        targets.push(class);
    }
    // Bytes stay what they are.
    let standard = Standard::one(0.0, 1.0 / 255.0);
    Samples {
        inputs: Column::new(Numbers::Bytes(inputs.into(), standard), width),
        targets: Column::integers(targets, 1),
    }
}

/// What follows each word of a comment: rows of words, as many as of its own.
#[derive(Deserialize)]
struct Following {
    target_tokens: Vec<Vec<String>>,
}

/// Reddit: the next of each of ten words, by who wrote them.
pub fn reddit(source: &Source<'_>, known: &Known) -> Result<Dataset, DataError> {
    // The words are those of what is trained on, whatever is wanted.
    let folder = super::place(source.folder, &folders(&["reddit"]))?;
    let parts: Parts<Comment> = read(&folder, false, comment)?;
    let said = parts.train.samples.iter().flat_map(|(row, _)| row);
    let words = known.of(said.map(String::as_str))?;
    let parts = parts.wanted(source);
    let task = Task::Next {
        vocabulary: words.len() + BEFORE as usize,
        ignore: Some(PADDING),
    };
    let facts = Facts {
        shape: vec![COMMENT],
        task,
        input: Input::Tokens,
        targets: COMMENT,
    };
    let about = About {
        vocabulary: words.after(&[FILLING, "<unknown>"]),
        ..About::default()
    };
    Ok(Dataset {
        facts,
        owners: parts.owners(),
        train: Train::Stored(comments(parts.train, &words)),
        test: comments(parts.test, &words),
        about,
        ..Dataset::default()
    })
}

/// Words, and the next of each.
type Comment = (Vec<String>, Vec<String>);

/// The rows of a comment.
fn comment(x: Vec<Vec<String>>, y: Following) -> Result<Vec<Comment>, String> {
    let rows: Vec<Comment> = x.into_iter().zip(y.target_tokens).collect();
    for (row, next) in &rows {
        let (words, others) = (row.len(), next.len());
        if words != COMMENT || others != COMMENT {
            return Err(format!("{words} words and {others} next ones, where {COMMENT} belong"));
        }
    }
    Ok(rows)
}

fn comments(part: Part<Comment>, words: &Words) -> Samples {
    let rows = part.samples.into_iter();
    let rows = rows.map(|(row, next)| (tokens_of(words, &row), tokens_of(words, &next)));
    samples(rows.collect(), COMMENT, COMMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn written(train: &str, test: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("train", train), ("test", test)] {
            fs::create_dir(folder.path().join(name)).expect("writable");
            fs::write(folder.path().join(name).join("all.json"), text).expect("writable");
        }
        folder
    }

    fn text(users: &[(&str, &str, &str)]) -> String {
        let names: Vec<String> = users
            .iter()
            .map(|(name, ..)| format!("\"{name}\""))
            .collect();
        let data: Vec<String> = users
            .iter()
            .map(|(name, x, y)| format!("\"{name}\": {{\"x\": [{x}], \"y\": [{y}]}}"))
            .collect();
        format!(
            "{{\"users\": [{}], \"num_samples\": [], \"user_data\": {{{}}}}}",
            names.join(","),
            data.join(",")
        )
    }

    #[test]
    fn text_becomes_tokens_and_users_own_their_rows() {
        let row = format!("\"{}\"", "To be or".repeat(10));
        let folder = written(
            &text(&[
                ("HAMLET", &format!("{row},{row}"), "\"a\",\"b\""),
                ("GHOST", &row, "\"}\""),
            ]),
            &text(&[("HAMLET", &row, "\"a\"")]),
        );
        let set = shakespeare(&Source::of(folder.path())).expect("well-formed");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!(
            (set.owners, train.targets.classes()),
            (Some(vec![0, 2, 3]), Some(&[53, 54, 79][..]))
        );
        let mut first = Vec::new();
        train.inputs.gather_integers(&[2], &mut first);
        assert_eq!((first.len(), &first[..3]), (80, &characters("To ").expect("known")[..]));
    }

    #[test]
    fn faults_name_file_user_and_row() {
        let good = format!("\"{}\"", "x".repeat(80));
        let refused = |x: &str, y: &str| {
            let folder = written(&text(&[("A", x, y)]), &text(&[("A", &good, "\"a\"")]));
            shakespeare(&Source::of(folder.path()))
                .expect_err("refused")
                .to_string()
        };
        assert!(refused("\"short\"", "\"a\"").contains("user `A`, row 0: 5 characters"));
        assert!(refused(&good, "\"~\"").contains("'~' is not one of LEAF's 80"));
        assert!(refused(&good, "").contains("1 x and 0 y"));
        assert!(refused("7", "\"a\"").contains("all.json"));
        let folder = tempfile::tempdir().expect("a folder");
        assert!(
            shakespeare(&Source::of(folder.path()))
                .expect_err("nothing there")
                .to_string()
                .contains("test")
        );
    }
}
