//! The terminal of whoever started a job. A rank under a launcher has none: its words go through
//! the launcher's pipes. So the launcher is looked for among the processes that this one descends
//! from, and its own terminal is drawn on.

use super::WIDTH;
use crate::files;
use rustix::fs::{Mode, OFlags, open};
use rustix::termios::{isatty, tcgetwinsize};
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::iter;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process;

/// A terminal to write to.
#[derive(Debug)]
pub struct Terminal {
    file: File,
    // Whose terminal it is, if it counts whether that is in its foreground.
    starter: Option<u32>,
}

/// A process, as far as the system tells.
#[derive(Clone, Debug, PartialEq)]
struct Process {
    id: u32,
    name: String,
    parent: u32,
    group: i64,
    // The group in the foreground of its terminal; -1 without a terminal.
    foreground: i64,
}

impl Terminal {
    /// That of this process's errors, or of its launcher's: of the first of its ancestors whose
    /// errors go elsewhere. None if they go to no terminal, as where they are redirected, or if
    /// the job runs in the background.
    pub fn of_starter(launched: bool) -> Option<Terminal> {
        let own = fs::read_link(errors_of(process::id())).ok()?;
        let forwards =
            |process: &Process| fs::read_link(errors_of(process.id)).is_ok_and(|to| to != own);
        let starter = match Terminal::of(process::id()) {
            Some(_) => ancestors().next()?,
            None if launched => {
                let own_name = ancestors().next()?.name;
                let is_between =
                    |process: &Process| process.is_proxy() || process.is_read_by(&own_name);
                ancestors().find(|process| !is_between(process) && forwards(process))?
            }
            None => return None,
        };
        let terminal = Terminal::of(starter.id).filter(|_| starter.is_in_foreground())?;
        Some(Terminal {
            starter: Some(starter.id),
            ..terminal
        })
    }

    /// The nearest one.
    pub fn any() -> Option<Terminal> {
        ancestors().find_map(|process| Terminal::of(process.id))
    }

    fn of(process: u32) -> Option<Terminal> {
        let path = errors_of(process);
        let is_device = fs::metadata(&path).is_ok_and(|facts| facts.file_type().is_char_device());
        if !is_device || env::var("TERM").map_or(true, |name| name.is_empty() || name == "dumb") {
            return None;
        }
        // A terminal that takes nothing for now must not keep the run.
        let file = open(
            &path,
            OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        );
        file.ok().filter(|file| isatty(file)).map(|file| Terminal {
            file: file.into(),
            starter: None,
        })
    }

    /// Columns.
    pub fn width(&self) -> usize {
        let known = tcgetwinsize(&self.file).map_or(0, |size| usize::from(size.ws_col));
        if known > 0 { known } else { WIDTH }
    }

    /// Writes all at once, unless the terminal has been taken away.
    pub fn write(&self, text: &str) {
        let taken = self
            .starter
            .is_some_and(|starter| !Process::read(starter).is_some_and(|it| it.is_in_foreground()));
        if !taken {
            // What is not drawn now is drawn the next time.
            let _ = (&self.file).write(text.as_bytes());
        }
    }
}

/// Whether colours are wanted where there is a terminal.
pub fn colours_are_wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|said| said.is_empty())
}

fn errors_of(process: u32) -> PathBuf {
    Path::new("/proc").join(process.to_string()).join("fd/2")
}

/// This process, its parent, and so on.
fn ancestors() -> impl Iterator<Item = Process> {
    iter::successors(Process::read(process::id()), |process| Process::read(process.parent))
}

impl Process {
    fn read(id: u32) -> Option<Process> {
        let stat = files::text(&Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
        Process::parse(id, &stat)
    }

    /// `ID (NAME) STATE PARENT GROUP SESSION TERMINAL FOREGROUND ...`; the name may hold anything.
    fn parse(id: u32, stat: &str) -> Option<Process> {
        let (_, rest) = stat.split_once('(')?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |place: usize| fields.get(place)?.parse::<i64>().ok();
        let parent = u32::try_from(number(1)?)
            .ok()
            .filter(|parent| *parent > 0)?;
        Some(Process {
            id,
            name: name.to_owned(),
            parent,
            group: number(2)?,
            foreground: number(5)?,
        })
    }

    fn is_in_foreground(&self) -> bool {
        self.group == self.foreground
    }

    /// Hydra's proxies stand between its launcher and the ranks; what they say goes through its
    /// pipes too.
    fn is_proxy(&self) -> bool {
        self.name.starts_with("hydra")
    }

    /// `fedmpi launch` reads what its launcher says, and passes it on.
    fn is_read_by(&self, program: &str) -> bool {
        let is_piped = fs::read_link(errors_of(self.id))
            .is_ok_and(|to| to.to_string_lossy().starts_with("pipe:"));
        is_piped && Process::read(self.parent).is_some_and(|parent| parent.name == program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let read = Process::parse(7, "7 (a) b (c) S 3 7 2 34816 9 4194304 1 2");
        let wanted = Process {
            id: 7,
            name: "a) b (c".to_owned(),
            parent: 3,
            group: 7,
            foreground: 9,
        };
        assert_eq!(read, Some(wanted.clone()));
        assert!(
            !wanted.is_in_foreground()
                && Process {
                    group: 9,
                    ..wanted.clone()
                }
                .is_in_foreground()
        );
        assert!(
            !wanted.is_proxy()
                && Process {
                    name: "hydra_pmi_proxy".to_owned(),
                    ..wanted
                }
                .is_proxy()
        );
        assert!(
            Process::parse(1, "1 (init) S 0 1 1 0 -1 0").is_none()
                && Process::parse(1, "1 (").is_none()
        );
        assert!(
            ancestors()
                .next()
                .is_some_and(|own| own.id == process::id())
        );
    }
}
