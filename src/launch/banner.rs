//! What Open MPI says of a job that ended by itself: that a rank gave an exit code. After a refusal
//! that is told twice, once by the rank with its reason and once in many lines without, so the
//! second is left out. Everything else is passed on.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::mem;
use std::process::ChildStderr;
use std::thread;
use std::time::{Duration, Instant};

/// How long words may come after their launcher is gone: what it has started may hold its pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Open MPI puts its words between two lines of so many dashes.
const RULE: usize = 74;
/// How such words begin, after the name of the launcher in some.
const BEGINNINGS: [&str; 3] = [
    "Primary job  terminated normally, but ",
    "detected that one or more processes exited with non-zero status",
    "MPI_ABORT was invoked on rank ",
];

/// Passes on what a launcher and its ranks say to standard error, as it comes.
#[derive(Debug)]
pub(super) struct Passing {
    // Until its end.
    errors: Option<ChildStderr>,
    // A line whose end has not come yet.
    line: Vec<u8>,
    sieve: Sieve,
}

impl Passing {
    pub(super) fn new(errors: Option<ChildStderr>) -> Passing {
        Passing {
            errors,
            line: Vec::new(),
            sieve: Sieve::default(),
        }
    }

    /// Waits for words, so long at most, and passes them on.
    pub(super) fn wait(&mut self, time: Duration) {
        let Some(errors) = &mut self.errors else { return thread::sleep(time) };
        let mut bytes = [0; 1 << 14];
        let limit = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: time.subsec_nanos().into(),
        };
        // A signal ends the wait.
        let length = match poll(&mut [PollFd::new(errors, PollFlags::IN)], Some(&limit)) {
            Ok(1..) => errors.read(&mut bytes).unwrap_or(0),
            _ => return,
        };
        if length == 0 {
            self.errors = None;
        }
        // What nobody reads ends nothing.
        let _ = io::stderr().write_all(&self.take(&bytes[..length]));
    }

    /// When the launcher is gone: passes on the rest, and gives what is known of how the job ended.
    pub(super) fn end(mut self) -> LastWords {
        let began = Instant::now();
        while let (Some(_), Some(left)) = (&self.errors, LAST_WORDS.checked_sub(began.elapsed())) {
            self.wait(left);
        }
        let rest = [self.sieve.block, self.line].concat();
        let _ = io::stderr().write_all(&rest);
        LastWords {
            kept: self.sieve.kept,
            killed: self.sieve.killed,
        }
    }

    /// The next bytes; gives what can be said now.
    fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend(part);
            if part.ends_with(b"\n") {
                said.append(&mut self.sieve.take(&mem::take(&mut self.line)));
            }
        }
        said
    }
}

/// What a launcher said of how its job ended.
pub(super) struct LastWords {
    /// Of exit codes; kept back.
    pub(super) kept: Vec<u8>,
    /// Which rank a signal ended, and where.
    pub(super) killed: Option<String>,
}

/// Lines in, all but those words out.
#[derive(Debug, Default)]
struct Sieve {
    // From a rule on, until it is known what follows it.
    block: Vec<u8>,
    is_banner: bool,
    kept: Vec<u8>,
    killed: Option<String>,
}

impl Sieve {
    /// The next line, with its end; gives what can be said now.
    fn take(&mut self, line: &[u8]) -> Vec<u8> {
        self.killed = self.killed.take().or_else(|| killed(line));
        let was_open = !self.block.is_empty();
        if self.is_banner {
            self.block.extend(line);
            if is_rule(line) {
                self.is_banner = false;
                self.kept.append(&mut self.block);
            }
            return Vec::new();
        }
        if was_open && is_beginning(line) {
            self.is_banner = true;
            self.block.extend(line);
            return Vec::new();
        }
        let mut said = mem::take(&mut self.block);
        let next = if is_rule(line) {
            &mut self.block
        } else {
            &mut said
        };
        next.extend(line);
        said
    }
}

/// As in `mpirun noticed that process rank 1 with PID 0 on node host exited on signal 9 (Killed).`
fn killed(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (_, words) = line.split_once(" noticed that process ")?;
    if !words.contains(" exited on signal ") {
        return None;
    }
    Some(words.trim_end().trim_end_matches('.').to_owned())
}

fn is_rule(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.len() == RULE && line.iter().all(|&byte| byte == b'-')
}

fn is_beginning(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let after_name = line.split_once(' ').map_or("", |(_, rest)| rest);
    BEGINNINGS
        .iter()
        .any(|words| line.starts_with(words) || after_name.starts_with(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said, the rest that is said in the end, and what is kept.
    fn passed(text: &[u8]) -> [Vec<u8>; 3] {
        let mut passing = Passing::new(None);
        let said: Vec<u8> = text
            .chunks(7)
            .flat_map(|bytes| passing.take(bytes))
            .collect();
        let rest = [passing.sieve.block, passing.line].concat();
        [said, rest, passing.sieve.kept]
    }

    fn block(words: &str) -> Vec<u8> {
        let rule = "-".repeat(RULE);
        format!("{rule}\n{words}\n{rule}\n").into_bytes()
    }

    #[test]
    fn words_on_an_exit_code_are_kept_and_nothing_else() {
        let four = block(
            "Primary job  terminated normally, but 1 process returned\na non-zero exit code.",
        );
        let why = block(
            "mpirun detected that one or more processes exited with non-zero status, \
             thus causing\n\n  x",
        );
        let five = block(
            "prterun detected that one or more processes exited \
             with non-zero status,\n   Exit code:    2",
        );
        let abort = block("MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD");
        let killed = block("mpirun noticed that process rank 2 exited on signal 9 (Killed).");
        let banners = [&four[..], &why, &five, &abort];
        let text = [
            b"\xff error\r\n",
            &four[..],
            b"late\n",
            &why,
            &killed,
            &five,
            &abort,
            b"no end",
        ]
        .concat();
        let said = [b"\xff error\r\n", &b"late\n"[..], &killed].concat();
        assert_eq!(passed(&text), [said, b"no end".to_vec(), banners.concat()]);
    }

    #[test]
    fn lines_of_dashes_pass_and_so_do_words_without_an_end() {
        let rule = "-".repeat(RULE);
        for text in [
            format!("{rule}\n{rule}\nx\n"),
            rule.clone(),
            format!("{rule}\nMPI_ABORT was invoked on rank 0"),
        ] {
            let [said, rest, kept] = passed(text.as_bytes());
            assert_eq!(([said, rest].concat(), kept), (text.into_bytes(), Vec::new()));
        }
    }

    #[test]
    fn a_line_is_said_before_the_next_one_comes() {
        let mut passing = Passing::new(None);
        assert_eq!(
            [passing.take(b"round 1\nrou"), passing.take(b"nd 2\n")],
            [&b"round 1\n"[..], b"round 2\n"]
        );
        assert_eq!(passing.take(format!("{}\n", "-".repeat(RULE)).as_bytes()), b"");
    }
}
