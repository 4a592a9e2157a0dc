//! What is logged, how, and where.

use crate::config::Config;
use crate::files;
use crate::ids::Rank;
use crate::plan::expand;
use crate::transport::Host;
use anyhow::{Context, Result};
use env_logger::{Builder, DEFAULT_FILTER_ENV, Env, Target};
use log::LevelFilter;
use std::env;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

/// Lines carry time and level; those of a rank its number and host too. Commands log warnings only.
pub(crate) fn start_log(rank: Option<Rank>) {
    let level = if rank.is_some() { LevelFilter::Trace } else { LevelFilter::Warn };
    let speaker = rank.map_or(String::new(), |rank| format!(" rank {rank} on {}:", Host::here().name));
    Builder::from_env(Env::default().default_filter_or(level.as_str()))
        .target(Target::Pipe(Box::new(Lines)))
        .format(move |out, record| {
            let time = out.timestamp_millis();
            writeln!(out, "{time} {:<5}{speaker} {}", record.level(), record.args())
        })
        .init();
}

/// What each number of `--verbose` shows.
const LEVELS: [LevelFilter; 3] = [LevelFilter::Info, LevelFilter::Debug, LevelFilter::Trace];

/// How much is logged, unless `RUST_LOG` says it.
pub(crate) fn log_at(verbose: u8) {
    if env::var_os(DEFAULT_FILTER_ENV).is_none() {
        log::set_max_level(LEVELS[usize::from(verbose.min(2))]);
    }
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
    let file = opened.with_context(|| format!("cannot write {} (hint: --log_dir)", path.display()))?;
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    Ok(())
}

/// Where lines go.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut *FILE.lock().unwrap_or_else(PoisonError::into_inner) {
            // A disk that is full ends no training; the terminal has the line.
            let _ = file.write_all(line);
        }
        io::stderr().write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
