//! `hetero-fix`: the partition that FedML keeps in `net_dataidx_map.txt`. A line `3: [` begins
//! client 3, the numbers of its samples follow with commas, `]` ends it; JSON of the same content
//! is read too.

use super::file::{check, fault, of_pickle, pickle};
use super::{Partition, PartitionError, Partitioner, Pool};
use crate::files;
use crate::part;
use crate::part::Range;
use crate::seed::Stream;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What it is called.
pub const NAME: &str = "hetero-fix";

part! {
    /// Where the partition is.
    pub Listed {
        partition_file: Option<PathBuf> = "", "FILE", Range::ANY, "FedML's net_dataidx_map.txt";
    }
}

/// Who owns what, as a file says.
pub struct Fixed {
    /// As many must it list.
    pub clients: usize,
    /// The file.
    pub listed: Listed,
}

impl Partitioner for Fixed {
    fn split(&self, pool: &Pool<'_>, _: &mut Stream) -> Result<Partition, PartitionError> {
        let path = self.listed.partition_file.as_deref();
        let path = path.ok_or(PartitionError::NoFile(NAME))?;
        let bytes = files::bytes(path).map_err(|error| {
            fault(path, format!("{error} (hint: --partition_file names it, on every host)"))
        })?;
        if let Some(load) = pickle(&bytes) {
            return Err(fault(path, of_pickle(path, load)));
        }
        let text = String::from_utf8(bytes).map_err(|error| fault(path, error.to_string()))?;
        parse(&text, pool.count, self.clients).map_err(|reason| fault(path, reason))
    }
}

/// A client's samples, and the line that begins them.
#[derive(Default)]
struct Owned {
    line: usize,
    samples: Vec<u32>,
}

/// What was read so far, and whose samples come next.
#[derive(Default)]
struct Reading {
    owned: BTreeMap<usize, Owned>,
    current: Option<usize>,
}

/// The partition that a text says, of so many samples among so many clients.
fn parse(text: &str, samples: usize, clients: usize) -> Result<Partition, String> {
    let mut reading = Reading::default();
    for (number, line) in (1..).zip(text.lines()) {
        for piece in line.split_inclusive(']') {
            let taken = reading.take(number, piece);
            taken.map_err(|reason| format!("line {number}: {reason}"))?;
        }
    }
    let missing = (0..reading.owned.len()).find(|client| !reading.owned.contains_key(client));
    if let Some(missing) = missing {
        return Err(format!(
            "client {missing} is missing (hint: clients are numbered from 0, none left out)"
        ));
    }
    if reading.owned.len() != clients {
        let found = reading.owned.len();
        return Err(format!(
            "it lists {found} clients, and {clients} are wanted (hint: --client_num_in_total \
             {found})"
        ));
    }
    let owned = reading.owned.into_values();
    let (lines, lists): (Vec<usize>, Vec<Vec<u32>>) =
        owned.map(|owned| (owned.line, owned.samples)).unzip();
    check(&lists, samples)
        .map_err(|(client, reason)| format!("line {}: {reason}", lines[client]))?;
    Ok(Partition::new(&lists))
}

impl Reading {
    /// Takes what stands in a line up to the end of a client's list, or of the line.
    fn take(&mut self, line: usize, piece: &str) -> Result<(), String> {
        let piece = piece.trim_matches(|sign: char| sign.is_whitespace() || "{},".contains(sign));
        let numbers = match piece.split_once(':') {
            Some((client, list)) => {
                self.begin(line, client)?;
                list.trim()
                    .strip_prefix('[')
                    .ok_or("a list comes after `:` (hint: `0: [`)")?
            }
            None => piece,
        };
        let ended = numbers.strip_suffix(']');
        let words = ended.unwrap_or(numbers).split([',', ' ', '\t']);
        for word in words.filter(|word| !word.is_empty()) {
            self.add(word)?;
        }
        if ended.is_some() {
            self.current = None;
        }
        Ok(())
    }

    fn begin(&mut self, line: usize, client: &str) -> Result<(), String> {
        let client = client.trim().trim_matches('"');
        let id: usize = client
            .parse()
            .map_err(|_| format!("`{client}` is no client (hint: a number from 0)"))?;
        let begun = Owned {
            line,
            ..Owned::default()
        };
        let before = self.owned.insert(id, begun);
        self.current = Some(id);
        match before {
            Some(before) => {
                Err(format!("client {id} is on line {} already (hint: remove one)", before.line))
            }
            None => Ok(()),
        }
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        let owner = self.current.and_then(|client| self.owned.get_mut(&client));
        let owner =
            owner.ok_or("no client owns what stands here (hint: `0: [` begins client 0)")?;
        let sample = word
            .parse()
            .map_err(|_| format!("`{word}` is no sample (hint: numbers from 0, with commas)"))?;
        owner.samples.push(sample);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fedmls_files_and_json_are_read() {
        let wanted = Partition::new(&[vec![4, 0], vec![1, 3]]);
        for text in [
            "{\n0: [\n4, 0\n]\n1: [\n1, 3\n]\n}\n",
            "0: [\n4,\n0\n],\n1: [1,3]",
            r#"{"1": [1, 3], "0": [4, 0]}"#,
        ] {
            assert_eq!(parse(text, 5, 2), Ok(wanted.clone()), "{text}");
        }
    }

    #[test]
    fn faults_name_line_and_remedy() {
        let fault = |text: &str| parse(text, 5, 2).expect_err("refused");
        for (text, said) in [
            ("0: [\n1, x\n]", "line 2: `x` is no sample (hint"),
            ("1, 2", "line 1: no client owns what stands here (hint"),
            ("0: [\n1\n]\n0: [\n2\n]", "line 4: client 0 is on line 1 already"),
            ("a: [", "line 1: `a` is no client (hint"),
            ("0: 1", "line 1: a list comes after `:`"),
            ("0: [1]\n2: [2]", "client 1 is missing"),
            ("0: [1]", "it lists 1 clients, and 2 are wanted (hint: --client_num_in_total 1)"),
            ("0: [1]\n1: [5]", "line 2: sample 5 of client 1 is not below 5"),
            ("0: [1]\n1: [1]", "line 2: sample 1 has two owners"),
            ("0: [1]\n1: []", "line 2: client 1 owns nothing"),
            ("", "it lists 0 clients"),
        ] {
            assert!(fault(text).contains(said), "{text}: {}", fault(text));
        }
    }
}
