//! What the words of a text become: tokens of a vocabulary that is counted or given.
//!
//! | vocabulary | tokens | words |
//! |---|---|---|
//! | counted | 0 padding, 1 unknown, 2 begin, 3 end, then words | in small letters, split at punctuation |
//! | given | the same | as written, else in another case (FLUTE's rule), else split as counted ones |
//! | given, with an unknown word (`<OOV>`, `<unk>`) | the number of the line, from 0 | as written, else in another case |
//! | given, BERT's (`[UNK]`, pieces with `##`) | the number of the line, from 0 | cut in pieces |

use super::fault;
use super::pieces;
use crate::data::DataError;
use crate::data::words::{Words, split};
use crate::files;
use std::collections::HashMap;
use std::path::Path;

/// Before the first word, where a vocabulary has no such tokens of its own.
const OURS: [&str; 4] = ["<pad>", "<unknown>", "<begin>", "<end>"];
/// What vocabularies call tokens that are no words.
const PADDING: &[&str] = &["[PAD]", "<pad>", "<PAD>"];
const UNKNOWN: &[&str] = &["[UNK]", "<OOV>", "<oov>", "<unk>", "<UNK>", "<unknown>"];
const BEGIN: &[&str] = &["[CLS]", "<s>", "<bos>", "<BOS>", "<begin>"];
const END: &[&str] = &["[SEP]", "</s>", "<eos>", "<EOS>", "<end>"];
const MASK: &[&str] = &["[MASK]", "<mask>", "<MASK>"];

/// How a text becomes words.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// In small letters, split at blanks and punctuation.
    Counted,
    /// Split at blanks; what is not there in any case, as counted ones if this is true.
    Written(bool),
    /// In pieces; in small letters if this is true.
    Pieces(bool),
}

/// A vocabulary, and which of its tokens are no words.
#[derive(Debug)]
pub struct Tokens {
    words: HashMap<String, u32>,
    /// What each token is; nothing where only their number is known.
    pub names: Vec<String>,
    manner: Manner,
    /// How many there are.
    pub count: usize,
    /// What fills rows up.
    pub padding: Option<u32>,
    /// What stands for words that are not there.
    pub unknown: u32,
    /// What a sentence begins with.
    pub begin: Option<u32>,
    end: Option<u32>,
    /// What stands for hidden words.
    pub mask: Option<u32>,
}

impl Tokens {
    /// Words that come after our four tokens.
    pub fn counted(words: &Words) -> Tokens {
        let names = words.after(&OURS);
        let places = names.iter().skip(OURS.len()).cloned();
        Tokens {
            words: places.zip(OURS.len() as u32..).collect(),
            manner: Manner::Counted,
            count: names.len(),
            padding: Some(0),
            unknown: 1,
            begin: Some(2),
            end: Some(3),
            mask: None,
            names,
        }
    }

    /// So many words that nobody has named: FLUTE's encoded files, where 0 is unknown.
    pub fn encoded(count: usize) -> Tokens {
        Tokens {
            words: HashMap::new(),
            names: Vec::new(),
            manner: Manner::Written(false),
            count,
            padding: None,
            unknown: 0,
            begin: None,
            end: None,
            mask: None,
        }
    }

    /// A word on each line, of which the first `most` count; of pieces all do.
    ///
    /// # Errors
    /// A file that cannot be read or has no words.
    pub fn read(path: &Path, most: usize) -> Result<Tokens, DataError> {
        let text = files::text(path).map_err(DataError::unread(path))?;
        let lines: Vec<&str> = text.lines().collect();
        if lines.contains(&UNKNOWN[0]) && lines.iter().any(|line| line.starts_with("##")) {
            return Ok(Tokens::lines(lines, Manner::Pieces(is_small(&text))));
        }
        let first = |line: &&'_ str| {
            line.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let words: Vec<String> = lines.iter().map(first).collect();
        let has_unknown = words.iter().any(|word| UNKNOWN.contains(&word.as_str()));
        let words: Vec<String> = words.into_iter().take(most).collect();
        if has_unknown {
            let words = words.iter().map(String::as_str).collect();
            return Ok(Tokens::lines(words, Manner::Written(false)));
        }
        let words = Words::listed(words.into_iter().filter(|word| !word.is_empty()));
        match words.len() {
            0 => Err(fault(path, "it has no words", "a vocabulary has a word a line")),
            _ => Ok(Tokens {
                manner: Manner::Written(true),
                ..Tokens::counted(&words)
            }),
        }
    }

    /// A vocabulary with tokens of its own for what is no word: each is the number of its line.
    fn lines(lines: Vec<&str>, manner: Manner) -> Tokens {
        let names: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        // Of a word that comes twice the last line counts, as with FLUTE and Hugging Face.
        let words: HashMap<String, u32> = names.iter().cloned().zip(0..).collect();
        let token = |known: &[&str]| known.iter().find_map(|name| words.get(*name)).copied();
        Tokens {
            manner,
            count: names.len(),
            padding: token(PADDING),
            unknown: token(UNKNOWN).unwrap_or_default(),
            begin: token(BEGIN),
            end: token(END),
            mask: token(MASK),
            words,
            names,
        }
    }

    /// Whether each token is the number of a line.
    pub fn are_lines(&self) -> bool {
        !matches!(self.manner, Manner::Counted | Manner::Written(true))
    }

    /// The same with a padding and a mask, which come last where they were not there.
    pub fn for_hiding(mut self) -> Tokens {
        self.padding = Some(self.padding.unwrap_or_else(|| self.append(PADDING[1])));
        self.mask = Some(self.mask.unwrap_or_else(|| self.append(MASK[1])));
        self
    }

    fn append(&mut self, name: &str) -> u32 {
        if self.names.len() == self.count {
            self.names.push(name.to_owned());
        }
        self.count += 1;
        self.count as u32 - 1
    }

    /// Whether it is a word, of which something is to be learned where words are hidden.
    pub fn is_word(&self, token: u32) -> bool {
        let others = [
            self.padding,
            self.begin,
            self.end,
            self.mask,
            Some(self.unknown),
        ];
        !others.contains(&Some(token))
    }

    /// The tokens of a text.
    pub fn of_text(&self, text: &str) -> Vec<u32> {
        match self.manner {
            Manner::Counted => self.of_words(split(text)),
            _ => self.of_words(text.split_whitespace()),
        }
    }

    /// The tokens of words that somebody has split.
    pub fn of_words<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> Vec<u32> {
        let mut tokens = Vec::new();
        for word in words {
            self.add(word.as_ref(), &mut tokens);
        }
        tokens
    }

    fn add(&self, word: &str, tokens: &mut Vec<u32>) {
        let known = |word: &str| self.words.get(word).copied();
        match self.manner {
            Manner::Counted => tokens.push(known(word).unwrap_or(self.unknown)),
            Manner::Pieces(small) => {
                pieces::extend(word, &self.words, self.unknown, small, tokens);
            }
            Manner::Written(parts) => {
                let cased = || cases(word).iter().find_map(|word| known(word));
                match known(word).or_else(cased) {
                    Some(token) => tokens.push(token),
                    None if parts => {
                        let parts = split(word);
                        tokens.extend(parts.iter().map(|part| known(part).unwrap_or(self.unknown)));
                    }
                    None => tokens.push(self.unknown),
                }
            }
        }
    }

    /// A sentence between its begin and its end, where the vocabulary has them.
    pub fn framed(&self, tokens: Vec<u32>) -> Vec<u32> {
        let begin = self.begin.filter(|begin| tokens.first() != Some(begin));
        let end = self.end.filter(|end| tokens.last() != Some(end));
        begin.into_iter().chain(tokens).chain(end).collect()
    }
}

/// Whether a vocabulary of pieces knows small letters alone.
fn is_small(text: &str) -> bool {
    let words = text.lines().filter(|line| !line.starts_with('['));
    !words.flat_map(str::chars).any(char::is_uppercase)
}

/// A word as it is written, then in the cases that FLUTE tries one after another.
fn cases(word: &str) -> [String; 5] {
    let mut rest = word.chars();
    let first = rest.next().map(String::from).unwrap_or_default();
    let (rest, small) = (rest.as_str(), word.to_lowercase());
    let capital = first.to_uppercase();
    let turkish = if rest.is_empty() {
        word.to_owned()
    } else {
        first.replace('i', "İ").to_uppercase() + rest
    };
    let dotless = word.replace('I', "ı").to_lowercase();
    [
        word.to_owned(),
        dotless,
        small,
        turkish,
        capital + &rest.to_lowercase(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, most: usize) -> Tokens {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writable");
        Tokens::read(file.path(), most).expect("sound")
    }

    #[test]
    fn words_are_sought_as_written_and_then_in_other_cases() {
        // The vocabulary's own unknown word: tokens are lines, as FLUTE's are.
        let flute = read("<OOV>\nI\nhow\nBob\ncat,\n", 10);
        assert_eq!((flute.count, flute.padding, flute.begin), (5, None, None));
        assert_eq!(flute.of_text("How I know bob cat, cat"), [2, 1, 0, 3, 4, 0]);
        assert_eq!(read("<OOV>\na\nb\nc\n", 2).count, 2);
        // Blank lines count, so that all others keep their places.
        assert_eq!(read("<unk>\n\na\n", 9).of_text("a b"), [2, 0]);
        // Without one there are ours, and parts of words are sought too.
        let given = read("How\ncat\n,\n", 10);
        assert_eq!((given.count, given.padding, given.unknown), (7, Some(0), 1));
        assert_eq!(given.of_text("how HOW Cat, dog"), [4, 4, 5, 6, 1]);
    }

    #[test]
    fn tokens_of_a_bert_vocabulary_are_its_lines() {
        let bert = read("[PAD]\n[unused0]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##able\n", 2);
        assert_eq!((bert.count, bert.padding, bert.mask), (8, Some(0), Some(5)));
        assert_eq!(bert.framed(bert.of_text("Unable x")), [3, 6, 7, 2, 4]);
        assert_eq!([5, 2, 6].map(|token| bert.is_word(token)), [false, false, true]);
        let cased = read("[PAD]\n[UNK]\nUn\n##able\n", 9);
        assert_eq!(cased.of_text("Unable unable"), [2, 3, 1]);
        assert_eq!(bert.for_hiding().count, 8);
    }

    #[test]
    fn what_hiding_needs_comes_last_where_it_is_not_there() {
        let tokens = read("<OOV>\na\n", 10).for_hiding();
        assert_eq!((tokens.count, tokens.padding, tokens.mask), (4, Some(2), Some(3)));
        assert_eq!(tokens.names, ["<OOV>", "a", "<pad>", "<mask>"]);
        let encoded = Tokens::encoded(3).for_hiding();
        assert_eq!((encoded.count, encoded.names.len()), (5, 0));
    }

    #[test]
    fn cases_are_those_of_flute() {
        assert_eq!(cases("iPhone"), ["iPhone", "iphone", "iphone", "İPhone", "Iphone"]);
        assert_eq!(cases("I"), ["I", "ı", "i", "I", "I"]);
    }
}
