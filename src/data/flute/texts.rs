//! Texts: the next of each word is learned (FLUTE's `nlg_gru`), or hidden ones (`mlm_bert`). What
//! users say is in `sentences`, which tokens that becomes in `tokens`.
//!
//! A sentence is a row, and longer ones are cut. Lists of sentences, as `mlm_bert` has them, are
//! joined where words are hidden: all that a user says comes one after another, cut in rows, of
//! which the last is padded.

use super::sentences::{Said, Sentence};
use super::tokens::Tokens;
use super::{fault, file};
use crate::data::words::{Words, padded};
use crate::data::{About, Column, DataError, Dataset, Samples, Source, Train};
use crate::part;
use crate::part::{Range, words};
use crate::task::{Facts, Hiding, Input, Task};
use std::path::{Path, PathBuf};

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

/// Rows of both kinds, and where each user's begin.
#[derive(Debug, Default)]
struct Rows {
    inputs: Vec<u32>,
    targets: Vec<u32>,
    starts: Vec<usize>,
}

impl Texts {
    /// Reads both files.
    pub fn dataset(&self, source: &Source<'_>) -> Result<Dataset, DataError> {
        let paths = [
            file(source.folder, &self.train_file)?,
            file(source.folder, &self.test_file)?,
        ];
        let (train, test) = (Said::read(&paths[0])?, Said::read(&paths[1])?);
        let tokens = self.tokens([&train, &test], &paths)?;
        let (task, length) = (self.task(&tokens), self.length);
        let facts = Facts {
            shape: vec![length],
            task,
            input: Input::Tokens,
            targets: length,
        };
        let rows = |said: &Said, path: &Path| {
            self.rows(said, &tokens, facts.task.ignored().unwrap_or_default())
                .map_err(|(reason, hint)| fault(path, reason, hint))
        };
        let (train, test) = (rows(&train, &paths[0])?, rows(&test, &paths[1])?);
        let owners = (!source.test_only).then(|| train.starts.clone());
        let train = if source.test_only {
            Samples::default()
        } else {
            train.samples(length)
        };
        let about = About {
            vocabulary: tokens.names,
            ..About::default()
        };
        Ok(Dataset {
            facts,
            train: Train::Stored(train),
            test: test.samples(length),
            owners,
            about,
            ..Dataset::default()
        })
    }

    /// Which tokens there are.
    fn tokens(&self, said: [&Said; 2], paths: &[PathBuf; 2]) -> Result<Tokens, DataError> {
        let is_encoded = said.map(Said::is_encoded);
        let tokens = match &self.vocabulary {
            Some(path) => {
                let tokens = Tokens::read(path, self.words)?;
                if is_encoded.contains(&true) && !tokens.are_lines() {
                    let reason = "it does not say which word stands for those that are unknown, \
                                  which the numbers in the data count";
                    return Err(fault(path, reason, "the vocabulary that encoded them"));
                }
                tokens
            }
            None if is_encoded == [true; 2] => Tokens::encoded(self.words),
            None if is_encoded == [false; 2] => {
                let words = said[0].words();
                Tokens::counted(&Words::counted(words.iter().map(String::as_str), self.words))
            }
            None => {
                let [one, other] = paths;
                let reason =
                    format!("numbers of words stand beside words, here or in {}", other.display());
                return Err(fault(one, reason, "vocabulary=FILE says which word each number is"));
            }
        };
        Ok(match self.learn {
            Learn::Next => tokens,
            Learn::Hidden => tokens.for_hiding(),
        })
    }

    /// What is learned of these tokens. Where none is padding, nothing is asked for by a number
    /// that no token has.
    fn task(&self, tokens: &Tokens) -> Task {
        let vocabulary = tokens.count;
        match (self.learn, tokens.padding, tokens.mask) {
            (Learn::Hidden, Some(padding), Some(mask)) => Task::Masked {
                vocabulary,
                ignore: padding,
                hiding: Some(Hiding {
                    mask,
                    share: self.hide,
                }),
                padding: Some(padding),
            },
            (_, padding, _) => Task::Next {
                vocabulary,
                ignore: Some(padding.unwrap_or(vocabulary as u32)),
            },
        }
    }

    /// What everybody says in rows; else what is wrong, and a remedy.
    fn rows(&self, said: &Said, tokens: &Tokens, ignore: u32) -> Result<Rows, Fault> {
        let mut rows = Rows {
            starts: vec![0],
            ..Rows::default()
        };
        for (user, sentences) in &said.users {
            let (mut joined, before) = (Vec::new(), rows.targets.len());
            for (place, sentence) in sentences.iter().enumerate() {
                let each = tokens_of(sentence, tokens)
                    .map_err(|(reason, hint)| {
                        (format!("user `{user}`, sentence {place}: {reason}"), hint)
                    })?
                    .into_iter()
                    .filter(|row| !row.is_empty())
                    .map(|row| tokens.framed(row));
                match (self.learn, sentence) {
                    (Learn::Hidden, Sentence::Several(_)) => joined.extend(each.flatten()),
                    _ => each.for_each(|row| self.add(&row, tokens, ignore, &mut rows)),
                }
            }
            for row in joined.chunks(self.length) {
                self.add(row, tokens, ignore, &mut rows);
            }
            if rows.targets.len() == before {
                let hint = "leave out users who say nothing";
                return Err((format!("user `{user}` has no sentences"), hint));
            }
            rows.starts.push(rows.targets.len() / self.length);
        }
        Ok(rows)
    }

    /// Adds a row: its tokens, and what is to be learned at each place.
    fn add(&self, row: &[u32], tokens: &Tokens, ignore: u32, rows: &mut Rows) {
        // With a begin there is a word more to be learned than there are before one.
        let most = self.length + usize::from(tokens.begin.is_some());
        let row = &row[..row.len().min(most)];
        let inputs = &row[..row.len().min(self.length)];
        let filling = tokens.padding.unwrap_or(tokens.unknown);
        rows.inputs
            .extend(padded(inputs.to_vec(), self.length, filling));
        let targets = match self.learn {
            Learn::Next => row.get(1..).unwrap_or_default().to_vec(),
            // Only words are hidden.
            Learn::Hidden => inputs
                .iter()
                .map(|&token| if tokens.is_word(token) { token } else { ignore })
                .collect(),
        };
        rows.targets.extend(padded(targets, self.length, ignore));
    }
}

/// What is wrong, and a remedy.
type Fault = (String, &'static str);

/// The tokens of each sentence.
fn tokens_of(sentence: &Sentence, tokens: &Tokens) -> Result<Vec<Vec<u32>>, Fault> {
    let one = match sentence {
        Sentence::Several(texts) => {
            return Ok(texts.iter().map(|text| tokens.of_text(text)).collect());
        }
        Sentence::Text(text) => tokens.of_text(text),
        Sentence::Words(words) => tokens.of_words(words),
        Sentence::Encoded(numbers) => {
            if let Some(number) = numbers
                .iter()
                .find(|&&number| number as usize >= tokens.count)
            {
                let reason = format!("number {number} is none of the {} words", tokens.count);
                return Err((reason, "words=N says how many there are, or vocabulary=FILE"));
            }
            numbers.clone()
        }
    };
    Ok(vec![one])
}

impl Rows {
    fn samples(self, length: usize) -> Samples {
        Samples {
            inputs: Column::integers(self.inputs, length),
            targets: Column::integers(self.targets, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(length: usize) -> Texts {
        Texts {
            learn: Learn::Next,
            hide: 0.15,
            train_file: "train_data".to_owned(),
            test_file: "test_data".to_owned(),
            length,
            words: 10,
            vocabulary: None,
        }
    }

    /// The set of what one user says in both files.
    fn read(texts: &Texts, train: &str, test: &str) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, said) in [("train_data.json", train), ("test_data.txt", test)] {
            let text =
                format!(r#"{{"users": ["u"], "num_samples": [2], "user_data": {{"u": {said}}}}}"#);
            std::fs::write(folder.path().join(name), text).expect("writable");
        }
        let vocabulary = texts.vocabulary.as_ref().map(|words| {
            let path = folder.path().join("vocabulary");
            std::fs::write(&path, words.to_string_lossy().as_bytes()).expect("writable");
            path
        });
        let texts = Texts {
            vocabulary,
            ..texts.clone()
        };
        let source = Source::of(folder.path());
        texts.dataset(&source).map_err(|error| error.to_string())
    }

    fn train(set: &Dataset) -> (Column, Column) {
        let Train::Stored(train) = &set.train else { panic!("stored") };
        (train.inputs.clone(), train.targets.clone())
    }

    #[test]
    fn sentences_and_words_become_rows_of_tokens() {
        let (said, tested) = (r#"{"x": ["the cat", "the"]}"#, r#"[["the", "dog"], []]"#);
        let set = read(&texts(3), said, tested).expect("sound");
        let inputs = Column::integers(vec![2, 4, 5, 2, 4, 3], 3);
        let targets = Column::integers(vec![4, 5, 3, 4, 3, 0], 3);
        assert_eq!(train(&set), (inputs.clone(), targets));
        assert_eq!(
            (set.test.targets, set.facts.task.outputs()),
            (Column::integers(vec![4, 1, 3], 3), 6)
        );
        let hidden = Texts {
            learn: Learn::Hidden,
            ..texts(3)
        };
        let hidden = read(&hidden, said, tested).expect("sound");
        assert_eq!(train(&hidden), (inputs, Column::integers(vec![0, 4, 5, 0, 4, 0], 3)));
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
        let few = Texts {
            words: 1,
            ..texts(3)
        };
        assert_eq!(
            read(&few, said, tested)
                .expect("sound")
                .facts
                .task
                .outputs(),
            5
        );
    }

    #[test]
    fn nothing_of_a_list_of_sentences_is_lost() {
        let hidden = Texts {
            learn: Learn::Hidden,
            ..texts(4)
        };
        let said = r#"[["a b", "b a a"], ["b a"]]"#;
        let set = read(&hidden, said, said).expect("sound");
        // 2 begins, 3 ends, 4 is `a`, 5 `b`.
        let inputs = vec![2, 4, 5, 3, 2, 5, 4, 4, 3, 2, 5, 4, 3, 0, 0, 0];
        let targets = vec![0, 4, 5, 0, 0, 5, 4, 4, 0, 0, 5, 4, 0, 0, 0, 0];
        assert_eq!(train(&set), (Column::integers(inputs, 4), Column::integers(targets, 4)));
        assert_eq!(set.owners, Some(vec![0, 4]));
        // Of the next word each sentence is a row of its own.
        assert_eq!(read(&texts(4), said, said).expect("sound").owners, Some(vec![0, 3]));
    }

    #[test]
    fn tokens_are_flutes_with_its_vocabulary_and_in_its_encoded_files() {
        let given = Texts {
            vocabulary: Some("<OOV>\nI\nam\nok".into()),
            ..texts(4)
        };
        let said = r#"{"x": ["I am OK now yes", "ok I"]}"#;
        let set = read(&given, said, said).expect("sound");
        // A sentence has four words, as FLUTE cuts it; 4 is no token and not asked for.
        let wanted = (
            Column::integers(vec![1, 2, 3, 0, 3, 1, 0, 0], 4),
            Column::integers(vec![2, 3, 0, 4, 1, 4, 4, 4], 4),
        );
        assert_eq!(train(&set), wanted);
        assert_eq!((set.facts.task.outputs(), set.facts.task.ignored()), (4, Some(4)));
        let encoded = Texts {
            words: 4,
            ..texts(4)
        };
        let said = r#"{"x": [[1, 2, 3, 0, 0], [3, 1]]}"#;
        assert_eq!(train(&read(&encoded, said, said).expect("sound")), wanted);
        let refused = read(&encoded, said, r#"{"x": [[1, 4]]}"#).expect_err("refused");
        assert!(refused.contains("user `u`, sentence 0: number 4 is none of the 4 words (hint:"));
        let refused = read(&encoded, said, r#"{"x": ["I am"]}"#).expect_err("refused");
        assert!(refused.contains("numbers of words stand beside words"), "{refused}");
    }

    #[test]
    fn a_bert_vocabulary_keeps_its_numbers_and_hides_words_alone() {
        let bert = Texts {
            vocabulary: Some("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nrun\n##s\nhe\n.".into()),
            learn: Learn::Hidden,
            words: 2,
            ..texts(8)
        };
        let said = r#"[["He runs.", "he?"]]"#;
        let set = read(&bert, said, said).expect("sound");
        let inputs = vec![2, 7, 5, 6, 8, 3, 2, 7, 1, 3, 0, 0, 0, 0, 0, 0];
        let targets = vec![0, 7, 5, 6, 8, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(train(&set), (Column::integers(inputs, 8), Column::integers(targets, 8)));
        let hiding = Some(Hiding {
            mask: 4,
            share: 0.15,
        });
        assert_eq!(
            set.facts.task,
            Task::Masked {
                vocabulary: 9,
                ignore: 0,
                hiding,
                padding: Some(0)
            }
        );
        assert_eq!(set.about.vocabulary.len(), 9);
    }
}
