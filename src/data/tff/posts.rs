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
        folder: "stackoverflow/",
        most_users: posts.most_users,
    }
}

/// Rows of inputs and targets.
#[derive(Default)]
struct Rows<X, Y> {
    inputs: Vec<X>,
    targets: Vec<Y>,
}

/// The next word of each: padding 0, words from 1, then begin, end and unknown.
pub fn next_words(source: &Source<'_>, posts: &Posts) -> Result<Dataset, DataError> {
    let set = set(source, posts);
    let words = Words::read(&set.file("stackoverflow.word_count"), posts.words)?;
    let known = words.len() as u32;
    let [begin, end, unknown] = [known + 1, known + 2, known + 3];
    let (train, owners, test) = set.parts(|client: &Node, rows: &mut Rows<u32, u32>| {
        for sentence in client.array("tokens")?.texts()? {
            let places = sentence.split_whitespace().take(LENGTH);
            let places = places.map(|word| words.place(word).map_or(unknown, |place| place + 1));
            let row: Vec<u32> = [begin]
                .into_iter()
                .chain(places)
                .chain([end])
                .take(LENGTH + 1)
                .collect();
            let row = padded(row, LENGTH + 1, PADDING);
            rows.inputs.extend(&row[..LENGTH]);
            rows.targets.extend(&row[1..]);
        }
        Ok(rows.inputs.len() / LENGTH)
    })?;
    let samples = |rows: Rows<u32, u32>| Samples {
        inputs: Column::integers(rows.inputs, LENGTH),
        targets: Column::integers(rows.targets, LENGTH),
    };
    let task = Task::Next {
        vocabulary: known as usize + 4,
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
        train: Train::Stored(samples(train)),
        test: samples(test),
        owners,
        about,
        ..Dataset::default()
    })
}

/// The tags of a post by the share of each known word among those of its text and title; unknown
/// ones count too.
pub fn tags(source: &Source<'_>, posts: &Posts) -> Result<Dataset, DataError> {
    let set = set(source, posts);
    let words = Words::read(&set.file("stackoverflow.word_count"), posts.words)?;
    let tags = tags_of(&set, posts.tags)?;
    let (width, labels) = (words.len(), tags.len());
    let (train, owners, test) = set.parts(|client: &Node, rows: &mut Rows<f32, f32>| {
        let texts = |name: &str| client.array(name)?.texts();
        let (tokens, titles, marks) = (texts("tokens")?, texts("title")?, texts("tags")?);
        if tokens.len() != titles.len() || tokens.len() != marks.len() {
            return Err(client.wrong(format!(
                "{} tokens, {} titles, {} tags",
                tokens.len(),
                titles.len(),
                marks.len()
            )));
        }
        for ((tokens, title), marks) in tokens.iter().zip(&titles).zip(&marks) {
            let said: Vec<&str> = tokens
                .split_whitespace()
                .chain(title.split_whitespace())
                .collect();
            let known = said.iter().filter_map(|word| words.place(word));
            rows.inputs
                .extend(marked(width, known, 1.0 / said.len().max(1) as f32));
            let known = marks.split('|').filter_map(|tag| tags.place(tag));
            rows.targets.extend(
                marked(labels, known, 1.0)
                    .into_iter()
                    .map(|mark| mark.min(1.0)),
            );
        }
        Ok(rows.inputs.len() / width)
    })?;
    let samples = |rows: Rows<f32, f32>| Samples {
        inputs: Column::floats(rows.inputs, width),
        targets: Column::floats(rows.targets, labels),
    };
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
        train: Train::Stored(samples(train)),
        test: samples(test),
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
    let path = set.file("stackoverflow.tag_count");
    let text = files::text(&path).map_err(DataError::unread(&path))?;
    let counts: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| DataError::Format {
            path: path.clone(),
            reason: error.to_string(),
        })?;
    let mut counts: Vec<(String, u64)> = counts
        .into_iter()
        .map(|(tag, count)| (tag, count.as_u64().unwrap_or_default()))
        .collect();
    // The parser keeps no order; counts are it.
    counts.sort_by(|(one, often), (other, rarely)| rarely.cmp(often).then(one.cmp(other)));
    Ok(Words::listed(counts.into_iter().take(most).map(|(tag, _)| tag)))
}
