//! Asking hosts for their facts: some at once, each with a limit of time, whatever else they say.

use super::GLANCE;
use crate::host::now;
use crate::hosts::{HostFile, HostName};
use crate::launch::{Facts, Probe};
use crate::transport::Host;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a host may take for its facts.
const ANSWER: Duration = Duration::from_secs(30);
/// Hosts that are asked at once: each takes a process and a connection here.
const AT_ONCE: usize = 32;
/// How long the rest is waited for once a command has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What is kept of what a host says, in bytes.
const LONGEST: usize = 64 << 10;

/// Asks all hosts; the answers come in the order of the file.
pub(super) fn all(hosts: &HostFile, program: &Path, data_dir: Option<&Path>) -> Vec<Probe> {
    let hosts = hosts.hosts();
    let (next, probes) = (Mutex::new(0..hosts.len()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(hosts.len()) {
            scope.spawn(|| {
                while let Some(place) = locked(&next, Iterator::next) {
                    let probe = one(&hosts[place].0, program, data_dir);
                    locked(&probes, |probes| probes.push((place, probe)));
                }
            });
        }
    });
    let mut probes = locked(&probes, std::mem::take);
    probes.sort_by_key(|(place, _)| *place);
    probes.into_iter().map(|(_, probe)| probe).collect()
}

fn locked<T, R>(shared: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
    let mut held = shared.lock().unwrap_or_else(PoisonError::into_inner);
    work(&mut held)
}

/// Asks one host for its facts.
fn one(host: &HostName, program: &Path, data_dir: Option<&Path>) -> Probe {
    let asked = now();
    let answer = said(&mut question(host, program, data_dir));
    let facts = answer.and_then(|(out, complaint)| read(&out, &complaint));
    Probe {
        host: host.to_string(),
        facts,
        window: (asked, now()),
    }
}

/// The command that asks a host, over ssh unless it is this one.
fn question(host: &HostName, program: &Path, data_dir: Option<&Path>) -> Command {
    let mut words: Vec<OsString> = vec![program.into(), "probe".into()];
    // Over ssh commands start in another folder, and a shell reads them once more.
    if let Some(folder) = data_dir.and_then(|folder| std::path::absolute(folder).ok()) {
        words.extend(["--data_dir".into(), folder.into()]);
    }
    if host.host() == "localhost" || Host::here().answers_to(host.host()) {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        return command;
    }
    // Arguments hold no zero bytes, which is all that cannot be quoted.
    let line = shlex::bytes::try_join(words.iter().map(|word| word.as_bytes())).unwrap_or_default();
    let mut command = Command::new("ssh");
    command
        .args([
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=5",
            "--",
            host.as_str(),
        ])
        .arg(OsString::from_vec(line));
    command
}

/// What a command says, and its complaints, unless it takes too long. Both are read while it runs,
/// so that it never waits for a reader.
fn said(command: &mut Command) -> Result<(String, String), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("cannot run {name}: {error}"))?;
    let (out, complaint) = (Ear::at(child.stdout.take()), Ear::at(child.stderr.take()));
    let ended = wait(&mut child);
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    ended?;
    Ok((out.heard(), complaint.heard()))
}

fn wait(child: &mut Child) -> Result<(), String> {
    let began = Instant::now();
    while child
        .try_wait()
        .map_err(|error| error.to_string())?
        .is_none()
    {
        if began.elapsed() > ANSWER {
            return Err(format!("no answer in {} s: a file system that hangs?", ANSWER.as_secs()));
        }
        thread::sleep(GLANCE);
    }
    Ok(())
}

/// Hears a pipe to its end, and keeps the last part.
struct Ear {
    kept: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Ear {
    fn at(pipe: Option<impl Read + Send + 'static>) -> Ear {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&kept);
        let thread = thread::spawn(move || {
            let mut some = [0; 4096];
            let Some(mut pipe) = pipe else { return };
            while let Ok(count @ 1..) = pipe.read(&mut some) {
                locked(&shared, |kept| keep_last(kept, &some[..count]));
            }
        });
        Ear { kept, thread }
    }

    /// What was heard. The pipe may stay open in the hands of others, such as a connection that ssh
    /// keeps.
    fn heard(self) -> String {
        let began = Instant::now();
        while !self.thread.is_finished() && began.elapsed() < LAST_WORDS {
            thread::sleep(GLANCE);
        }
        locked(&self.kept, |kept| String::from_utf8_lossy(kept).into_owned())
    }
}

fn keep_last(kept: &mut Vec<u8>, more: &[u8]) {
    kept.extend_from_slice(more);
    if kept.len() > 2 * LONGEST {
        kept.drain(..kept.len() - LONGEST);
    }
}

/// The facts among what a host printed, whatever its shell greets with, or its complaint.
fn read(out: &str, complaint: &str) -> Result<Facts, String> {
    let mut lines = out.lines().map(str::trim);
    if let Some(facts) = lines.find_map(|line| serde_json::from_str(line).ok()) {
        return Ok(facts);
    }
    match complaint.trim() {
        "" => Err(out.to_owned()),
        complaint => Err(complaint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_found_among_greetings() {
        let facts = Facts {
            host: "h1".into(),
            ..Facts::default()
        };
        let out = format!("Welcome\n{}\nBye\n", serde_json::to_string(&facts).expect("plain"));
        assert_eq!(read(&out, "motd"), Ok(facts));
        assert_eq!(read("", "no route\n"), Err("no route".to_owned()));
        assert_eq!(read("what?", ""), Err("what?".to_owned()));
    }

    #[test]
    fn whoever_says_much_is_heard_to_the_end() {
        let mut much = Command::new("bash");
        much.args([
            "-c",
            "head -c 300000 /dev/zero | tr '\\0' x >&2; echo end >&2; echo facts",
        ]);
        let (out, complaint) = said(&mut much).expect("ends");
        assert!(
            out == "facts\n" && complaint.ends_with("xend\n") && complaint.len() <= 2 * LONGEST
        );
    }

    #[test]
    fn a_host_is_never_an_option() {
        let host = HostName::parse("elsewhere.invalid").expect("a name");
        let command = question(&host, Path::new("/a b/fedmpi"), None);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words[4..], ["--", "elsewhere.invalid", "'/a b/fedmpi' probe"]);
    }
}
