//! What is logged, how, and where.

use crate::config::{Config, Flags};
use crate::files;
use crate::ids::Rank;
use crate::plan::expand;
use crate::screen::{ERASE, Look};
use crate::transport::Host;
use anyhow::{Context, Result};
use env_logger::fmt::style::{AnsiColor, Style};
use env_logger::{Builder, DEFAULT_FILTER_ENV, Env, Logger};
use jiff::{Timestamp, Zoned};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::env;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// Who logs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker {
    /// A command, which has warnings only.
    Command,
    /// A rank of a job.
    Rank(Rank),
}

/// From now on what is logged is written: short lines to standard error for people, full ones to a
/// rank's own file.
pub(crate) fn start_log(speaker: Speaker) {
    let (level, who) = match speaker {
        Speaker::Command => (LevelFilter::Warn, None),
        Speaker::Rank(rank) => (LevelFilter::Trace, Some((rank, Host::here().name))),
    };
    let filter = Builder::from_env(Env::default().default_filter_or(level.as_str())).build();
    log::set_max_level(filter.filter());
    // Whoever has a logger already keeps it.
    let _ = log::set_boxed_logger(Box::new(Lines { filter, who }));
}

/// What each number of `--verbose` shows, after `--quiet`.
const LEVELS: [LevelFilter; 4] = [
    LevelFilter::Warn,
    LevelFilter::Info,
    LevelFilter::Debug,
    LevelFilter::Trace,
];

/// How much a config wants to hear.
pub(crate) fn level(config: &Config) -> LevelFilter {
    let place = if config.quiet {
        0
    } else {
        1 + usize::from(config.verbose.min(2))
    };
    LEVELS[place]
}

/// How much flags want to hear, as long as nothing else is known.
pub(crate) fn level_of_flags(flags: &Flags) -> LevelFilter {
    let (quiet, verbose) = (flags.quiet.unwrap_or(false), flags.verbose.unwrap_or(0));
    level(&Config {
        quiet,
        verbose,
        ..Config::default()
    })
}

/// How much is logged, unless `RUST_LOG` says it.
pub(crate) fn log_at(level: LevelFilter) {
    if env::var_os(DEFAULT_FILTER_ENV).is_none() {
        log::set_max_level(level);
    }
}

/// How lines look.
static LOOK: OnceLock<Look> = OnceLock::new();

/// From now on lines look like this.
pub(super) fn look(look: Look) {
    // It is said once.
    let _ = LOOK.set(look);
}

/// A rank's own file, once there is one.
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// From now on lines go to a file of this rank too, after those that are there.
///
/// # Errors
/// A file that cannot be made.
pub(super) fn log_to_file(config: &Config, rank: Rank) -> Result<()> {
    let Some(folder) = &config.log_dir else { return Ok(()) };
    let folder = expand(folder, rank, &Host::here().name);
    let path = folder.join(format!("rank-{rank}.log"));
    let opened = fs::create_dir_all(&folder).and_then(|()| {
        let mut file = files::open_or_create(&path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    });
    let file =
        opened.with_context(|| format!("cannot write {} (hint: --log_dir)", path.display()))?;
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    Ok(())
}

/// Writes lines.
struct Lines {
    filter: Logger,
    who: Option<(Rank, String)>,
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.filter.matches(record) {
            return;
        }
        let (level, words) = (record.level(), record.args().to_string());
        if let Some(file) = &mut *FILE.lock().unwrap_or_else(PoisonError::into_inner) {
            // A disk that is full ends no training; the terminal has the line.
            let _ = file.write_all(self.in_full(level, &words).as_bytes());
        }
        let look = LOOK.get().copied().unwrap_or_default();
        // Nobody is left to be told.
        let _ = io::stderr().write_all(self.short(level, &words, look).as_bytes());
    }

    fn flush(&self) {
        let _ = io::stderr().flush();
    }
}

impl Lines {
    /// For whoever looks into it later.
    fn in_full(&self, level: Level, words: &str) -> String {
        let time = Timestamp::now();
        format!("{time:.3} {level:<5}{} {words}\n", self.named(true))
    }

    /// For people who know the day and the server. An error may be of one host alone.
    fn short(&self, level: Level, words: &str, look: Look) -> String {
        let (start, now) = (if look.over_bar { ERASE } else { "" }, Zoned::now());
        let time = now.strftime("%H:%M:%S");
        let (kind, style) = match level {
            Level::Info => return format!("{start}{time} {words}\n"),
            Level::Error => ("error".to_owned(), bold(look, AnsiColor::Red)),
            Level::Warn => ("warning".to_owned(), bold(look, AnsiColor::Yellow)),
            Level::Debug | Level::Trace => (level.as_str().to_lowercase(), Style::new()),
        };
        let named = self.named(level != Level::Warn);
        format!("{start}{time} {style}{kind}:{style:#}{named} {words}\n")
    }

    /// Whose words they are; the server's are not named unless it counts.
    fn named(&self, server_too: bool) -> String {
        let Some((rank, host)) = &self.who else { return String::new() };
        let rank = rank_of_thread().unwrap_or(*rank);
        if server_too || rank != Rank::SERVER {
            format!(" rank {rank} on {host}:")
        } else {
            String::new()
        }
    }
}

/// Which worker this thread is, where workers are threads: its name tells.
fn rank_of_thread() -> Option<Rank> {
    let thread = thread::current();
    let number = thread.name()?.strip_prefix("rank ")?;
    number.parse().ok().map(Rank)
}

/// A bold colour, where colours are wanted.
fn bold(look: Look, colour: AnsiColor) -> Style {
    if look.colours {
        colour.on_default().bold()
    } else {
        Style::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_and_host_are_named_where_they_tell_something() {
        let lines = |rank| Lines {
            filter: Builder::new().build(),
            who: Some((Rank(rank), "h".to_owned())),
        };
        let short = |rank, level| {
            lines(rank).short(level, "x", Look::default())["00:00:00 ".len()..].to_owned()
        };
        assert_eq!([short(0, Level::Info), short(1, Level::Info)], ["x\n", "x\n"]);
        assert_eq!(
            [short(0, Level::Warn), short(1, Level::Warn)],
            ["warning: x\n", "warning: rank 1 on h: x\n"]
        );
        assert_eq!(
            [short(0, Level::Error), short(1, Level::Debug)],
            ["error: rank 0 on h: x\n", "debug: rank 1 on h: x\n"]
        );
        assert!(
            lines(0)
                .in_full(Level::Warn, "x")
                .ends_with("Z WARN  rank 0 on h: x\n")
        );
    }

    #[test]
    fn threads_of_workers_are_named_by_their_rank() {
        let lines = Lines {
            filter: Builder::new().build(),
            who: Some((Rank::SERVER, "h".to_owned())),
        };
        let worker = thread::Builder::new().name("rank 3".to_owned());
        let told = worker.spawn(move || lines.named(false)).expect("a thread");
        assert_eq!(told.join().expect("no panic"), " rank 3 on h:");
    }

    #[test]
    fn lines_over_a_bar_erase_it_and_colours_are_on_terminals_only() {
        let lines = Lines {
            filter: Builder::new().build(),
            who: None,
        };
        let look = Look {
            over_bar: true,
            colours: true,
        };
        let [plain, drawn] =
            [Look::default(), look].map(|look| lines.short(Level::Warn, "x", look));
        assert!(
            !plain.contains('\x1b')
                && drawn.starts_with(ERASE)
                && drawn.contains("warning:\x1b[0m x"),
            "{drawn:?}"
        );
    }
}
