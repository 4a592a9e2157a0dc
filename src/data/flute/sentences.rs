//! What users say: sentences as texts, in words that were split before, in numbers of words (what
//! FLUTE's `nlg_gru/utils/utility.py` writes), or in lists of several (`mlm_bert`).

use super::{Blob, Json, Own, fault, once};
use crate::data::DataError;
use crate::data::h5::Node;
use crate::data::words::split;
use serde::Deserialize;
use std::path::Path;

/// A sentence, or several.
#[derive(Debug, PartialEq)]
pub enum Sentence {
    /// As people say it.
    Text(String),
    /// In words.
    Words(Vec<String>),
    /// In numbers of words.
    Encoded(Vec<u32>),
    /// Those that come in one list.
    Several(Vec<String>),
}

/// A sentence as it lies in the file.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a sentence is none: it must be a text, or a list of words, of texts, or of whole numbers from 0"
)]
enum Written {
    Text(String),
    Words(Vec<String>),
    Encoded(Vec<u32>),
}

impl From<Written> for Sentence {
    fn from(written: Written) -> Sentence {
        match written {
            Written::Text(text) => Sentence::Text(text),
            Written::Encoded(numbers) => Sentence::Encoded(numbers),
            // Words have no blanks.
            Written::Words(texts)
                if texts.iter().any(|text| text.contains(char::is_whitespace)) =>
            {
                Sentence::Several(texts)
            }
            Written::Words(words) => Sentence::Words(words),
        }
    }
}

/// What each user says, in the order of the file.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    /// Users and their sentences.
    pub users: Vec<(String, Vec<Sentence>)>,
}

impl Said {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Said, DataError> {
        match Blob::<Vec<Written>>::open(path)? {
            Blob::Json(json) => Said::of_json(json, path),
            Blob::Hdf5(root) => Said::of_hdf5(&root, path),
        }
    }

    fn of_json(mut json: Json<Vec<Written>>, path: &Path) -> Result<Said, DataError> {
        once(&json.users, path)?;
        let mut said = Said::default();
        for user in std::mem::take(&mut json.users) {
            let Some(Own(sentences)) = json.user_data.remove(&user) else {
                let hint = "every one of `users` stands in `user_data`";
                return Err(fault(path, format!("user `{user}` has no data"), hint));
            };
            let sentences = sentences.into_iter().map(Sentence::from).collect();
            said.users.push((user, sentences));
        }
        Ok(said)
    }

    fn of_hdf5(root: &Node, path: &Path) -> Result<Said, DataError> {
        let users = root.array("users")?.texts()?;
        once(&users, path)?;
        let data = root.group("user_data")?;
        let mut said = Said::default();
        for user in users {
            let sentences = data.group(&user)?.array("x")?.texts()?;
            let sentences = sentences.into_iter().map(Sentence::Text).collect();
            said.users.push((user, sentences));
        }
        Ok(said)
    }

    /// Whether sentences are numbers of words.
    pub fn is_encoded(&self) -> bool {
        let mut all = self.users.iter().flat_map(|(_, sentences)| sentences);
        all.any(|sentence| matches!(sentence, Sentence::Encoded(_)))
    }

    /// All words, split as those of a vocabulary that is counted.
    pub fn words(&self) -> Vec<String> {
        let all = self.users.iter().flat_map(|(_, sentences)| sentences);
        all.flat_map(|sentence| match sentence {
            Sentence::Text(text) => split(text),
            Sentence::Words(words) => words.clone(),
            Sentence::Several(texts) => texts.iter().flat_map(|text| split(text)).collect(),
            Sentence::Encoded(_) => Vec::new(),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sentences: &str) -> Result<Said, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = format!(r#"{{"users": ["u"], "user_data": {{"u": {sentences}}}}}"#);
        std::fs::write(file.path(), text).expect("writable");
        Said::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn lists_are_words_or_numbers_or_sentences() {
        let said = read(r#"[["How", "are"], ["How are you", "ok"], [0, 7], "so so", []]"#);
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let wanted = vec![
            Sentence::Words(texts(&["How", "are"])),
            Sentence::Several(texts(&["How are you", "ok"])),
            Sentence::Encoded(vec![0, 7]),
            Sentence::Text("so so".to_owned()),
            Sentence::Words(Vec::new()),
        ];
        let said = said.expect("sound");
        assert_eq!(said.users, [("u".to_owned(), wanted)]);
        assert!(said.is_encoded());
        assert_eq!(said.words(), ["How", "are", "how", "are", "you", "ok", "so", "so"]);
        let refused = read("[[-1]]").expect_err("refused");
        assert!(refused.contains("a list of words, of texts, or of whole numbers"), "{refused}");
    }
}
