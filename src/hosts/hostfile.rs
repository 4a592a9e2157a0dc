//! Host files: which machines take how many ranks. Two dialects are read, and either is written.

use super::name::HostName;
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

/// Hosts in order, each once, with the number of ranks that it takes; none where nobody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFile {
    hosts: Vec<(HostName, Option<u32>)>,
}

/// Hosts that no job can run on.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum HostFileError {
    /// A line that names no host.
    #[error(
        "line {line}: `{}`: {reason} (hint: write `host1:10` or `host1 slots=10`)",
        .text.escape_debug()
    )]
    Line {
        /// Counting from 1.
        line: usize,
        /// What it says.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody would take a rank.
    #[error("no host takes a rank (hint: a line for each host, `host1:10` or `host1 slots=10`)")]
    Empty,
    /// A short name that could mean two machines.
    #[error("`{short}` may mean `{one}` or `{other}` (hint: write full names)")]
    Ambiguous {
        /// The short name.
        short: HostName,
        /// A machine.
        one: HostName,
        /// Another machine.
        other: HostName,
    },
}

impl HostFile {
    /// Hosts as they were named, one after another. One that is named again takes the ranks of both
    /// places, one where a place does not say; one that takes none is left out.
    ///
    /// # Errors
    /// Nobody takes a rank; a short name that could mean two hosts.
    pub fn of(
        named: impl IntoIterator<Item = (HostName, Option<u32>)>,
    ) -> Result<HostFile, HostFileError> {
        let mut hosts: Vec<(HostName, Option<u32>)> = Vec::new();
        for (name, slots) in named {
            let mut alike = hosts.iter_mut().filter(|(host, _)| host.means(&name));
            match (alike.next(), alike.next()) {
                (None, _) => hosts.push((name, slots)),
                (Some((_, sum)), None) => {
                    *sum = Some(sum.unwrap_or(1).saturating_add(slots.unwrap_or(1)))
                }
                (Some((one, _)), Some((other, _))) => {
                    return Err(HostFileError::Ambiguous {
                        short: name,
                        one: one.clone(),
                        other: other.clone(),
                    });
                }
            }
        }
        hosts.retain(|(_, slots)| *slots != Some(0));
        if hosts.is_empty() {
            Err(HostFileError::Empty)
        } else {
            Ok(HostFile { hosts })
        }
    }

    /// Reads a host file of either dialect.
    ///
    /// # Errors
    /// The first line that is in neither dialect; hosts that no job can run on.
    ///
    /// ```
    /// # use fedmpi::hosts::{Dialect, HostFile};
    /// let file = HostFile::parse("node1:4 # server\nnode2 slots=2\nnode3\nnode2:1\n")?;
    /// assert_eq!(file.write(Dialect::Mpich), "node1:4\nnode2:3\nnode3\n");
    /// assert_eq!(file.write(Dialect::Openmpi), "node1 slots=4\nnode2 slots=3\nnode3\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(text: &str) -> Result<HostFile, HostFileError> {
        let mut named = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let content = content(line);
            if content.is_empty() {
                continue;
            }
            named.push(parse_host(content).map_err(|reason| HostFileError::Line {
                line: number + 1,
                text: content.to_owned(),
                reason,
            })?);
        }
        HostFile::of(named)
    }

    /// The hosts, in order.
    pub fn hosts(&self) -> &[(HostName, Option<u32>)] {
        &self.hosts
    }

    /// Ranks that all hosts take together, if every host says.
    pub fn slots(&self) -> Option<u64> {
        self.hosts
            .iter()
            .map(|(_, slots)| slots.map(u64::from))
            .sum()
    }

    /// The same hosts, each with so many slots.
    pub fn each(&self, slots: u32) -> HostFile {
        HostFile {
            hosts: self
                .hosts
                .iter()
                .map(|(host, _)| (host.clone(), Some(slots)))
                .collect(),
        }
    }

    /// The hosts as launchers take them in an argument.
    pub fn on_one_line(&self) -> String {
        self.write(Dialect::Mpich).trim_end().replace('\n', ",")
    }

    /// Whether a text says the same in a launcher's dialect, so that it can be used as it is.
    pub fn is_written_in(&self, text: &str, dialect: Dialect) -> bool {
        let written = self.write(dialect);
        let lines = text.lines().map(content);
        lines.filter(|line| !line.is_empty()).eq(written.lines())
    }

    /// Writes the hosts in the dialect of a launcher.
    pub fn write(&self, dialect: Dialect) -> String {
        let mut text = String::new();
        for (host, slots) in &self.hosts {
            let _ = match (slots, dialect) {
                (None, _) => writeln!(text, "{host}"),
                (Some(slots), Dialect::Openmpi) => writeln!(text, "{host} slots={slots}"),
                (Some(slots), Dialect::Mpich) => writeln!(text, "{}:{slots}", in_brackets(host)),
            };
        }
        text
    }
}

/// A line without its comment.
fn content(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// An address of many colons, so that the one before its slots can be told.
fn in_brackets(host: &HostName) -> String {
    if host.as_str().contains(':') {
        format!("[{host}]")
    } else {
        host.to_string()
    }
}

fn parse_host(content: &str) -> Result<(HostName, Option<u32>), String> {
    let mut words = content.split_whitespace();
    let (host, mut slots) = parse_name(words.next().unwrap_or_default())?;
    for word in words {
        let (key, value) = word.split_once('=').ok_or("a word is not `key=value`")?;
        match key {
            "slots" if slots.is_none() => slots = Some(count(value)?),
            "slots" => return Err("slots are given twice".to_owned()),
            "max_slots" | "max-slots" => drop(count(value)?),
            _ => return Err("an unknown key".to_owned()),
        }
    }
    Ok((host, slots))
}

/// `host`, `host:3`, `fe80::1` or `[fe80::1]:3`: more than one colon is an address, whose slots
/// follow brackets.
fn parse_name(word: &str) -> Result<(HostName, Option<u32>), String> {
    let (host, number) = match word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => {
            (host, Some(rest.strip_prefix(':').ok_or("after `]` comes `:SLOTS`")?))
        }
        None => match word.split_once(':') {
            Some((host, number)) if !number.contains(':') => (host, Some(number)),
            _ => (word, None),
        },
    };
    let host = HostName::parse(host).map_err(|error| error.to_string())?;
    Ok((host, number.map(count).transpose()?))
}

fn count(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| "the number of slots is not a whole number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        HostFile::parse(text).expect(text).write(Dialect::Mpich)
    }

    #[test]
    fn faults_name_the_line() {
        for (text, wrong) in [
            ("a\nb:x", 2),
            ("a slots=-1", 1),
            ("\n\n:3", 3),
            ("a slots", 1),
            ("a:1 slots=2", 1),
            ("a cores=2", 1),
            ("a,b,c", 1),
            ("a:2,b:2", 1),
            ("a\n-oProxyCommand=id", 2),
            ("[::1]4", 1),
        ] {
            let Err(HostFileError::Line { line, .. }) = HostFile::parse(text) else {
                panic!("{text}")
            };
            assert_eq!(line, wrong, "{text}");
        }
        let shown = HostFile::parse("a\u{1b}[2J")
            .expect_err("a control character")
            .to_string();
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn addresses_of_both_kinds_are_hosts() {
        assert_eq!(written("10.0.0.1:2\nfe80::1 slots=3 max_slots=4"), "10.0.0.1:2\n[fe80::1]:3\n");
        assert_eq!(written("[::1]:4\n[::2]\n"), "[::1]:4\n::2\n");
    }

    #[test]
    fn a_file_in_the_right_dialect_can_be_used_as_it_is() {
        let (text, other) = ("a slots=2 # server\n\nb slots=1\n", "a:2\nb:1\n");
        let file = HostFile::parse(text).expect("hosts");
        assert!(
            file.is_written_in(text, Dialect::Openmpi) && !file.is_written_in(text, Dialect::Mpich)
        );
        assert!(file.is_written_in(other, Dialect::Mpich));
        assert_eq!(file.on_one_line(), "a:2,b:1");
    }

    #[test]
    fn a_host_that_is_named_again_takes_the_ranks_of_both() {
        assert_eq!(written("a:2\nb:1\na:1\n"), "a:3\nb:1\n");
        assert_eq!(written("A:2\na.x.org:1\n"), "A:3\n");
        assert_eq!(written("a\na\nb"), "a:2\nb\n");
        assert_eq!(written("a.x.org:1\na.y.org:2\n"), "a.x.org:1\na.y.org:2\n");
        let error = HostFile::parse("a.x.org:1\na.y.org:2\na:1\n").expect_err("either");
        assert!(
            error
                .to_string()
                .starts_with("`a` may mean `a.x.org` or `a.y.org`"),
            "{error}"
        );
    }

    #[test]
    fn hosts_that_take_no_rank_are_left_out() {
        assert_eq!(written("a slots=0\nb slots=2\n"), "b:2\n");
        for text in ["", "# none\n", "a slots=0\n"] {
            assert_eq!(HostFile::parse(text), Err(HostFileError::Empty), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            hosts in prop::collection::vec(
                ("[a-z][a-z0-9-]{0,9}", prop::option::of(1u32..99)),
                1..6,
            )
        ) {
            let named = |(name, slots): (String, _)| {
                (HostName::parse(&name).expect("a name"), slots)
            };
            let file = HostFile::of(hosts.into_iter().map(named)).expect("hosts");
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
