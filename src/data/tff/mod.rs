//! TensorFlow Federated's HDF5 files: a group `examples` with one group for each client, and in it
//! one array for each field, along whose first axis its samples lie. Clients come in the order of
//! their names. The clients of the test file need not be those of the training file, so its samples
//! are evaluated on together.

mod pictures;
mod posts;
mod snippets;

use super::h5::Node;
use super::places;
use super::{DataError, Source};
use crate::part;
use crate::part::Range;
use std::path::PathBuf;

pub use pictures::{cifar100, emnist};
pub use posts::{Posts, next_words, tags};
pub use snippets::shakespeare;

part! {
    /// Settings of sets that are too large for many.
    pub Users {
        most_users: usize = "0", "USERS", Range::COUNT_OR_NONE, "only the first so many users of each file; 0 all";
    }
}

/// What of a set one wants, and where its files are.
struct Set<'a> {
    source: &'a Source<'a>,
    // What its two files begin with, before `train.h5` and `test.h5`.
    stem: &'static str,
    // The folders that FedML and FLUTE unpack it to.
    folders: &'static [&'static str],
    most_users: usize,
}

impl Set<'_> {
    /// A file of the set, wherever it lies.
    fn file(&self, name: &str) -> Result<PathBuf, DataError> {
        let mut paths = vec![name.to_owned(), format!("datasets/{name}")];
        for folder in self.folders {
            paths.extend([
                format!("{folder}/datasets/{name}"),
                format!("{folder}/{name}"),
            ]);
        }
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        places::file(self.source.folder, &paths)
    }

    /// Visits the clients of a part. `visit` adds a client's samples and gives how many there are
    /// so far. Gives where each client's begin, and the end.
    fn clients(
        &self,
        part: &str,
        mut visit: impl FnMut(&Node) -> Result<usize, DataError>,
    ) -> Result<Vec<usize>, DataError> {
        let examples =
            Node::open(&self.file(&format!("{}{part}.h5", self.stem))?)?.group("examples")?;
        let most = if self.most_users == 0 {
            usize::MAX
        } else {
            self.most_users
        };
        let mut starts = vec![0];
        for name in examples.names()?.into_iter().take(most) {
            let client = examples.group(&name)?;
            let end = visit(&client)?;
            if starts.last() == Some(&end) {
                return Err(client.wrong("this client has no samples"));
            }
            starts.push(end);
        }
        match starts.len() {
            1 => Err(examples.wrong("there are no clients")),
            _ => Ok(starts),
        }
    }

    /// Reads the training part, or nothing of it where only the test part is wanted; then the test
    /// part. Gives the training part with where each client's samples begin, and the test part.
    fn parts<S: Default>(
        &self,
        mut add: impl FnMut(&Node, &mut S) -> Result<usize, DataError>,
    ) -> Result<(S, Option<Vec<usize>>, S), DataError> {
        let (mut train, mut test) = (S::default(), S::default());
        let owners = match self.source.test_only {
            true => None,
            false => Some(self.clients("train", |client| add(client, &mut train))?),
        };
        self.clients("test", |client| add(client, &mut test))?;
        Ok((train, owners, test))
    }
}
