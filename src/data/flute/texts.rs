//! Texts: sentences, or lists of words that were split before, or of sentences. The next of each
//! word is learned (FLUTE's `nlg_gru`), or hidden ones (`mlm_bert`). Tokens: 0 padding, 1 unknown,
//! 2 begin, 3 end, then words, the most frequent first; where words are hidden, the mask after
//! them.

use super::{Blob, Json, Own, fault, file, once};
use crate::data::h5::Node;
use crate::data::words::{Words, padded, split};
use crate::data::{About, Column, DataError, Dataset, Samples, Source, Train};
use crate::part;
use crate::part::{Range, words};
use crate::task::{Facts, Hiding, Input, Task};
use serde::Deserialize;
use std::path::{Path, PathBuf};

const PADDING: u32 = 0;
const UNKNOWN: u32 = 1;
const BEGIN: u32 = 2;
const END: u32 = 3;
/// Tokens before the first word.
const BEFORE: u32 = 4;

words! {
    /// What is learned of a row.
    pub Learn {
        /// Each word from those before.
        Next = "next";
        /// Some words from all others.
        Hidden = "hidden";
    }
}

part! {
    /// Settings of FLUTE's files of texts.
    pub Texts {
        train_file: String = "train_data", "FILE", Range::ANY, "training file in --data_dir, with or without its ending";
        test_file: String = "test_data", "FILE", Range::ANY, "test file in --data_dir, with or without its ending";
        length: usize = "25", "WORDS", Range::between(2.0, 4096.0), "words of a row; longer sentences are cut";
        words: usize = "10000", "WORDS", Range::COUNT, "words that are known";
        learn: Learn = "next", "next|hidden", Range::ANY, "each word from those before (nlg_gru), or hidden ones (mlm_bert)";
        hide: f64 = "0.15", "SHARE", Range::SHARE, "of words that are hidden, with learn=hidden";
        vocabulary: Option<PathBuf> = "", "FILE", Range::ANY, "a word a line; without it the most frequent of the training file";
    }
}

/// A sentence, as people say it or in words.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sentence {
    Text(String),
    Words(Vec<String>),
}

impl Sentence {
    fn words(self) -> Vec<String> {
        match self {
            Sentence::Text(text) => split(&text),
            Sentence::Words(words) => words.into_iter().flat_map(apart).collect(),
        }
    }
}

/// A word as it is; a sentence in words.
fn apart(text: String) -> Vec<String> {
    if text.contains(char::is_whitespace) {
        split(&text)
    } else {
        vec![text]
    }
}

/// Sentences of users, and where each one's begin.
#[derive(Debug, Default, PartialEq)]
struct Said {
    sentences: Vec<Vec<String>>,
    starts: Vec<usize>,
}

impl Texts {
    /// Reads both files.
    pub fn dataset(&self, source: &Source<'_>) -> Result<Dataset, DataError> {
        let train = Said::read(&file(source.folder, &self.train_file))?;
        let test = Said::read(&file(source.folder, &self.test_file))?;
        let words = match &self.vocabulary {
            Some(path) => Words::read(path, self.words)?,
            None => {
                Words::counted(train.sentences.iter().flatten().map(String::as_str), self.words)
            }
        };
        let owners = (!source.test_only).then(|| train.starts.clone());
        let train = if source.test_only {
            Samples::default()
        } else {
            self.samples(&train, &words)
        };
        let task = self.task(words.len() + BEFORE as usize);
        let facts = Facts {
            shape: vec![self.length],
            task,
            input: Input::Tokens,
            targets: self.length,
        };
        let test = self.samples(&test, &words);
        let vocabulary = words.after(&["<pad>", "<unknown>", "<begin>", "<end>"]);
        let about = About {
            vocabulary,
            ..About::default()
        };
        Ok(Dataset {
            facts,
            train: Train::Stored(train),
            test,
            owners,
            about,
            ..Dataset::default()
        })
    }

    /// What is learned with so many words and tokens before them.
    fn task(&self, count: usize) -> Task {
        match self.learn {
            Learn::Next => Task::Next {
                vocabulary: count,
                ignore: Some(PADDING),
            },
            Learn::Hidden => {
                let hiding = Some(Hiding {
                    mask: count as u32,
                    share: self.hide,
                });
                Task::Masked {
                    vocabulary: count + 1,
                    ignore: PADDING,
                    hiding,
                    padding: Some(PADDING),
                }
            }
        }
    }

    fn samples(&self, said: &Said, words: &Words) -> Samples {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for sentence in &said.sentences {
            let places = sentence
                .iter()
                .map(|word| words.place(word).map_or(UNKNOWN, |place| place + BEFORE));
            let row: Vec<u32> = [BEGIN].into_iter().chain(places).chain([END]).collect();
            let row = padded(row, self.length + 1, PADDING);
            inputs.extend(&row[..self.length]);
            match self.learn {
                Learn::Next => targets.extend(&row[1..]),
                // Only words are hidden.
                Learn::Hidden => {
                    let word = |&token: &u32| if token < BEFORE { PADDING } else { token };
                    targets.extend(row[..self.length].iter().map(word));
                }
            }
        }
        Samples {
            inputs: Column::integers(inputs, self.length),
            targets: Column::integers(targets, self.length),
        }
    }
}

impl Said {
    fn read(path: &Path) -> Result<Said, DataError> {
        let mut said = Said {
            starts: vec![0],
            ..Said::default()
        };
        match Blob::<Vec<Sentence>>::open(path)? {
            Blob::Json(json) => said.add_json(json, path)?,
            Blob::Hdf5(root) => said.add_hdf5(&root, path)?,
        }
        Ok(said)
    }

    fn add_json(&mut self, mut json: Json<Vec<Sentence>>, path: &Path) -> Result<(), DataError> {
        once(&json.users, path)?;
        for user in std::mem::take(&mut json.users) {
            let Some(Own(sentences)) = json.user_data.remove(&user) else {
                return Err(fault(path, format!("user `{user}` has no data")));
            };
            self.add(&user, sentences.into_iter().map(Sentence::words), path)?;
        }
        Ok(())
    }

    fn add_hdf5(&mut self, root: &Node, path: &Path) -> Result<(), DataError> {
        let users = root.array("users")?.texts()?;
        once(&users, path)?;
        let data = root.group("user_data")?;
        for user in users {
            let sentences = data.group(&user)?.array("x")?.texts()?;
            self.add(&user, sentences.iter().map(|text| split(text)), path)?;
        }
        Ok(())
    }

    /// Adds a user's sentences; empty ones teach nothing.
    fn add(
        &mut self,
        user: &str,
        sentences: impl Iterator<Item = Vec<String>>,
        path: &Path,
    ) -> Result<(), DataError> {
        self.sentences
            .extend(sentences.filter(|sentence| !sentence.is_empty()));
        if self.starts.last() == Some(&self.sentences.len()) {
            return Err(fault(path, format!("user `{user}` has no sentences")));
        }
        self.starts.push(self.sentences.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn sentences_and_words_become_rows_of_tokens() {
        let folder = tempfile::tempdir().expect("a folder");
        let train = r#"{"users": ["u"], "num_samples": [2], "user_data": {"u": {"x": ["the cat", "the"]}}}"#;
        let test = r#"{"users": ["v"], "user_data": {"v": [["the", "dog"], []]}}"#;
        std::fs::write(folder.path().join("train_data.json"), train).expect("writable");
        std::fs::write(folder.path().join("test_data.txt"), test).expect("writable");
        let texts = |words| Texts {
            learn: Learn::Next,
            hide: 0.15,
            train_file: "train_data".to_owned(),
            test_file: "test_data".to_owned(),
            length: 3,
            words,
            vocabulary: None,
        };
        let source = Source {
            folder: folder.path(),
            clients: 1,
            seed: Seed(0),
            test_only: false,
        };
        let set = texts(10).dataset(&source).expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!(train.inputs, Column::integers(vec![2, 4, 5, 2, 4, 3], 3));
        assert_eq!(train.targets, Column::integers(vec![4, 5, 3, 4, 3, 0], 3));
        assert_eq!(
            (set.test.targets, set.facts.task.outputs()),
            (Column::integers(vec![4, 1, 3], 3), 6)
        );
        let hidden = Texts {
            learn: Learn::Hidden,
            ..texts(10)
        }
        .dataset(&source)
        .expect("sound");
        let Train::Stored(train) = &hidden.train else { panic!("stored") };
        assert_eq!(train.inputs, Column::integers(vec![2, 4, 5, 2, 4, 3], 3));
        assert_eq!(train.targets, Column::integers(vec![0, 4, 5, 0, 4, 0], 3));
        let hiding = Some(Hiding {
            mask: 6,
            share: 0.15,
        });
        assert_eq!(
            hidden.facts.task,
            Task::Masked {
                vocabulary: 7,
                ignore: 0,
                hiding,
                padding: Some(0)
            }
        );
        assert_eq!(apart("How are you".to_owned()), ["how", "are", "you"]);
        assert_eq!(
            texts(1)
                .dataset(&source)
                .expect("sound")
                .facts
                .task
                .outputs(),
            5
        );
    }
}
