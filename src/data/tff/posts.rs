//! Stack Overflow's posts by 342,477 users: the next word (Reddi et al. 2021), or the tags of a
//! post by the words that it has. `stackoverflow.word_count` has the words,
//! `stackoverflow.tag_count` the tags, the most frequent first.

use super::Set;
use crate::data::h5::Node;
use crate::data::words::{Words, padded};
use crate::data::{About, Column, DataError, Dataset, Samples, Source, Train};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::task::{Facts, Input, Task};
use serde_json::{Map, Value};

/// Words of a row.
const LENGTH: usize = 20;
const PADDING: u32 = 0;

part! {
    /// Settings of Stack Overflow's posts.
    pub Posts {
        most_users: usize = "0", "USERS", Range::COUNT_OR_NONE, "only the first so many users of each file; 0 all";
        words: usize = "10000", "WORDS", Range::COUNT, "words that are known, the most frequent";
        tags: usize = "500", "TAGS", Range::COUNT, "tags that are known, the most frequent; of tags alone";
    }
}

fn set<'a>(source: &'a Source<'a>, posts: &Posts) -> Set<'a> {
    Set {
        source,
        stem: "stackoverflow_",
        folders: &["stackoverflow"],
        most_users: posts.most_users,
    }
}

/// Rows of inputs and targets.
#[derive(Default)]
struct Rows<X, Y> {
    inputs: Vec<X>,
    targets: Vec<Y>,
}

impl Rows<u32, u32> {
    /// Rows of tokens, each with the next ones.
    fn samples(self) -> Samples {
        Samples {
            inputs: Column::integers(self.inputs, LENGTH),
            targets: Column::integers(self.targets, LENGTH),
        }
    }
}

impl Rows<f32, f32> {
    /// Adds a client's posts: shares of words, and which tags they have.
    fn add(&mut self, client: &Node, words: &Words, tags: &Words) -> Result<(), DataError> {
        let texts = |name: &str| client.array(name)?.texts();
        let (tokens, titles, marks) = (texts("tokens")?, texts("title")?, texts("tags")?);
        let counts = [tokens.len(), titles.len(), marks.len()];
        if counts != [counts[0]; 3] {
            let [tokens, titles, tags] = counts;
            let reason = format!("{tokens} tokens, {titles} titles, {tags} tags");
            return Err(client.wrong(reason));
        }
        for ((tokens, title), marks) in tokens.iter().zip(&titles).zip(&marks) {
            let said: Vec<&str> = tokens
                .split_whitespace()
                .chain(title.split_whitespace())
                .collect();
            let share = 1.0 / said.len().max(1) as f32;
            let known = said.iter().filter_map(|word| words.place(word));
            self.inputs.extend(marked(words.len(), known, share));
            let known = marks.split('|').filter_map(|tag| tags.place(tag));
            let labels = marked(tags.len(), known, 1.0);
            self.targets
                .extend(labels.into_iter().map(|label| label.min(1.0)));
        }
        Ok(())
    }

    /// Rows of so many numbers, each with so many labels.
    fn samples(self, width: usize, labels: usize) -> Samples {
        Samples {
            inputs: Column::floats(self.inputs, width),
            targets: Column::floats(self.targets, labels),
        }
    }
}

/// The next word of each: padding 0, words from 1, then begin, end and unknown.
pub fn next_words(source: &Source<'_>, posts: &Posts) -> Result<Dataset, DataError> {
    let set = set(source, posts);
    let words = Words::read(&set.file("stackoverflow.word_count")?, posts.words)?;
    let (train, owners, test) = set.parts(|client: &Node, rows: &mut Rows<u32, u32>| {
        for sentence in client.array("tokens")?.texts()? {
            let row = tokens(&sentence, &words);
            rows.inputs.extend(&row[..LENGTH]);
            rows.targets.extend(&row[1..]);
        }
        Ok(rows.inputs.len() / LENGTH)
    })?;
    let task = Task::Next {
        vocabulary: words.len() + 4,
        ignore: Some(PADDING),
    };
    let facts = Facts {
        shape: vec![LENGTH],
        task,
        input: Input::Tokens,
        targets: LENGTH,
    };
    let ends = ["<begin>", "<end>", "<unknown>"].map(str::to_owned);
    let about = About {
        vocabulary: [words.after(&["<pad>"]), ends.to_vec()].concat(),
        ..About::default()
    };
    Ok(Dataset {
        facts,
        train: Train::Stored(train.samples()),
        test: test.samples(),
        owners,
        about,
        ..Dataset::default()
    })
}

/// The tokens of a sentence, one more than a row has.
fn tokens(sentence: &str, words: &Words) -> Vec<u32> {
    let known = words.len() as u32;
    let [begin, end, unknown] = [known + 1, known + 2, known + 3];
    let said = sentence.split_whitespace().take(LENGTH);
    let places = said.map(|word| words.place(word).map_or(unknown, |place| place + 1));
    let row = [begin].into_iter().chain(places).chain([end]);
    padded(row.take(LENGTH + 1).collect(), LENGTH + 1, PADDING)
}

/// The tags of a post by the share of each known word among those of its text and title; unknown
/// ones count too.
pub fn tags(source: &Source<'_>, posts: &Posts) -> Result<Dataset, DataError> {
    let set = set(source, posts);
    let words = Words::read(&set.file("stackoverflow.word_count")?, posts.words)?;
    let tags = tags_of(&set, posts.tags)?;
    let (width, labels) = (words.len(), tags.len());
    let (train, owners, test) = set.parts(|client: &Node, rows: &mut Rows<f32, f32>| {
        rows.add(client, &words, &tags)?;
        Ok(rows.inputs.len() / width)
    })?;
    let facts = Facts {
        shape: vec![width],
        task: Task::Sets(labels),
        input: Input::Numbers,
        targets: labels,
    };
    let about = About {
        features: words.after(&[]),
        classes: tags.after(&[]),
        ..About::default()
    };
    Ok(Dataset {
        facts,
        train: Train::Stored(train.samples(width, labels)),
        test: test.samples(width, labels),
        owners,
        about,
        ..Dataset::default()
    })
}

/// A row of zeros, but for `weight` at each place, as often as it comes.
fn marked(width: usize, places: impl Iterator<Item = u32>, weight: f32) -> Vec<f32> {
    let mut row = vec![0.0; width];
    places.for_each(|place| row[place as usize] += weight);
    row
}

/// The first tags of the file: one JSON object of counts, in this order.
fn tags_of(set: &Set<'_>, most: usize) -> Result<Words, DataError> {
    let path = set.file("stackoverflow.tag_count")?;
    let text = files::text(&path).map_err(DataError::unread(&path))?;
    let counts: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| DataError::damaged(&path, error.to_string()))?;
    let mut counts: Vec<(String, u64)> = counts
        .into_iter()
        .map(|(tag, count)| (tag, count.as_u64().unwrap_or_default()))
        .collect();
    // The parser keeps no order; counts are it.
    counts.sort_by(|(one, often), (other, rarely)| rarely.cmp(often).then(one.cmp(other)));
    Ok(Words::listed(counts.into_iter().take(most).map(|(tag, _)| tag)))
}
