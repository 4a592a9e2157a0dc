//! `fed_shakespeare`: what 715 roles say. A snippet becomes a begin, its characters and an end,
//! padded to a multiple of 81; each 81 are a row of 80 and the next of each (McMahan et al. 2017,
//! as FedML prepares it).

use super::Set;
use crate::data::{Column, DataError, Dataset, Samples, Source, Train};
use crate::task::{Facts, Input, Task};

/// Characters of a row.
const LENGTH: usize = 80;
/// TFF's characters; a token is the place in it, from 1.
const ALPHABET: &str =
    "dhlptx@DHLPTX $(,048cgkoswCGKOSW[_#'/37;?bfjnrvzBFJNRVZ\"&*.26:\naeimquyAEIMQUY]!%)-159\r";
const PADDING: u32 = 0;
const BEGIN: u32 = 87;
const END: u32 = 88;
const UNKNOWN: u32 = 89;
const VOCABULARY: usize = 90;

/// Rows of tokens and what follows each.
#[derive(Default)]
struct Rows {
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

/// The next of each character, 90 tokens.
pub fn shakespeare(source: &Source<'_>) -> Result<Dataset, DataError> {
    let set = Set {
        source,
        stem: "shakespeare_",
        folders: &["fed_shakespeare"],
        most_users: 0,
    };
    let (train, owners, test) = set.parts(|client, rows: &mut Rows| {
        client
            .array("snippets")?
            .texts()?
            .iter()
            .for_each(|snippet| rows.add(snippet));
        Ok(rows.inputs.len() / LENGTH)
    })?;
    let task = Task::Next {
        vocabulary: VOCABULARY,
        ignore: Some(PADDING),
    };
    let facts = Facts {
        shape: vec![LENGTH],
        task,
        input: Input::Tokens,
        targets: LENGTH,
    };
    let train = Train::Stored(train.samples());
    Ok(Dataset {
        facts,
        train,
        test: test.samples(),
        owners,
        ..Dataset::default()
    })
}

impl Rows {
    fn add(&mut self, snippet: &str) {
        let mut tokens = vec![BEGIN];
        tokens.extend(snippet.chars().map(token));
        tokens.push(END);
        tokens.resize(tokens.len().next_multiple_of(LENGTH + 1), PADDING);
        for row in tokens.chunks_exact(LENGTH + 1) {
            self.inputs.extend(&row[..LENGTH]);
            self.targets.extend(&row[1..]);
        }
    }

    fn samples(self) -> Samples {
        Samples {
            inputs: Column::integers(self.inputs, LENGTH),
            targets: Column::integers(self.targets, LENGTH),
        }
    }
}

fn token(character: char) -> u32 {
    let place = ALPHABET.chars().position(|known| known == character);
    place.map_or(UNKNOWN, |place| place as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_cut_in_rows_that_follow_each_other() {
        assert_eq!(
            (ALPHABET.chars().count(), token('d'), token('\r'), token('~')),
            (86, 1, 86, UNKNOWN)
        );
        let mut rows = Rows::default();
        rows.add(&"d".repeat(81));
        assert_eq!((rows.inputs.len(), rows.targets.len()), (2 * LENGTH, 2 * LENGTH));
        assert_eq!((rows.inputs[0], rows.targets[0], rows.targets[79]), (BEGIN, 1, 1));
        // The 82nd token begins the second row: the last character, the end, and padding.
        assert_eq!(
            (&rows.inputs[80..83], &rows.targets[80..83]),
            (&[1, END, PADDING][..], &[END, PADDING, PADDING][..])
        );
    }
}
