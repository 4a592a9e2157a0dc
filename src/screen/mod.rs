//! What people see of a run while it goes on: a line now and then, and a bar where there is a
//! terminal. Rank 0 draws it on the terminal of whoever started the job: under a launcher ranks
//! have pipes only.

mod bar;
mod course;
mod figures;
mod lines;
mod rhythm;
mod terminal;

use crate::config::{Config, Mode, Progress};
use crate::event::Recorder;
use serde::{Deserialize, Serialize};

pub use bar::{Bar, ERASE};
pub use course::Course;
pub use figures::{clock, figure, metric, seconds};
pub use lines::RoundLog;
pub use rhythm::Rhythm;
pub use terminal::Terminal;

/// Columns that every terminal has.
pub const WIDTH: usize = 80;
/// What is left of them beside the time of day.
pub const ROOM: usize = WIDTH - "00:00:00 ".len();

/// How lines are written that end on a terminal, by all ranks of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// A bar may stand where a line begins.
    pub over_bar: bool,
    /// Colours are wanted.
    pub colours: bool,
}

/// What is shown of a run.
#[derive(Debug, Default)]
pub struct Screen {
    terminal: Option<Terminal>,
    bar: bool,
    lines: bool,
}

impl Screen {
    /// As a config wants it, and as far as there is a terminal. `launched` says whether a launcher
    /// started this rank.
    pub fn find(config: &Config, launched: bool) -> Screen {
        let terminal = match config.progress {
            Progress::Bar => Terminal::any(),
            Progress::Auto | Progress::Lines | Progress::None => Terminal::of_starter(launched),
        };
        let (bar, lines) = shown(config, terminal.is_some());
        if config.progress == Progress::Bar && !bar {
            log::warn!(
                "there is no terminal to draw on, so lines are written (hint: --progress lines)"
            );
        }
        Screen {
            terminal,
            bar,
            lines,
        }
    }

    /// How lines look beside it.
    pub fn look(&self) -> Look {
        Look {
            over_bar: self.bar,
            colours: self.terminal.is_some() && terminal::colours_are_wanted(),
        }
    }

    /// What shows the rounds of a run; of a run that goes on some are `done`.
    pub fn recorders(
        self,
        config: &Config,
        metric: Option<&str>,
        done: u32,
    ) -> Vec<Box<dyn Recorder>> {
        let course =
            || Course::new(config.comm_round as u32, config.mode == Mode::Async, metric, done);
        let colours = self.look().colours;
        let rhythm = if self.bar {
            Rhythm::sparse()
        } else {
            Rhythm::steady()
        };
        let lines = RoundLog::new(course(), self.lines.then_some(rhythm));
        let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(lines)];
        if let Some(terminal) = self.terminal.filter(|_| self.bar) {
            recorders.push(Box::new(Bar::new(course(), terminal, colours)));
        }
        recorders
    }
}

/// Whether there shall be a bar, and lines. Lines stand above a bar too, so that something stays.
fn shown(config: &Config, terminal: bool) -> (bool, bool) {
    match config.progress {
        Progress::None => (false, false),
        // Programs read on, or nobody.
        Progress::Auto if config.quiet || config.json => (false, false),
        Progress::Lines => (false, true),
        Progress::Auto | Progress::Bar => (terminal, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_needs_a_terminal_and_lines_need_nobody_who_wants_silence() {
        let config = |progress, quiet, json| Config {
            progress,
            quiet,
            json,
            ..Config::default()
        };
        let both = |config: &Config| [shown(config, false), shown(config, true)];
        assert_eq!(both(&config(Progress::Auto, false, false)), [(false, true), (true, true)]);
        assert_eq!(both(&config(Progress::Bar, true, true)), [(false, true), (true, true)]);
        assert_eq!(both(&config(Progress::Lines, false, true)), [(false, true), (false, true)]);
        for silent in [
            (Progress::None, false, false),
            (Progress::Auto, true, false),
            (Progress::Auto, false, true),
        ] {
            assert_eq!(
                both(&config(silent.0, silent.1, silent.2)),
                [(false, false), (false, false)]
            );
        }
    }
}
