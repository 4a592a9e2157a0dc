//! Partitions saved to a file and loaded again: JSON, one list of sample numbers per client.

use super::{Partition, PartitionError};
use crate::files;
use std::path::Path;

impl Partition {
    /// Writes the partition; see [`Partition::load`].
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), PartitionError> {
        let text = serde_json::to_string(&self.lists()).expect("numbers always encode");
        files::write_named(path, text.as_bytes())
            .map_err(|error| fault(path, format!("{error} (hint: choose a writable folder)")))
    }

    /// Reads a partition of `samples` samples for `clients` clients.
    ///
    /// # Errors
    /// A file that cannot be read, or one that does not fit the data or the number of clients.
    pub fn load(path: &Path, samples: usize, clients: usize) -> Result<Partition, PartitionError> {
        let bytes = files::bytes(path).map_err(|error| fault(path, error.to_string()))?;
        if let Some(load) = pickle(&bytes) {
            return Err(fault(path, of_pickle(path, load)));
        }
        let text = String::from_utf8_lossy(&bytes);
        Partition::parse(text.trim_start_matches('\u{feff}'), samples, clients)
            .map_err(|reason| fault(path, reason))
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, samples: usize, clients: usize) -> Result<Partition, String> {
        let lists: Vec<Vec<u32>> = serde_json::from_str(text)
            .map_err(|error| format!("{error} (hint: a JSON list of lists of sample numbers)"))?;
        if lists.len() != clients {
            return Err(format!(
                "{} clients (hint: --client_num_in_total {})",
                lists.len(),
                lists.len()
            ));
        }
        check(&lists, samples).map_err(|(_, reason)| reason)?;
        Ok(Partition::new(&lists))
    }
}

/// Refuses lists that are no partition of so many samples: by the client at fault, and what the
/// fault is.
pub(super) fn check(lists: &[Vec<u32>], samples: usize) -> Result<(), (usize, String)> {
    let mut owned = vec![false; samples];
    for (client, list) in lists.iter().enumerate() {
        if list.is_empty() {
            return Err((client, format!("client {client} owns nothing")));
        }
        for &sample in list {
            match owned.get_mut(sample as usize) {
                None => {
                    let hint = "(hint: another data set?)";
                    let reason =
                        format!("sample {sample} of client {client} is not below {samples} {hint}");
                    return Err((client, reason));
                }
                Some(true) => {
                    return Err((
                        client,
                        format!("sample {sample} has two owners, client {client} is the second"),
                    ));
                }
                Some(free) => *free = true,
            }
        }
    }
    Ok(())
}

/// Of the bytes of a pickle, also of one that torch.save wrote, how Python reads it.
pub(super) fn pickle(bytes: &[u8]) -> Option<&'static str> {
    // From protocol 2 on; and lists and mappings of those before.
    let begins = |words: &[&[u8]]| words.iter().any(|word| bytes.starts_with(word));
    if begins(&[b"PK\x03\x04"]) {
        Some("import json, torch, sys; owned = torch.load(sys.argv[1], weights_only=False)")
    } else if matches!(bytes, [0x80, 2..=5, ..]) || begins(&[b"(lp", b"(dp", b"]q", b"}q"]) {
        Some("import json, pickle, sys; owned = pickle.load(open(sys.argv[1], 'rb'))")
    } else {
        None
    }
}

/// Why a pickle is not read, and how FedLab's partitions, a list of samples for each client, come
/// out of one.
pub(super) fn of_pickle(path: &Path, load: &str) -> String {
    let json = path.with_extension("json");
    format!(
        "it is a pickle, which may run any code (hint: make JSON of it once, by python3 -c \
         \"{load}; \
         json.dump([[int(i) for i in owned[c]] for c in sorted(owned)], open(sys.argv[2], 'w'))\" \
         {} {} and name that by --partition_load)",
        quoted(path),
        quoted(&json)
    )
}

pub(super) fn fault(path: &Path, reason: String) -> PartitionError {
    PartitionError::File {
        path: path.display().to_string(),
        reason,
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    match shlex::try_quote(&text) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn pickles_are_refused_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mnist iid.pkl");
        for (bytes, load) in [
            (&b"\x80\x04\x95"[..], "pickle.load("),
            (b"(lp0\n", "pickle.load("),
            (b"PK\x03\x04", "torch.load("),
        ] {
            fs::write(&path, bytes).expect("writable");
            let refused = Partition::load(&path, 3, 2)
                .expect_err("refused")
                .to_string();
            assert!(refused.contains(load) && refused.contains("mnist iid.json'"), "{refused}");
        }
    }

    #[test]
    fn saved_partitions_come_back_and_wrong_ones_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("partition.json");
        let partition = Partition::new(&[vec![2, 0], vec![1]]);
        partition.save(&path).expect("writable");
        assert_eq!(Partition::load(&path, 3, 2), Ok(partition));
        assert!(
            Partition::load(&path, 2, 2)
                .expect_err("range")
                .to_string()
                .contains("sample 2 of client 0")
        );
        assert!(
            Partition::load(&path, 3, 5)
                .expect_err("clients")
                .to_string()
                .contains("--client_num_in_total 2")
        );
        fs::write(&path, "[[1],[1]]").expect("writable");
        assert!(
            Partition::load(&path, 3, 2)
                .expect_err("twice")
                .to_string()
                .contains("two owners")
        );
    }
}
