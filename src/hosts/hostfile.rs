//! Host files: which machines take how many ranks. Two dialects are read, and either is written.

use clap::ValueEnum;
use std::fmt::Write;

/// How a launcher wants its host file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// `host1 slots=10`
    Openmpi,
    /// `host1:10` (Hydra, Intel MPI)
    Mpich,
}

/// Hosts in order, with the number of ranks each takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFile {
    /// Host name or address, and its slots; none where the file does not say.
    pub hosts: Vec<(String, Option<u32>)>,
}

/// A line that names no host.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("line {line}: `{text}`: {reason} (hint: write `host1:10` or `host1 slots=10`)")]
pub struct HostFileError {
    line: usize,
    text: String,
    reason: &'static str,
}

impl HostFile {
    /// Reads a host file of either dialect.
    ///
    /// # Errors
    /// The first line that is in neither dialect.
    ///
    /// ```
    /// # use fedmpi::hosts::{Dialect, HostFile};
    /// let file = HostFile::parse("node1:4 # server\nnode2 slots=2\nnode3\n")?;
    /// assert_eq!(file.write(Dialect::Mpich), "node1:4\nnode2:2\nnode3\n");
    /// assert_eq!(file.write(Dialect::Openmpi), "node1 slots=4\nnode2 slots=2\nnode3\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(text: &str) -> Result<HostFile, HostFileError> {
        let mut hosts = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                let fault = |reason| HostFileError { line: number + 1, text: content.to_owned(), reason };
                hosts.push(parse_host(content).map_err(fault)?);
            }
        }
        Ok(HostFile { hosts })
    }

    /// Writes the hosts in the dialect of a launcher.
    pub fn write(&self, dialect: Dialect) -> String {
        let mut text = String::new();
        for (host, slots) in &self.hosts {
            let _ = match (slots, dialect) {
                (None, _) => writeln!(text, "{host}"),
                (Some(slots), Dialect::Openmpi) => writeln!(text, "{host} slots={slots}"),
                (Some(slots), Dialect::Mpich) => writeln!(text, "{host}:{slots}"),
            };
        }
        text
    }
}

fn parse_host(content: &str) -> Result<(String, Option<u32>), &'static str> {
    let mut words = content.split_whitespace();
    let first = words.next().ok_or("no host")?;
    // More than one colon is an IPv6 address, which has no `:slots` form.
    let (host, mut slots) = match first.split_once(':') {
        Some((host, number)) if !number.contains(':') => (host, Some(count(number)?)),
        _ => (first, None),
    };
    if host.is_empty() {
        return Err("no host name");
    }
    for word in words {
        let (key, value) = word.split_once('=').ok_or("a word is not `key=value`")?;
        match key {
            "slots" if slots.is_none() => slots = Some(count(value)?),
            "slots" => return Err("slots are given twice"),
            "max_slots" | "max-slots" => drop(count(value)?),
            _ => return Err("an unknown key"),
        }
    }
    Ok((host.to_owned(), slots))
}

fn count(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|&slots| slots > 0).ok_or("the number of slots is not a positive whole number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn faults_name_the_line() {
        for (text, line) in
            [("a\nb:x", 2), ("a slots=0", 1), ("\n\n:3", 3), ("a slots", 1), ("a:1 slots=2", 1), ("a cores=2", 1)]
        {
            let error = HostFile::parse(text).expect_err(text);
            assert_eq!(error.line, line, "{error}");
        }
    }

    #[test]
    fn addresses_of_both_kinds_are_hosts() {
        let file = HostFile::parse("10.0.0.1:2\nfe80::1 slots=3 max_slots=4").expect("well-formed");
        assert_eq!(file.hosts, [("10.0.0.1".to_owned(), Some(2)), ("fe80::1".to_owned(), Some(3))]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(hosts in prop::collection::vec(("[a-z][a-z0-9.-]{0,9}", prop::option::of(1u32..99)), 0..6)) {
            let file = HostFile { hosts };
            for dialect in [Dialect::Openmpi, Dialect::Mpich] {
                prop_assert_eq!(HostFile::parse(&file.write(dialect)), Ok(file.clone()));
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
            let _ = HostFile::parse(&text);
        }
    }
}
